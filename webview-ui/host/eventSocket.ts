import * as z from 'zod';
import { type ClientMessage, ServerMessage } from '../../server/protocol/events.ts';
import { advance } from '../../server/protocol/resume.ts';

const firstRetryMs = 500;
const longestRetryMs = 15_000;

export interface EventSocketListener {
  event(message: ServerMessage): void;
  connection(state: 'connected' | 'connecting' | 'lost', since: number): void;
}

export interface EventSocket {
  open(): void;
  send(message: ClientMessage): void;
}

/** The WebSocket of changes; after a break it comes back by itself and resumes every subscription where it stood. */
export function createEventSocket(listener: EventSocketListener): EventSocket {
  const subscriptions = new Map<string, ClientMessage>();
  let socket: WebSocket | undefined;
  let retryMs = firstRetryMs;
  let since = Date.now();

  function open(): void {
    const url = new URL('/api/v1/events', location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const opening = new WebSocket(url);
    socket = opening;
    opening.onopen = () => {
      retryMs = firstRetryMs;
      since = Date.now();
      listener.connection('connected', since);
      for (const message of subscriptions.values()) opening.send(JSON.stringify(message));
    };
    opening.onmessage = (event: MessageEvent<string>) => receive(event.data);
    opening.onclose = () => {
      if (socket !== opening) return;
      if (retryMs === firstRetryMs) since = Date.now();
      listener.connection('lost', since);
      // Jitter, so that many tabs do not come back at the same moment.
      setTimeout(reopen, retryMs * (0.75 + Math.random() / 2));
      retryMs = Math.min(retryMs * 2, longestRetryMs);
    };
  }

  function reopen(): void {
    listener.connection('connecting', since);
    open();
  }

  function receive(text: string): void {
    const parsed = ServerMessage.safeParse(JSON.parse(text));
    if (!parsed.success) {
      console.warn('Slipway: a message of the server that this page does not know', z.prettifyError(parsed.error));
      return;
    }
    const message = parsed.data;
    const subscription = subscriptions.get(message.id);
    if (subscription) subscriptions.set(message.id, advance(subscription, message));
    listener.event(message);
  }

  return {
    open,
    send(message) {
      if (message.type === 'unsubscribe') subscriptions.delete(message.id);
      else subscriptions.set(message.id, message);
      if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    },
  };
}
