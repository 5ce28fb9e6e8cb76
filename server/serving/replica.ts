/**
 * One replica of a revision: its address, what is known of its readiness, and the pool of connections to it.
 */
import { performance } from 'node:perf_hooks';
import { Connection, type Exchange, type ReplicaAddress } from './connection.ts';

/**
 * `unknown`: not checked yet. `ready`: answered its check. `slow`: did not answer the check in time, which a busy
 * model does too; used when nothing is ready. `down`: said it is not ready, or refused a connection.
 */
export type ReplicaState = 'unknown' | 'ready' | 'slow' | 'down';

/** So many failures in a row take a replica out, at first for EJECTION_MS, longer each time. */
const EJECT_AFTER = 5;
const EJECTION_MS = 5_000;
const MAX_EJECTION_MS = 60_000;

export interface ReplicaOptions {
  address: ReplicaAddress;
  /** Where readiness is asked for; without it a replica is ready while it takes connections. */
  readyPath: string | null;
  /** Sent to the replica as X-Slipway-Replica-Secret. */
  secret: string | null;
  connectTimeoutMs: number;
  /** Connections idle for longer are not used again; stays below the time after which the replica closes them. */
  keepAliveMs: number;
}

export class Replica {
  readonly label: string;
  state: ReplicaState = 'unknown';
  /** Requests that were given to this replica and are not answered yet. */
  inFlight = 0;
  /** No longer in the routes: carries what it has to its end and gets nothing new. */
  isRetired = false;
  options: ReplicaOptions;
  /** Answers of 5xx and broken exchanges since the last good answer. */
  #failures = 0;
  #ejections = 0;
  #ejectedUntilMs = 0;
  readonly #idle: Connection[] = [];
  readonly #waiting: (() => void)[] = [];

  constructor(options: ReplicaOptions) {
    this.options = options;
    const { address } = options;
    this.label = 'socket' in address ? `unix:${address.socket}` : `http://${address.host}:${address.port}`;
  }

  /** Begins an exchange on an idle connection, or on a new one if there is none or `isFresh` asks for it. */
  send(exchange: Exchange, isFresh: boolean): Connection {
    const connection = (isFresh ? undefined : this.#takeIdle()) ?? this.#connect();
    connection.begin(exchange);
    return connection;
  }

  /** Takes note of how a request ended: a replica that fails again and again gets none for a while. */
  ended(isError: boolean): void {
    if (!isError) {
      this.#failures = 0;
      return;
    }
    this.#failures++;
    if (this.#failures < EJECT_AFTER) return;
    this.#failures = 0;
    this.#ejections++;
    this.#ejectedUntilMs = performance.now() + Math.min(MAX_EJECTION_MS, EJECTION_MS * this.#ejections);
  }

  isEjected(nowMs: number): boolean {
    return nowMs < this.#ejectedUntilMs;
  }

  /** Sets what a check or an exchange has shown, and wakes those who waited for the first result. */
  setState(state: ReplicaState): void {
    this.state = state;
    if (state !== 'unknown') for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves when the first check has a result. */
  known(): Promise<void> {
    if (this.state !== 'unknown' || this.isRetired) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Gets nothing new from now on; idle connections close, busy ones when their exchange is over. */
  retire(): void {
    this.isRetired = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Closes connections that were idle for too long. */
  closeStale(nowMs: number): void {
    while (this.#idle.length > 0 && nowMs - this.#idle[0]!.idleSinceMs >= this.options.keepAliveMs) {
      this.#idle.shift()!.destroy();
    }
  }

  #takeIdle(): Connection | undefined {
    let connection = this.#idle.pop();
    while (connection !== undefined && !connection.isUsable) connection = this.#idle.pop();
    if (connection === undefined) return undefined;
    if (performance.now() - connection.idleSinceMs < this.options.keepAliveMs) return connection;
    // The last one used is too old, so all are.
    connection.destroy();
    for (const stale of this.#idle.splice(0)) stale.destroy();
    return undefined;
  }

  #connect(): Connection {
    return new Connection(
      this.options.address,
      this.options.connectTimeoutMs,
      (free) => {
        if (this.isRetired) free.destroy();
        else {
          free.idleSinceMs = performance.now();
          this.#idle.push(free);
        }
      },
      (closed) => {
        const index = this.#idle.indexOf(closed);
        if (index >= 0) this.#idle.splice(index, 1);
      },
    );
  }
}
