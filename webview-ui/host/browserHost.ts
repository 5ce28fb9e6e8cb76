import type { ErrorBody } from '../../server/protocol/errors.ts';
import { operations, operationUrl } from '../../server/protocol/operations.ts';
import type { Handlers, HostMessage, PageMessage } from '../../server/protocol/pages.ts';
import { parseRoute, routePath } from '../../server/protocol/pages.ts';
import { createEventSocket } from './eventSocket.ts';
import type { Host } from './host.ts';

type CallMessage = Extract<PageMessage, { type: 'call' }>;

/**
 * The page's own host in a browser: calls by fetch with the session cookie, changes over one WebSocket, routes as
 * paths. A ticket in the address' fragment is exchanged for the cookie first, and removed from the address.
 */
export function createBrowserHost(): Host {
  let receive: (message: HostMessage) => void = () => {};
  /** Why this browser may not see anything; every subscription is answered by it. */
  let refused: ErrorBody | undefined;
  const socket = createEventSocket({
    event: (message) => receive({ type: 'event', message }),
    connection: (state, since) => receive({ type: 'connection', state, since }),
  });

  const showCurrentRoute = () =>
    receive({ type: 'init', route: parseRoute(location.pathname), locale: navigator.language });

  const handlers: Handlers<PageMessage> = {
    async ready() {
      await exchangeTicket();
      refused = await refusalOfSession();
      showCurrentRoute();
      if (!refused) socket.open();
    },
    async call(message) {
      receive(await answer(message));
    },
    subscribe({ message }) {
      if (refused) receive({ type: 'event', message: { type: 'error', id: message.id, ...refused } });
      else socket.send(message);
    },
    navigate({ route, title }) {
      document.title = title;
      const path = `/${routePath(route)}`;
      if (path === location.pathname) return;
      history.pushState(null, '', path);
      showCurrentRoute();
      window.scrollTo(0, 0);
    },
    // A browser cannot open the reader's editor; the path to paste into one is what it can give.
    openSource: ({ file, line }) => void navigator.clipboard.writeText(`${file}:${line}`),
    openExternal: ({ url }) => window.open(url, '_blank', 'noopener,noreferrer'),
    copy: ({ text }) => void navigator.clipboard.writeText(text),
    save: ({ name, base64 }) => {
      const link = document.createElement('a');
      link.href = `data:application/octet-stream;base64,${base64}`;
      link.download = name;
      link.click();
    },
  };

  /** The answer of a call; what a browser reaches is the address itself, so a foreign application's is passed on. */
  async function answer(message: CallMessage): Promise<HostMessage> {
    try {
      const result = await fetchOperation(message);
      if (message.operation === 'openTensorBoard') {
        const { url } = result as { url: string };
        receive({ type: 'externalUrl', url, external: url });
      }
      return { type: 'answer', id: message.id, result };
    } catch (error) {
      return { type: 'refusal', id: message.id, error: refusalOf(error) };
    }
  }

  return {
    kind: 'browser',
    send: (message) => dispatch(handlers, message),
    listen(receiver) {
      receive = receiver;
      window.addEventListener('popstate', showCurrentRoute);
    },
  };
}

function dispatch(handlers: Handlers<PageMessage>, message: PageMessage): void {
  (handlers[message.type] as (message: PageMessage) => void)(message);
}

async function exchangeTicket(): Promise<void> {
  const ticket = new URLSearchParams(location.hash.slice(1)).get('ticket');
  if (!ticket) return;
  history.replaceState(null, '', location.pathname + location.search);
  // A refused ticket shows itself: every further call is answered by 401 with its hint.
  await fetch(operationUrl('createSession'), jsonRequest('POST', { ticket })).catch(() => undefined);
}

/** The server's word if it does not accept this browser; one that cannot be reached now may accept it later. */
async function refusalOfSession(): Promise<ErrorBody | undefined> {
  const response = await fetch(operationUrl('getInfo'), jsonRequest('GET', undefined)).catch(() => undefined);
  if (response?.status !== 401 && response?.status !== 403) return undefined;
  return refusalOf(await httpError(response));
}

async function fetchOperation({ operation, input }: CallMessage): Promise<unknown> {
  const url = operationUrl(
    operation,
    input.params as Record<string, string> | undefined,
    input.query as Record<string, unknown> | undefined,
  );
  const response = await fetch(url, jsonRequest(operations[operation].method, input.body));
  if (!response.ok) throw await httpError(response);
  return response.json();
}

/** An error that carries the server's own words, where it gave some. */
async function httpError(response: Response): Promise<Error> {
  const body: unknown = await response.json().catch(() => undefined);
  return Object.assign(new Error(`HTTP ${response.status}`), { body });
}

function jsonRequest(method: string, body: unknown): RequestInit {
  const base: RequestInit = { method, credentials: 'same-origin', cache: 'no-store' };
  return body === undefined
    ? base
    : { ...base, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
}

function refusalOf(error: unknown): ErrorBody {
  const body = (error as { body?: Partial<ErrorBody> }).body;
  if (body?.code && body.message) return { code: body.code, message: body.message, hint: body.hint ?? '' };
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'page.unreachable', message: `Slipway did not answer: ${message}.`, hint: 'Is it still running?' };
}
