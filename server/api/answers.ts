/** How answers leave: JSON, errors in their wire form, and a refusal of a request whose body is still coming. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { errorBody, SlipwayError } from '../protocol/errors.ts';
import type { Log } from './limits.ts';

/** On every answer of the API: nothing of it is to be read, framed, sniffed or kept by anybody else's page. */
export const apiHeaders: OutgoingHttpHeaders = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** How much of a refused body is read and dropped, and for how long, so that its sender gets to read the answer. */
const drainBytes = 128 * 1024 * 1024;
const drainMs = 10_000;

/** Answers with a text that is known in full. */
export function sendText(
  response: ServerResponse,
  status: number,
  mediaType: string,
  text: string,
  headers = {},
): void {
  response.writeHead(status, {
    ...apiHeaders,
    'Content-Type': mediaType,
    'Content-Length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  sendText(response, status, 'application/json; charset=utf-8', JSON.stringify(body ?? {}), headers);
}

/** What an error says to a client: its status, its body and the headers that go with it. */
export function refusalOf(error: unknown): { status: number; headers: OutgoingHttpHeaders; text: string } {
  const status = error instanceof SlipwayError ? error.status : 500;
  const headers: OutgoingHttpHeaders = { ...apiHeaders, 'Content-Type': 'application/json; charset=utf-8' };
  if (status === 401) headers['WWW-Authenticate'] = 'Bearer realm="slipway"';
  if (status === 503) headers['Retry-After'] = '1';
  return { status, headers, text: JSON.stringify(errorBody(error)) };
}

/**
 * Answers with an error. Of a body that is still coming, a bounded part is read and dropped before the connection
 * ends: closed at once, the kernel would reset the connection and many clients would never see the answer.
 */
export function sendError(request: IncomingMessage, response: ServerResponse, error: unknown, more = {}): void {
  const { status, headers, text } = refusalOf(error);
  const hasMoreBody = !request.complete && hasBody(request);
  const close = hasMoreBody || status === 421 || status === 503 ? { Connection: 'close' } : {};
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(text), ...close, ...more });
  if (!hasMoreBody) {
    response.end(text);
    return;
  }
  response.write(text);
  let dropped = 0;
  const end = () => {
    clearTimeout(timer);
    request.off('data', drop);
    response.end();
  };
  const drop = (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > drainBytes) end();
  };
  const timer = setTimeout(end, drainMs);
  request.on('data', drop).once('end', end).once('close', end).resume();
}

/** How long a client may take to close a bare socket that we have ended. */
const lingerMs = 2000;

/** Ends a socket that has left the HTTP server, and its timeouts: one that stays half-open would stay for ever. */
export function endSoon(socket: Duplex, lastWords = ''): void {
  const late = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(late));
  socket.resume();
  if (socket.writable) socket.end(lastWords);
}

/** Whether a request's head announces a body. */
export function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/** Writes the stack of what is not an error for people; the client is told none of it. */
export function logUnexpected(log: Log, what: string, error: unknown): void {
  if (error instanceof SlipwayError) return;
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  log('error', `${what} failed`, { stack });
}
