/** The API's listener: takes each request through the gate to its answer, and each handshake to the WebSocket. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ControlPlane } from '../engine/services.ts';
import { protocolRange } from '../protocol/discovery.ts';
import { SlipwayError } from '../protocol/errors.ts';
import { type OperationSpec, operations } from '../protocol/operations.ts';
import { endSoon, logUnexpected, refusalOf, sendError, sendJson, sendText } from './answers.ts';
import { Credentials } from './auth.ts';
import { parseJsonBody, readBody } from './body.ts';
import { answerCall, type CallContext, ticketUrl } from './calls.ts';
import { EventSockets } from './eventsSocket.ts';
import { type ForeignListener, startForeignListener } from './foreignListener.ts';
import { authenticate, checkSource, foreignOrigin, type Gate, type Source } from './gate.ts';
import { ExternalOrigins, hostOf, isOwnOrigin, ownHosts, targetOf } from './hosts.ts';
import { type ApiLimits, defaultLimits, type Log } from './limits.ts';
import { answerTracking, isTrackingPath } from './mlflow.ts';
import { openApiDocument } from './openapi.ts';
import { Pages } from './pages.ts';
import { prometheusMediaType, prometheusText, RequestCounts } from './prometheus.ts';
import { apiPrefix, findRoute, MethodNotAllowed, parseBy, parseQuery, unknownPath } from './router.ts';
import { timeouts } from './timeouts.ts';

export interface ApiOptions {
  controlPlane: ControlPlane;
  /** Address to bind: 127.0.0.1. */
  host: string;
  /** 0 for any free port. */
  port: number;
  /** Hosts besides the listener's own under which it is reached. */
  allowHosts: string[];
  token: string;
  /** Folder with main.js and main.css. */
  pagesFolder: string;
  log: Log;
  /** Called once a hand-over has been answered: the control plane is to end. */
  onHandOver: () => void;
  limits?: Partial<ApiLimits>;
}

export interface ApiHandle {
  /** `http://127.0.0.1:8080` */
  url: string;
  /** Origin of the listener for foreign applications. */
  foreignUrl: string;
  /** A fresh URL of a page (`run/ID`), with a single-use ticket in its fragment. */
  ticketUrl(page?: string): string;
  /** From now on `/readyz` answers 200. */
  markReady(): void;
  close(): Promise<void>;
}

/** What a client is given to end its connections by itself. */
const closeMs = 2000;

/**
 * Starts the API and the listener for foreign applications.
 * @throws Error with `code` EADDRINUSE where the port is taken
 */
export async function startApi(options: ApiOptions): Promise<ApiHandle> {
  const server = http.createServer(timeouts);
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(options.port, options.host, resolve),
  );
  const { address, port } = server.address() as AddressInfo;
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
  const foreignOrigins = new Set<string>();
  const external = new ExternalOrigins(() => foreignOrigins);
  let foreign: ForeignListener;
  try {
    foreign = await startForeignListener({ ...options, host: address, external });
  } catch (error) {
    server.close();
    throw error;
  }
  for (const origin of loopbackSpellings(foreign.origin)) foreignOrigins.add(origin);
  options.controlPlane.setForeignOrigin(foreign.origin);
  const gate: Gate = {
    hosts: ownHosts(address, port, options.allowHosts),
    external,
    credentials: new Credentials(options.token, options.controlPlane.instance),
  };
  const { controlPlane, onHandOver } = options;
  controlPlane.setTracking({ url, tokenOf: (run) => gate.credentials.runToken(run) });
  const api = new Api(options, { controlPlane, gate, url, onHandOver }, foreign.origin);
  server.on('connection', (socket) => api.countConnection(socket));
  server.on('request', (request, response) => void api.answer(request, response));
  server.on('checkContinue', (request, response) => void api.answer(request, response));
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, first: Buffer) =>
    api.upgrade(request, socket, first),
  );
  server.maxConnections = 2 * api.limits.connections;
  return {
    url,
    markReady: () => {
      api.isReady = true;
    },
    foreignUrl: foreign.origin,
    ticketUrl: (page) => ticketUrl({ gate, url }, page).url,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      api.sockets.close();
      server.closeIdleConnections();
      const late = setTimeout(() => {
        api.sockets.terminate();
        server.closeAllConnections();
      }, closeMs);
      await Promise.all([closed, foreign.close()]);
      clearTimeout(late);
    },
  };
}

