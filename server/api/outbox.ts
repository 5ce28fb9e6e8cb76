/** The outgoing side of one WebSocket: nothing more is produced for a reader that does not read. */
import { WebSocket } from 'ws';
import type { ServerMessage } from '../protocol/events.ts';

export class Outbox {
  readonly #socket: WebSocket;
  readonly #limitBytes: number;
  readonly #waiting = new Set<() => void>();

  /** @param limitBytes that may wait to be read; at most one message more does */
  constructor(socket: WebSocket, limitBytes: number) {
    this.#socket = socket;
    this.#limitBytes = limitBytes;
    socket.once('close', () => this.#wakeAll());
  }

  /** Fulfilled when there is room, when the socket has closed, or when `signal` is aborted. */
  async room(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#isFull) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      const onAbort = () => resolve();
      signal.addEventListener('abort', onAbort);
      await promise;
      signal.removeEventListener('abort', onAbort);
      this.#waiting.delete(resolve);
    }
  }

  /** Sends a message once there is room for it; not any more after `signal`. */
  async send(message: ServerMessage, signal: AbortSignal): Promise<void> {
    await this.room(signal);
    if (!signal.aborted) this.#write(message);
  }

  /** Answers what the client itself sent. A client that only sends and never reads is cut off. */
  reply(message: ServerMessage): void {
    if (this.#isFull) this.#socket.terminate();
    else this.#write(message);
  }

  get #isFull(): boolean {
    return this.#socket.readyState === WebSocket.OPEN && this.#socket.bufferedAmount > this.#limitBytes;
  }

  #write(message: ServerMessage): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify(message), () => {
      if (!this.#isFull) this.#wakeAll();
    });
  }

  #wakeAll(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
