// The page's side of the host: calls with their answers, subscriptions with their messages, and what the host says by
// itself. One per page, made in main.tsx; components reach it through store/hooks.ts.
import type { ErrorBody } from '../../server/protocol/errors.ts';
import type { ClientMessage, ServerMessage } from '../../server/protocol/events.ts';
import type { Answer, CallInput } from '../../server/protocol/operations.ts';
import type { Handlers, HostMessage, PageMessage, PageOperation, PageRoute } from '../../server/protocol/pages.ts';
import type { Host } from '../host/host.ts';

/** An operation was refused: what happened and what to do about it, as the server says it. */
export class Refusal extends Error {
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** What was refused, as pages show it. */
export function asErrorBody(refusal: unknown): ErrorBody {
  const error = refusal as Partial<ErrorBody>;
  return { code: error.code ?? 'page.failed', message: error.message ?? String(refusal), hint: error.hint ?? '' };
}

export interface Connection {
  state: 'connected' | 'connecting' | 'lost';
  since: number;
}

export type Subscription = ClientMessage extends infer M ? (M extends { id: string } ? Omit<M, 'id'> : never) : never;

export interface Client {
  readonly kind: Host['kind'];
  send(message: Exclude<PageMessage, { type: 'call' | 'subscribe' | 'ready' }>): void;
  /** Calls an operation. Rejects with a {@link Refusal}. */
  call<N extends PageOperation>(operation: N, input: CallInput<N>): Promise<Answer<N>>;
  /** Subscribes; returns what ends the subscription. */
  subscribe(subscription: Subscription, receive: (message: ServerMessage) => void): () => void;
  readonly connection: Signal<Connection | undefined>;
  readonly route: Signal<PageRoute | undefined>;
  /** Addresses of foreign applications as the reader's browser reaches them. */
  readonly externalUrls: Signal<ReadonlyMap<string, string>>;
  /** Tells the host that the page listens; `begin` runs once, with the first route and the locale. */
  start(begin: (locale: string) => void): void;
}

/** A value that tells when it changes. */
export interface Signal<T> {
  readonly value: T;
  listen(listener: () => void): () => void;
}

export function createClient(host: Host): Client {
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  const receivers = new Map<string, (message: ServerMessage) => void>();
  const connection = createSignal<Connection | undefined>(undefined);
  const route = createSignal<PageRoute | undefined>(undefined);
  const externalUrls = createSignal<ReadonlyMap<string, string>>(new Map());
  let lastId = 0;
  let begin: ((locale: string) => void) | undefined;

  const handlers: Handlers<HostMessage> = {
    init(message) {
      begin?.(message.locale);
      begin = undefined;
      route.set(message.route);
    },
    answer({ id, result }) {
      waiting.get(id)?.resolve(result);
      waiting.delete(id);
    },
    refusal({ id, error }) {
      waiting.get(id)?.reject(new Refusal(error.code, error.message, error.hint));
      waiting.delete(id);
    },
    event: ({ message }) => receivers.get(message.id)?.(message),
    connection: ({ state, since }) => connection.set({ state, since }),
    externalUrl: ({ url, external }) => externalUrls.set(new Map([...externalUrls.value, [url, external]])),
  };

  return {
    kind: host.kind,
    send: (message) => host.send(message),
    call(operation, input) {
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
        host.send({ type: 'call', id, operation, input });
      });
    },
    subscribe(subscription, receive) {
      const id = `s${++lastId}`;
      receivers.set(id, receive);
      host.send({ type: 'subscribe', message: { ...subscription, id } as ClientMessage });
      return () => {
        receivers.delete(id);
        host.send({ type: 'subscribe', message: { type: 'unsubscribe', id } });
      };
    },
    connection,
    route,
    externalUrls,
    start(beginning) {
      begin = beginning;
      host.listen((message) => (handlers[message.type] as ((message: HostMessage) => void) | undefined)?.(message));
      host.send({ type: 'ready' });
    },
  };
}

function createSignal<T>(initial: T): Signal<T> & { set(value: T): void } {
  const listeners = new Set<() => void>();
  let value = initial;
  return {
    get value() {
      return value;
    },
    set(next) {
      value = next;
      for (const listener of listeners) listener();
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