/** An origin under every name of this machine's loopback. */
function loopbackSpellings(origin: string): string[] {
  const { port } = new URL(origin);
  return [origin, ...['127.0.0.1', 'localhost', '[::1]'].map((name) => `http://${name}:${port}`)];
}

class Api {
  /** Whether `/readyz` says yes: set once whoever looks for us finds us. */
  isReady = false;
  readonly limits: ApiLimits;
  readonly sockets: EventSockets;
  readonly #context: CallContext;
  readonly #log: Log;
  readonly #pages: Pages;
  readonly #counts = new RequestCounts();
  readonly #openApi: string;
  #underWay = 0;
  #connections = 0;

  constructor({ limits, log, pagesFolder }: ApiOptions, context: CallContext, foreignOrigin: string) {
    const { controlPlane, gate } = context;
    this.limits = { ...defaultLimits, ...limits };
    this.sockets = new EventSockets(controlPlane, this.limits, log);
    this.#context = context;
    this.#log = log;
    this.#pages = new Pages(pagesFolder, foreignOrigin);
    const { cookieName } = gate.credentials;
    this.#openApi = JSON.stringify(openApiDocument(controlPlane.version, cookieName, this.limits.bodyBytes));
  }

  countConnection(socket: Duplex): void {
    this.#connections++;
    socket.once('close', () => this.#connections--);
  }

  /** Answers one request, whatever it is. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedMs = performance.now();
    const asked = { operation: 'unknown' };
    this.#underWay++;
    response.once('close', () => {
      this.#underWay--;
      this.#note(request, asked.operation, response.statusCode, performance.now() - startedMs);
    });
    try {
      if (this.#underWay > this.limits.requests || this.#connections > this.limits.connections) throw busy();
      await this.#dispatch(request, response, asked);
    } catch (error) {
      if (response.destroyed) return; // the client has gone: nobody reads an answer
      logUnexpected(this.#log, asked.operation, error);
      if (response.headersSent) response.destroy();
      else sendError(request, response, error, error instanceof MethodNotAllowed ? { Allow: error.allow } : {});
    }
  }

  /** Answers one request to switch protocols. */
  upgrade(request: IncomingMessage, socket: Duplex, first: Buffer): void {
    socket.on('error', () => socket.destroy());
    try {
      const source = checkSource(this.#context.gate, request);
      if (targetOf(request).path !== `${apiPrefix}/events`) throw unknownPath();
      const principal = authenticate(this.#context.gate, request, source, true);
      if (request.method !== 'GET' || request.headers.upgrade?.toLowerCase() !== 'websocket') throw notWebSocket();
      if (this.sockets.isFull) throw busy();
      this.#note(request, 'events', 101, 0);
      this.sockets.accept(request, socket, first, () => this.#context.gate.credentials.isValid(principal));
    } catch (error) {
      const { status, headers, text } = refusalOf(error);
      this.#note(request, 'events', status, 0);
      const lines = Object.entries({ ...headers, 'Content-Length': Buffer.byteLength(text), Connection: 'close' });
      const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      endSoon(socket, `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? ''}\r\n${head}\r\n${text}`);
    }
  }

  async #dispatch(request: IncomingMessage, response: ServerResponse, asked: { operation: string }): Promise<void> {
    const { gate } = this.#context;
    const { path } = targetOf(request);
    if (path === '/healthz' || path === '/readyz') {
      asked.operation = path.slice(1);
      this.#answerProbe(request, response, path);
      return;
    }
    const source = checkSource(gate, request);
    if (path === '/metrics') {
      asked.operation = 'metrics';
      authenticate(gate, request, source, false);
      requireGet(request);
      sendText(response, 200, prometheusMediaType, this.#prometheusText());
    } else if (path === '/api' || path.startsWith('/api/')) {
      await this.#answerApi(request, response, source, asked);
    } else {
      asked.operation = 'pages';
      await this.#pages.answer(request, response, path, source.host);
    }
  }

  async #answerApi(request: IncomingMessage, response: ServerResponse, source: Source, asked: { operation: string }) {
    const { gate } = this.#context;
    const { path, query } = targetOf(request);
    if (isTrackingPath(path)) {
      asked.operation = 'mlflow';
      const { authorization } = request.headers;
      const onlyRun = authorization === undefined ? undefined : gate.credentials.runOf(authorization);
      if (onlyRun === undefined) authenticate(gate, request, source, true);
      const { bodyBytes } = this.limits;
      await answerTracking(this.#context.controlPlane.tracking, { request, response, path, query, onlyRun, bodyBytes });
      return;
    }
    const method = request.method ?? 'GET';
    const isUnsafe = method !== 'GET' && method !== 'HEAD';
    const isPublic = publicCalls.has(`${method} ${path}`);
    const principal = isPublic ? undefined : authenticate(gate, request, source, isUnsafe);
    if (path === `${apiPrefix}/openapi.json`) {
      asked.operation = 'openapi';
      requireGet(request);
      sendText(response, 200, 'application/json; charset=utf-8', this.#openApi);
      return;
    }
    if (path === `${apiPrefix}/events`) throw notWebSocket();
    const route = findRoute(method, path);
    asked.operation = route.name;
    const bytes = await readBody(request, response, this.limits.bodyBytes);
    const parsed = route.spec.body ? parseJsonBody(bytes, request.headers['content-type']) : undefined;
    const body = route.spec.body ? parseBy(route.spec.body, parsed ?? {}, 'body') : undefined;
    const call = { params: route.params, query: parseQuery(route.spec, query), body };
    await answerCall(this.#context, { request, response, source, principal }, route, call);
  }

  /** The two that any prober may ask, under any host. */
  #answerProbe(request: IncomingMessage, response: ServerResponse, path: string): void {
    const { gate, controlPlane } = this.#context;
    const { origin } = request.headers;
    if (origin !== undefined && !isOwnOrigin(gate.hosts, origin, hostOf(request))) throw foreignOrigin();
    requireGet(request, ['GET', 'HEAD']);
    if (path === '/healthz') sendText(response, 200, 'text/plain; charset=utf-8', 'ok');
    else {
      const { version, instance } = controlPlane;
      const { isReady } = this;
      sendJson(response, isReady ? 200 : 503, { ready: isReady, version, protocol: protocolRange, instance });
    }
  }

  #prometheusText(): string {
    const { controlPlane } = this.#context;
    return prometheusText({
      version: controlPlane.version,
      startedAtMs: controlPlane.startedAt,
      requests: this.#counts,
      requestsUnderWay: this.#underWay,
      sockets: this.sockets.size,
      subscriptions: this.sockets.subscriptions,
      bufferedBytes: this.sockets.bufferedBytes,
      isGatewayReady: controlPlane.gateway.isReady,
    });
  }

  /** Neither path nor headers stand in the log: an operation's name says what was asked, and is no secret. */
  #note(request: IncomingMessage, operation: string, status: number, ms: number): void {
    this.#counts.add(operation, status);
    this.#log('info', 'request', { method: request.method, operation, status, ms: Math.round(ms * 10) / 10 });
  }
}

const publicCalls = new Set(
  Object.values(operations as Record<string, OperationSpec>)
    .filter((spec) => spec.access === 'public')
    .map((spec) => `${spec.method} ${apiPrefix}${spec.path}`),
);

function requireGet(request: IncomingMessage, methods = ['GET']): void {
  if (!methods.includes(request.method ?? '')) throw new MethodNotAllowed(methods);
}

function busy(): SlipwayError {
  return new SlipwayError(
    'server.busy',
    'There are too many connections or requests at this moment.',
    'Try again in a moment.',
    503,
  );
}

function notWebSocket(): SlipwayError {
  return new SlipwayError(
    'request.upgrade',
    'This is no WebSocket handshake for the stream of changes.',
    `Open a WebSocket at ${apiPrefix}/events.`,
    426,
  );
}
