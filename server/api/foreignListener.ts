/**
 * The listener for foreign applications (TensorBoard): an origin of its own, which the API refuses. An application is
 * reached under a path of 256 random bits, which is its only key and is never logged; none of our credentials passes
 * through, in either direction.
 */
import http, { type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { ControlPlane } from '../engine/services.ts';
import { endSoon } from './answers.ts';
import { type ExternalOrigins, hostOf, isOwnHost, type OwnHosts, ownHosts, targetOf } from './hosts.ts';
import { answerRelay, isolated, isolatedDocument, relayPath } from './isolation.ts';
import { timeouts } from './timeouts.ts';

export interface ForeignListener {
  origin: string;
  close(): Promise<void>;
}

interface Target {
  host: string;
  port: number;
}

interface Place {
  secret: string;
  /** It is shown by a page of ours, since the reader's editor shows pages of its own under the same origin. */
  isIsolated: boolean;
  target: Target;
  /** What the application sees, its path beginning with `/`. */
  path: string;
}

/** An open WebSocket ends with the panel that its path was made for. */
const recheckMs = 5000;
const maxConnections = 500;

/** Starts the listener on a free port. */
export async function startForeignListener(options: {
  controlPlane: Pick<ControlPlane, 'foreignTarget'>;
  host: string;
  allowHosts: readonly string[];
  external: ExternalOrigins;
  /** With the scripts of `webview-ui/foreign/`. */
  pagesFolder: string;
}): Promise<ForeignListener> {
  const { controlPlane, external, pagesFolder } = options;
  const tunnels = new Map<Duplex, Place>();
  const isolatedSecrets = new Set<string>();
  let hosts: OwnHosts;

  /** Undefined after the request was refused. */
  function placeOf(request: IncomingMessage, refuse: (status: number, text: string) => void): Place | undefined {
    const host = hostOf(request);
    if (host === undefined || !(isOwnHost(hosts, host) || external.hasHost(host))) {
      refuse(421, 'The request names a host that is not one of this listener.');
      return undefined;
    }
    const { path, query } = targetOf(request);
    const [, secret, rest] = /^\/([0-9a-f]{64})(\/.*)?$/.exec(path) ?? [];
    const target = secret === undefined ? undefined : controlPlane.foreignTarget(secret);
    if (secret !== undefined && target) {
      // From the first time that our page is asked for, so that the application is never seen in the editor's origin.
      if (rest?.startsWith(relayPath)) isolatedSecrets.add(secret);
      const isIsolated = isolatedSecrets.has(secret);
      return { secret, isIsolated, target, path: `${rest ?? ''}${query && `?${query}`}` };
    }
    refuse(404, 'There is nothing here (any more).');
    return undefined;
  }

  const server = http.createServer(timeouts, (request, response) => {
    const place = placeOf(request, (status, text) => refuseRequest(response, status, text));
    if (!place) return;
    // Relative, so that it holds behind a forwarder that puts a prefix in front.
    if (!place.path.startsWith('/'))
      response.writeHead(308, { ...ownHeaders, Location: `${place.secret}/${place.path}` }).end();
    else if (place.path.startsWith(relayPath)) void relay(place, response);
    else proxyRequest(place, request, response, pagesFolder);
  });
  const relay = async ({ path }: Place, response: ServerResponse) => {
    const isAnswered = await answerRelay(path, response, pagesFolder).catch(() => false);
    if (!isAnswered) refuseRequest(response, 404, 'There is nothing here (any more).');
  };
  server.maxConnections = maxConnections;
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, first: Buffer) => {
    socket.on('error', () => socket.destroy());
    const place = placeOf(request, (status, text) => refuseUpgrade(socket, status, text));
    if (!place) return;
    tunnels.set(socket, place);
    socket.once('close', () => tunnels.delete(socket));
    proxyUpgrade({ ...place, path: place.path || '/' }, request, socket, first);
  });
  const recheck = setInterval(() => {
    for (const [socket, { secret, target }] of tunnels) {
      const now = controlPlane.foreignTarget(secret);
      if (now?.host !== target.host || now.port !== target.port) socket.destroy();
    }
    for (const secret of isolatedSecrets) if (!controlPlane.foreignTarget(secret)) isolatedSecrets.delete(secret);
  }, recheckMs).unref();

  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, options.host, resolve));
  const { port } = server.address() as AddressInfo;
  hosts = ownHosts(options.host, port, options.allowHosts);
  const name = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    origin: `http://${name}:${port}`,
    async close() {
      clearInterval(recheck);
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of tunnels.keys()) socket.destroy();
      server.closeAllConnections();
      await closed;
    },
  };
}

