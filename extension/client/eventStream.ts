import WebSocket from 'ws';
import { type ClientMessage, ServerMessage } from '../../server/protocol/events.ts';
import { advance, fromTheStart } from '../../server/protocol/resume.ts';
import type { Address } from './api.ts';

const heartbeatMs = 20_000;
const openMs = 10_000;

export type Receive = (message: ServerMessage) => void;

/**
 * The one WebSocket of changes. Subscriptions outlive connections: after a break each is asked for again where it
 * stood. Who connects again, where and when is the connection's business.
 */
export class EventStream {
  private readonly subscriptions = new Map<string, { message: ClientMessage; receive: Receive }>();
  private readonly onLost: () => void;
  private readonly onProblem: (problem: string) => void;
  private socket: WebSocket | undefined;
  private instance: string | undefined;

  constructor(onLost: () => void, onProblem: (problem: string) => void) {
    this.onLost = onLost;
    this.onProblem = onProblem;
  }

  /** Begins a subscription; one of the same id is replaced. Returns what ends it. */
  subscribe(message: ClientMessage, receive: Receive): () => void {
    const entry = { message, receive };
    this.subscriptions.set(message.id, entry);
    this.send(message);
    return () => {
      if (this.subscriptions.get(message.id) !== entry) return;
      this.subscriptions.delete(message.id);
      this.send({ type: 'unsubscribe', id: message.id });
    };
  }

  /**
   * Connects, and resumes every subscription. A control plane of another instance has other cursors: there everything
   * is asked for from the start.
   * @throws when the control plane does not accept the connection
   */
  async open(address: Address, instance: string): Promise<void> {
    this.close();
    const socket = new WebSocket(`${address.url.replace(/^http/, 'ws')}/api/v1/events`, {
      headers: { authorization: `Bearer ${address.token}` },
      handshakeTimeout: openMs,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    this.socket = socket;
    const isOther = this.instance !== undefined && this.instance !== instance;
    this.instance = instance;
    for (const [id, entry] of this.subscriptions) {
      if (isOther) {
        entry.message = fromTheStart(entry.message);
        entry.receive({ type: 'resync', id });
      }
      this.send(entry.message);
    }
    socket.on('message', (data) => this.receive(String(data)));
    socket.on('error', (error) => this.onProblem(`events: ${error.message}`));
    this.watch(socket);
  }

  close(): void {
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
  }

  /** A peer that vanished without a word (sleep, a frozen process) is noticed by its missing pong. */
  private watch(socket: WebSocket): void {
    let answered = true;
    socket.on('pong', () => {
      answered = true;
    });
    const heartbeat = setInterval(() => {
      if (!answered) return socket.terminate();
      answered = false;
      socket.ping();
    }, heartbeatMs);
    socket.on('close', () => {
      clearInterval(heartbeat);
      if (this.socket !== socket) return;
      this.socket = undefined;
      this.onLost();
    });
  }

  private send(message: ClientMessage): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private receive(text: string): void {
    const parsed = ServerMessage.safeParse(parseJson(text));
    if (!parsed.success) {
      this.onProblem(`events: a message of an unknown kind: ${text.slice(0, 200)}`);
      return;
    }
    const message = parsed.data;
    const entry = this.subscriptions.get(message.id);
    if (!entry) return;
    entry.message = advance(entry.message, message);
    entry.receive(message);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
