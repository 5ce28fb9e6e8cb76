/**
 * Asks each replica, again and again, whether it is ready. Between two checks the proxy itself takes a replica out
 * that refuses a connection.
 */
import type { Connection, Exchange, ExchangeFailure } from './connection.ts';
import type { Replica, ReplicaState } from './replica.ts';
import type { ResponseHead } from './responseParser.ts';

/** A model server that drains keeps listening for 3 s: several checks must fall into that time. */
const CHECK_INTERVAL_MS = 500;
const CHECK_TIMEOUT_MS = 2_000;

/**
 * Checks a replica at once and then at intervals until it is retired.
 * @param onChange called when its state has changed
 */
export function watchReadiness(replica: Replica, onChange: (replica: Replica, before: ReplicaState) => void): void {
  const check = () => {
    if (replica.isRetired) return;
    new ReadinessCheck(replica, (state) => {
      if (replica.isRetired) return;
      const before = replica.state;
      replica.setState(state);
      if (before !== state) onChange(replica, before);
      setTimeout(check, CHECK_INTERVAL_MS).unref();
    }).begin();
  };
  check();
}

class ReadinessCheck implements Exchange {
  readonly method = 'GET';
  readonly #replica: Replica;
  readonly #done: (state: ReplicaState) => void;
  #status = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(replica: Replica, done: (state: ReplicaState) => void) {
    this.#replica = replica;
    this.#done = done;
  }

  begin(): void {
    // A new connection each time: that the replica still takes connections is part of what is asked.
    const connection = this.#replica.send(this, true);
    this.#timer = setTimeout(() => connection.destroy('timeout'), CHECK_TIMEOUT_MS);
  }

  onOpen(connection: Connection): void {
    const { readyPath, secret } = this.#replica.options;
    if (readyPath === null) {
      this.#status = 200;
      connection.destroy();
      return;
    }
    const secretLine = secret === null ? '' : `X-Slipway-Replica-Secret: ${secret}\r\n`;
    connection.write(`GET ${readyPath} HTTP/1.1\r\nHost: replica\r\n${secretLine}Connection: close\r\n\r\n`);
    connection.requestSent();
  }

  onHead(head: ResponseHead): void {
    this.#status = head.status;
  }

  onData(): boolean {
    return true;
  }

  onEnd(): void {
    this.#end(this.#status >= 200 && this.#status < 300 ? 'ready' : 'down');
  }

  onFailure(failure: ExchangeFailure): void {
    if (this.#status !== 0) this.onEnd();
    else if (failure.kind !== 'timeout') this.#end('down');
    else this.#end(this.#replica.state === 'ready' || this.#replica.state === 'slow' ? 'slow' : 'down');
  }

  onDrain(): void {}

  #end(state: ReplicaState): void {
    clearTimeout(this.#timer);
    this.#done(state);
  }
}