const ownHeaders: OutgoingHttpHeaders = { 'Referrer-Policy': 'no-referrer', 'X-Content-Type-Options': 'nosniff' };

function proxyRequest(place: Place, request: IncomingMessage, response: ServerResponse, pagesFolder: string): void {
  const headers = requestHeaders(request);
  // A document that is changed on its way is asked for as it is.
  const isDocument = place.isIsolated && request.method === 'GET' && /^\/(index\.html)?(\?|$)/.test(place.path);
  if (isDocument) delete headers['accept-encoding'];
  const upstream = http.request({ ...place.target, method: request.method, path: place.path, headers, agent: false });
  upstream.on('response', (answer) => {
    const own = answerHeaders(answer, place);
    const isHtml = /^text\/html\b/.test(answer.headers['content-type'] ?? '');
    if (isDocument && isHtml && answer.statusCode === 200) {
      sendIsolated(place, answer, own, response, pagesFolder).catch(() => failed());
      return;
    }
    response.writeHead(answer.statusCode ?? 502, place.isIsolated ? isolated(own) : own);
    pipeline(answer, response).catch(() => response.destroy());
  });
  const failed = () => {
    if (response.headersSent) response.destroy();
    else refuseRequest(response, 502, 'The application does not answer.');
  };
  upstream.on('error', failed);
  // Not by pipeline(), which would end the reader's connection before a 502 is written to it.
  response.on('close', () => upstream.destroy());
  request.pipe(upstream);
}

async function sendIsolated(
  { target }: Place,
  answer: IncomingMessage,
  own: OutgoingHttpHeaders,
  response: ServerResponse,
  pagesFolder: string,
): Promise<void> {
  const read = (url: string) => readWhole(target, new URL(url, 'http://application/'));
  const { html, headers } = await isolatedDocument(await text(answer), pagesFolder, read);
  const { 'content-length': _, 'content-encoding': __, etag: ___, ...kept } = own;
  response.writeHead(200, { ...kept, ...headers, 'cache-control': 'no-store' }).end(html);
}

function readWhole(target: Target, { pathname, search }: URL): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get({ ...target, path: pathname + search, agent: false }, (answer) => {
        if (answer.statusCode === 200) text(answer).then(resolve, reject);
        else reject(new Error(`${pathname} answers ${answer.statusCode}`));
      })
      .on('error', reject);
  });
}

function proxyUpgrade(place: Place, request: IncomingMessage, socket: Duplex, first: Buffer): void {
  const headers = {
    ...requestHeaders(request),
    Connection: 'Upgrade',
    Upgrade: request.headers.upgrade ?? 'websocket',
  };
  const upstream = http.request({ ...place.target, method: request.method, path: place.path, headers, agent: false });
  socket.once('close', () => upstream.destroy());
  upstream.on('upgrade', (answer, other, more) => {
    other.on('error', () => socket.destroy());
    socket.once('close', () => other.destroy());
    other.once('close', () => endSoon(socket));
    const own = {
      ...answerHeaders(answer, place),
      Connection: 'Upgrade',
      Upgrade: answer.headers.upgrade ?? 'websocket',
    };
    socket.write(headText(101, 'Switching Protocols', own), 'latin1');
    if (more.length > 0) socket.write(more);
    if (first.length > 0) other.write(first);
    socket.pipe(other).pipe(socket);
  });
  upstream.on('response', (answer) => {
    const own = { ...answerHeaders(answer, place), Connection: 'close' };
    socket.write(headText(answer.statusCode ?? 502, answer.statusMessage ?? '', own), 'latin1');
    answer.pipe(socket);
    answer.once('close', () => endSoon(socket));
  });
  upstream.on('error', () => {
    if (socket.writable) refuseUpgrade(socket, 502, 'The application does not answer.');
  });
  upstream.end();
}

