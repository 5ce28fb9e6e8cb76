/** `/api/v1/events`: who is connected, what each has subscribed to, and whether it is still there. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { ControlPlane } from '../engine/services.ts';
import { errorBody, SlipwayError } from '../protocol/errors.ts';
import { ClientMessage } from '../protocol/events.ts';
import { logUnexpected } from './answers.ts';
import { ChangeHub } from './changeHub.ts';
import type { ApiLimits, Log } from './limits.ts';
import { Outbox } from './outbox.ts';
import { type Sources, type Subscription, serve } from './subscriptions.ts';

const maxMessageBytes = 64 * 1024;
const pingMs = 30_000;

interface Client {
  socket: WebSocket;
  out: Outbox;
  subscriptions: Map<string, AbortController>;
  /** It has answered the last ping. */
  isAlive: boolean;
  /** Its credential still counts. */
  mayStay: () => boolean;
}

export class EventSockets {
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
    handleProtocols: () => false,
  });
  readonly #clients = new Set<Client>();
  readonly #sources: Sources;
  readonly #limits: ApiLimits;
  readonly #log: Log;
  readonly #keepAlive: NodeJS.Timeout;

  constructor(controlPlane: ControlPlane, limits: ApiLimits, log: Log) {
    this.#sources = { controlPlane, hub: new ChangeHub(controlPlane.feed), pageSize: limits.changes };
    this.#limits = limits;
    this.#log = log;
    this.#keepAlive = setInterval(() => this.#pingAll(), pingMs).unref();
  }

  get size(): number {
    return this.#clients.size;
  }

  get subscriptions(): number {
    return [...this.#clients].reduce((sum, client) => sum + client.subscriptions.size, 0);
  }

  /** Bytes that wait for all readers together. */
  get bufferedBytes(): number {
    return [...this.#clients].reduce((sum, client) => sum + client.socket.bufferedAmount, 0);
  }

  get isFull(): boolean {
    return this.#clients.size >= this.#limits.sockets;
  }

  /** Completes a handshake that has passed the gate. */
  accept(request: IncomingMessage, stream: Duplex, first: Buffer, mayStay: () => boolean): void {
    this.#server.handleUpgrade(request, stream, first, (socket) => this.#add(socket, mayStay));
  }

  close(): void {
    clearInterval(this.#keepAlive);
    this.#sources.hub.close();
    for (const { socket } of this.#clients) socket.close(1001, 'The control plane ends.');
  }

  /** Ends what has not closed by itself. */
  terminate(): void {
    for (const { socket } of this.#clients) socket.terminate();
  }

  #add(socket: WebSocket, mayStay: () => boolean): void {
    const out = new Outbox(socket, this.#limits.bufferedBytes);
    const client: Client = { socket, out, subscriptions: new Map(), isAlive: true, mayStay };
    this.#clients.add(client);
    socket.on('message', (data, isBinary) => this.#receive(client, data, isBinary));
    socket.on('pong', () => {
      client.isAlive = true;
    });
    // A frame that breaks the protocol or the limit: ws closes the connection by itself.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#clients.delete(client);
      for (const subscription of client.subscriptions.values()) subscription.abort();
    });
  }

  #receive(client: Client, data: RawData, isBinary: boolean): void {
    const parsed = isBinary ? badMessage('', 'it is binary') : parseMessage(data.toString());
    if ('problem' in parsed) {
      client.out.reply({ type: 'error', id: parsed.id, ...errorBody(parsed.problem) });
      return;
    }
    const { message } = parsed;
    client.subscriptions.get(message.id)?.abort();
    client.subscriptions.delete(message.id);
    if (message.type === 'unsubscribe') return;
    if (client.subscriptions.size >= this.#limits.subscriptions) {
      client.out.reply({ type: 'error', id: message.id, ...errorBody(tooMany(this.#limits.subscriptions)) });
    } else void this.#serve(client, message);
  }

  async #serve(client: Client, message: Subscription): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    client.subscriptions.set(message.id, controller);
    try {
      await serve(this.#sources, client.out, message, signal);
    } catch (error) {
      if (signal.aborted) return;
      logUnexpected(this.#log, `the subscription to ${message.type}`, error);
      await client.out.send({ type: 'error', id: message.id, ...errorBody(error) }, signal);
    } finally {
      if (client.subscriptions.get(message.id) === controller) client.subscriptions.delete(message.id);
    }
  }

  #pingAll(): void {
    for (const client of this.#clients) {
      if (!client.mayStay()) client.socket.close(1008, 'The session has expired.');
      else if (!client.isAlive) client.socket.terminate();
      else {
        client.isAlive = false;
        client.socket.ping();
      }
    }
  }
}

type Parsed = { message: ClientMessage } | { id: string; problem: SlipwayError };

function parseMessage(text: string): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return badMessage('', 'it is not JSON');
  }
  const result = ClientMessage.safeParse(value);
  if (result.success) return { message: result.data };
  const id = (value as { id?: unknown } | null)?.id;
  const { path, message } = result.error.issues[0]!;
  return badMessage(typeof id === 'string' ? id.slice(0, 64) : '', `${path.join('.') || 'message'}: ${message}`);
}

function badMessage(id: string, problem: string): Parsed {
  return {
    id,
    problem: new SlipwayError(
      'events.badMessage',
      `The message cannot be read: ${problem}.`,
      'Subscribe, unsubscribe, logs or metrics, as JSON.',
    ),
  };
}

function tooMany(limit: number): SlipwayError {
  return new SlipwayError(
    'events.tooMany',
    `This connection has ${limit} subscriptions already.`,
    'Unsubscribe from some, or open another.',
    429,
  );
}
