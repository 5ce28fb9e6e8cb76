/**
 * WebSocket connections through the gateway: the handshake goes to a replica as it came, and after its 101 bytes
 * flow both ways until one side ends.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { SlipwayError } from '../protocol/errors.ts';
import type { Connection, Exchange, ExchangeFailure } from './connection.ts';
import { admit, clientFields, type ProxyContext, stickyKeyOf, upstreamHead } from './proxy.ts';
import { refusalParts, refusals } from './refusal.ts';
import { endpointOf, type RequestHead, readRequestHead } from './requestHead.ts';
import type { ResponseHead } from './responseParser.ts';
import { type Choice, choose, type Endpoint } from './table.ts';

/** Handles one upgrade request; `first` are bytes that came behind its head. */
export function proxyUpgrade(context: ProxyContext, request: IncomingMessage, socket: Socket, first: Buffer): void {
  socket.on('error', () => socket.destroy());
  const place = endpointOf(request.url ?? '/');
  const head = readRequestHead(request, place?.target ?? '/');
  const admission = admit(context.table, place?.name ?? null, head, request);
  if ('error' in admission) refuseOnSocket(socket, admission.error, head.requestId);
  else if (head.upgrade !== 'websocket') {
    refuseOnSocket(socket, refusals.upgradeNotSupported(head.upgrade ?? ''), head.requestId);
  } else {
    const choice = choose(admission.endpoint, stickyKeyOf(admission.endpoint, head, request), null);
    if (choice === null) {
      refuseOnSocket(socket, refusals.noReadyReplica(admission.endpoint.route.name), head.requestId);
    } else new Tunnel(context, admission.endpoint, choice, head, socket, first).begin();
  }
}

/** Answers on a bare socket and closes it. */
export function refuseOnSocket(socket: Socket, error: SlipwayError, requestId: string): void {
  const { fields, body } = refusalParts(error, requestId);
  fields.push('Connection', 'close');
  if (socket.writable)
    socket.end(`${headText(error.status, error.status === 400 ? 'Bad Request' : '', fields)}${body}`);
  else socket.destroy();
}

function headText(status: number, reason: string, fields: readonly string[]): string {
  let text = `HTTP/1.1 ${status} ${reason}\r\n`;
  for (let index = 0; index < fields.length; index += 2) text += `${fields[index]}: ${fields[index + 1]}\r\n`;
  return `${text}\r\n`;
}

class Tunnel implements Exchange {
  readonly method = 'GET';
  readonly #context: ProxyContext;
  readonly #endpoint: Endpoint;
  readonly #choice: Choice;
  readonly #head: RequestHead;
  readonly #socket: Socket;
  readonly #first: Buffer;
  readonly #startedMs = performance.now();
  #deadlineMs = Number.POSITIVE_INFINITY;
  #connection: Connection | null = null;
  #status = 0;
  #latencyMs: number | null = null;
  #isOver = false;

  constructor(
    context: ProxyContext,
    endpoint: Endpoint,
    choice: Choice,
    head: RequestHead,
    socket: Socket,
    first: Buffer,
  ) {
    this.#context = context;
    this.#endpoint = endpoint;
    this.#choice = choice;
    this.#head = head;
    this.#socket = socket;
    this.#first = first;
  }

  begin(): void {
    this.#context.active.add(this);
    this.#choice.replica.inFlight++;
    this.#choice.revision.statistics.inFlight++;
    this.#deadlineMs = this.#startedMs + this.#endpoint.route.timeoutMs;
    this.#socket.on('close', () => this.#clientIsGone());
    this.#connection = this.#choice.replica.send(this, true);
  }

  /** Only the handshake has a limit; an open WebSocket may be silent for as long as it likes. */
  checkTimeout(nowMs: number): void {
    if (nowMs >= this.#deadlineMs) this.#connection?.destroy('timeout');
  }

  onOpen(connection: Connection): void {
    const address = this.#socket.remoteAddress ?? 'unix';
    const head = upstreamHead(this.#endpoint, this.#head, this.#choice.replica, address);
    connection.write(`${head}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
  }

  onHead(head: ResponseHead): void {
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#status = head.status;
    this.#latencyMs = performance.now() - this.#startedMs;
    const fields = clientFields(head, this.#head.requestId, this.#choice);
    if (head.status !== 101) {
      this.#socket.write(headText(head.status, head.reason, [...fields, 'Connection', 'close']), 'latin1');
      return;
    }
    this.#socket.write(
      headText(101, head.reason, [...fields, 'Connection', 'Upgrade', 'Upgrade', 'websocket']),
      'latin1',
    );
    const connection = this.#connection!;
    if (this.#first.length > 0) connection.write(this.#first);
    this.#socket.on('data', (chunk: Buffer) => {
      if (!connection.write(chunk)) this.#socket.pause();
    });
    this.#socket.on('end', () => connection.end());
    this.#socket.on('drain', () => connection.resume());
  }

  onData(chunk: Buffer): boolean {
    return this.#socket.write(chunk);
  }

  onDrain(): void {
    this.#socket.resume();
  }

  /** A refusal by the replica is complete. */
  onEnd(): void {
    this.#finish(this.#status >= 500 ? 'the replica answered so' : null);
    this.#socket.end();
  }

  onFailure(failure: ExchangeFailure): void {
    if (this.#isOver) return;
    if (this.#status !== 0) {
      // The end of an open WebSocket, by the replica.
      this.#finish(this.#status === 101 ? null : failure.message);
      this.#socket.end();
      return;
    }
    if (failure.kind === 'connect') this.#choice.replica.setState('down');
    const { name } = this.#endpoint.route;
    const error =
      failure.kind === 'connect'
        ? refusals.noReadyReplica(name)
        : refusals.replicaFailed(name, this.#choice.revision.name, failure.message);
    this.#status = error.status;
    this.#finish(failure.message);
    refuseOnSocket(this.#socket, error, this.#head.requestId);
  }

  #clientIsGone(): void {
    if (this.#isOver) return;
    this.#finish(null);
    this.#connection?.destroy();
  }

  #finish(problem: string | null): void {
    this.#isOver = true;
    const { active, statistics } = this.#context;
    active.delete(this);
    const { replica, revision } = this.#choice;
    replica.inFlight--;
    revision.statistics.inFlight--;
    revision.statistics.count(this.#status, this.#latencyMs, problem !== null);
    statistics.version++;
    if (problem === null) return;
    const { requestId } = this.#head;
    const endpoint = this.#endpoint.route.name;
    const at = Date.now();
    statistics.addException({
      requestId,
      endpoint,
      revision: revision.name,
      status: this.#status,
      message: problem,
      at,
    });
  }
}
