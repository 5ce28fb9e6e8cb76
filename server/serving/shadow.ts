/**
 * Shadow traffic: copies of requests go to a revision whose answers no client sees. They are compared with the
 * answers that the clients got; nothing ever waits for them, and too many at once are left out and counted.
 */
import { performance } from 'node:perf_hooks';
import { chooseLeastBusy } from './balance.ts';
import type { Connection, Exchange, ExchangeFailure } from './connection.ts';
import type { Replica } from './replica.ts';
import type { ResponseHead } from './responseParser.ts';
import type { ShadowStatistics } from './statistics.ts';
import type { Endpoint, Revision } from './table.ts';

/** What a client got, or what the shadow answered. */
export interface Answer {
  status: number;
  /** Null where it was too large to keep. */
  body: Buffer | null;
}

/** Copies under way for one endpoint; each may hold a request and two answers. */
const MAX_IN_FLIGHT = 64;
const TIMEOUT_MS = 30_000;
const KEPT_BYTES = 64 * 1024;

/** One request that was copied: told what the client got, it compares. */
export interface Mirror {
  /** @param answer what the client got; null if it got none */
  answered(answer: Answer | null): void;
}

/**
 * Sends a copy of a request to the endpoint's shadow revision.
 * @param write writes the whole request for the replica it is given
 * @returns null where there is no shadow, it has no ready replica, or too many copies are under way
 */
export function mirror(
  endpoint: Endpoint,
  method: string,
  write: (connection: Connection, replica: Replica) => void,
): Mirror | null {
  const { shadow } = endpoint.route;
  if (shadow === null || Math.random() >= shadow.rate) return null;
  const revision = endpoint.revisions.find(({ name }) => name === shadow.revision);
  if (revision === undefined) return null;
  const counted = revision.statistics.shadow;
  const replica = readyReplica(revision);
  if (replica === null || counted.inFlight >= MAX_IN_FLIGHT) {
    counted.dropped++;
    return null;
  }
  return new ShadowExchange(replica, method, write, counted);
}

function readyReplica(revision: Revision): Replica | null {
  const ready = revision.replicas.filter(({ state }) => state === 'ready');
  return chooseLeastBusy(ready, revision.turn++);
}

class ShadowExchange implements Exchange, Mirror {
  readonly method: string;
  readonly #write: (connection: Connection, replica: Replica) => void;
  readonly #replica: Replica;
  readonly #counted: ShadowStatistics;
  readonly #startedMs = performance.now();
  readonly #timer: NodeJS.Timeout;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #status = 0;
  /** Undefined until known. */
  #own: Answer | null | undefined;
  #clients: Answer | null | undefined;

  constructor(
    replica: Replica,
    method: string,
    write: (connection: Connection, replica: Replica) => void,
    counted: ShadowStatistics,
  ) {
    this.method = method;
    this.#write = write;
    this.#replica = replica;
    this.#counted = counted;
    counted.sent++;
    counted.inFlight++;
    replica.inFlight++;
    const connection = replica.send(this, false);
    this.#timer = setTimeout(() => connection.destroy('timeout'), TIMEOUT_MS);
    this.#timer.unref();
  }

  answered(answer: Answer | null): void {
    this.#clients = answer;
    this.#compare();
  }

  onOpen(connection: Connection): void {
    this.#write(connection, this.#replica);
    connection.requestSent();
  }

  onHead(head: ResponseHead): void {
    this.#status = head.status;
    this.#counted.latencySumMs += performance.now() - this.#startedMs;
  }

  onData(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes <= KEPT_BYTES) this.#chunks.push(chunk);
    return true;
  }

  onDrain(): void {}

  onEnd(): void {
    this.#end({ status: this.#status, body: this.#bytes <= KEPT_BYTES ? Buffer.concat(this.#chunks) : null });
  }

  onFailure(_: ExchangeFailure): void {
    this.#end(null);
  }

  #end(answer: Answer | null): void {
    clearTimeout(this.#timer);
    this.#replica.inFlight--;
    this.#counted.inFlight--;
    if (answer === null || answer.status >= 500) this.#counted.failed++;
    this.#own = answer;
    this.#chunks = [];
    this.#compare();
  }

  #compare(): void {
    const [own, clients] = [this.#own, this.#clients];
    if (!own || !clients || own.body === null || clients.body === null) return;
    if (own.status === clients.status && own.body.equals(clients.body)) this.#counted.same++;
    else this.#counted.different++;
  }
}