/** RFC 9110 § 7.6.1, besides those that Connection names. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  'transfer-encoding',
  'expect',
]);
/** Credentials of ours, and the address that must not be told. */
const notForApplications = new Set(['authorization', 'proxy-authorization', 'referer']);
/**
 * What would reach beyond the application's own path: framing and reading by other sites is ours to decide, cookies of
 * one host are shared by all its ports, and a service worker with a wider scope would see other panels' paths.
 */
const notForReaders = /^(x-frame-options|referrer-policy|clear-site-data|service-worker-allowed|access-control-.*)$/;

/** The headers of a request as the application gets them. */
function requestHeaders(request: IncomingMessage): OutgoingHttpHeaders {
  const headers = endToEndHeaders(request, (name) => !notForApplications.has(name));
  const cookies = (request.headers.cookie ?? '').split(';').map((cookie) => cookie.trim());
  const kept = cookies.filter((cookie) => cookie !== '' && !isOurCookie(cookie)).join('; ');
  delete headers['cookie'];
  if (kept !== '') headers['cookie'] = kept;
  // Said again, so that a body without a length stays a body also for methods that rarely have one.
  if (request.headers['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked';
  return headers;
}

/** The headers of an answer as the reader gets them. */
function answerHeaders(answer: IncomingMessage, place: Place): OutgoingHttpHeaders {
  const headers = endToEndHeaders(answer, (name) => !notForReaders.test(name));
  const cookies = answer.headers['set-cookie']?.filter((cookie) => !isOurCookie(cookie));
  delete headers['set-cookie'];
  if (cookies?.length) headers['set-cookie'] = cookies;
  if (answer.headers.location !== undefined) headers['location'] = scopedLocation(answer.headers.location, place);
  return { ...headers, 'Referrer-Policy': 'no-referrer' };
}

/** A redirect to a path of the application, put under the path it is shown at. */
function scopedLocation(location: string, { target, secret }: Place): string {
  const own = [`http://${target.host}:${target.port}/`, `http://localhost:${target.port}/`];
  const prefix = own.find((start) => location.startsWith(start));
  const path = prefix === undefined ? location : location.slice(prefix.length - 1);
  return path.startsWith('/') && !path.startsWith('//') ? `/${secret}${path}` : location;
}

function endToEndHeaders(message: IncomingMessage, isPassed: (name: string) => boolean): OutgoingHttpHeaders {
  const nominated = (message.headers.connection ?? '').toLowerCase().split(/\s*,\s*/);
  const headers: OutgoingHttpHeaders = Object.create(null);
  const raw = message.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    if (hopByHop.has(name) || nominated.includes(name) || !isPassed(name)) continue;
    const before = headers[name] as string | string[] | undefined;
    headers[name] = before === undefined ? raw[i + 1]! : [before, raw[i + 1]!].flat();
  }
  return headers;
}

function isOurCookie(cookie: string): boolean {
  return /^slipway-/i.test(cookie.trimStart());
}

function refuseRequest(response: ServerResponse, status: number, text: string): void {
  response
    .writeHead(status, { ...ownHeaders, 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' })
    .end(`${text}\n`);
}

function refuseUpgrade(socket: Duplex, status: number, text: string): void {
  const headers = { ...ownHeaders, 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' };
  endSoon(socket, `${headText(status, http.STATUS_CODES[status] ?? '', headers)}${text}\n`);
}

function headText(status: number, reason: string, headers: OutgoingHttpHeaders): string {
  const lines = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}\r\n`));
  return `HTTP/1.1 ${status} ${reason}\r\n${lines.join('')}\r\n`;
}
