/**
 * The gateway: carries the requests of endpoints to the replicas of their revisions, by weight. It is a process of
 * its own (`slipway gateway`), so that a restart of the control plane drops no request. It knows the routes file, its
 * replicas and nothing else; the control plane reads its statistics from the admin socket.
 */

import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { checkedSocketPath, listen, parseListenAddress } from './address.ts';
import { type AdminContext, createAdminServer } from './admin.ts';
import { watchReadiness } from './health.ts';
import { type ProxyContext, proxyRequest } from './proxy.ts';
import { refusals } from './refusal.ts';
import { readRoutes } from './routes.ts';
import { watchRoutes } from './routesWatch.ts';
import { Statistics } from './statistics.ts';
import { replicasOf, Table } from './table.ts';
import { proxyUpgrade, refuseOnSocket } from './upgrade.ts';

export interface GatewayOptions {
  routesFile: string;
  /** `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`; port 0 takes any free one. */
  listen: string;
  /** Path of the Unix socket for statistics; none without it. */
  adminSocket?: string;
  /** Ends the gateway: no new connections, what is under way is answered. */
  signal: AbortSignal;
  /** How long requests under way may take after the signal; then their connections are closed. */
  drainTimeoutMs?: number;
  /** Where it writes what it does, a JSON object a line. */
  log?: (entry: Record<string, unknown>) => void;
  /** Called once it takes connections, with the address as a URL (or `unix:PATH`). */
  onListening?: (address: string) => void;
}

const MAX_HEAD_BYTES = 32 * 1024;
const HEAD_TIMEOUT_MS = 30_000;
const CLIENT_KEEP_ALIVE_MS = 75_000;
const SWEEP_INTERVAL_MS = 500;
const DRAIN_TIMEOUT_MS = 60_000;

/**
 * Runs a gateway until `signal`; resolves when its last request is answered.
 * @throws SlipwayError if the first routes are refused or an address cannot be listened on
 */
export async function runGateway(options: GatewayOptions): Promise<void> {
  const log = options.log ?? writeLogLine;
  if (options.log === undefined) {
    // Whoever reads the log may end, and a command would end with its reader: requests do not depend on it.
    process.stdout.removeAllListeners('error').on('error', () => {});
  }
  const statistics = new Statistics();
  const table = new Table(statistics, (replica) => {
    watchReadiness(replica, (changed, before) => {
      statistics.version++;
      log({ event: 'replica', address: changed.label, from: before, to: changed.state });
    });
  });
  const admin: AdminContext = { statistics, table, routes: { loaded: 0, refused: 0, problem: null } };
  const context: ProxyContext = { table, statistics, active: new Set(), isDraining: false };
  const address = parseListenAddress(options.listen);
  if (options.adminSocket !== undefined) checkedSocketPath(options.adminSocket);

  const firstRoutes = await readRoutes(options.routesFile);
  table.apply(firstRoutes);
  admin.routes.loaded++;
  const routesWatch = watchRoutes(
    options.routesFile,
    firstRoutes,
    (routes) => {
      table.apply(routes);
      admin.routes = { ...admin.routes, loaded: admin.routes.loaded + 1, problem: null };
      log({ event: 'routes', endpoints: routes.length });
    },
    (error) => {
      admin.routes = { ...admin.routes, refused: admin.routes.refused + 1, problem: error.message };
      statistics.version++;
      log({ event: 'routesRefused', problem: error.message });
    },
  );
  const sweepTimer = setInterval(() => sweep(context), SWEEP_INTERVAL_MS);
  const server = createServer(context);
  const adminServer = options.adminSocket === undefined ? null : createAdminServer(admin);
  try {
    if (adminServer !== null) await listen(adminServer, { path: options.adminSocket! });
    const bound = await listen(server, address);
    log({ event: 'listening', address: bound, instance: statistics.instance });
    options.onListening?.(bound);
    await aborted(options.signal);
    log({ event: 'draining', requests: context.active.size });
    context.isDraining = true;
    await drain(server, context, options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS);
  } finally {
    routesWatch.close();
    clearInterval(sweepTimer);
    await table.flush();
    table.apply([]);
    server.close();
    server.closeAllConnections();
    adminServer?.close();
    adminServer?.closeAllConnections();
  }
  log({ event: 'ended' });
}

function createServer(context: ProxyContext): http.Server {
  const server = http.createServer(
    {
      // Node's strict parser is what refuses smuggled requests (doubled lengths, obs-fold, bare LF and the like).
      insecureHTTPParser: false,
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: HEAD_TIMEOUT_MS,
      // Uploads may take long; a stalled one is ended by the endpoint's own timeout.
      requestTimeout: 0,
      keepAliveTimeout: CLIENT_KEEP_ALIVE_MS,
      noDelay: true,
    },
    (request, response) => answer(context, request, response, false),
  );
  server.on('checkContinue', (request, response) => answer(context, request, response, true));
  server.on('upgrade', (request: http.IncomingMessage, socket: Socket, head: Buffer) => {
    proxyUpgrade(context, request, socket, head);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuseMalformed(error, socket));
  return server;
}

function answer(
  context: ProxyContext,
  request: http.IncomingMessage,
  response: http.ServerResponse,
  wantsContinue: boolean,
): void {
  if (request.url === '/healthz') sendStatus(response, 200);
  else if (request.url === '/readyz') sendStatus(response, context.isDraining ? 503 : 200);
  else {
    responses.set(request.socket, response);
    proxyRequest(context, request, response, wantsContinue);
  }
}

function sendStatus(response: http.ServerResponse, status: number): void {
  response.writeHead(status, { 'Content-Type': 'text/plain', 'X-Request-Id': randomUUID() });
  response.end(status === 200 ? 'ok\n' : 'draining\n');
}

/** The latest response of each connection: tells whether a malformed request comes into the middle of an answer. */
const responses = new WeakMap<Socket, http.ServerResponse>();

function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  const reason = (error as { reason?: string }).reason ?? error.code ?? 'malformed';
  const refuse = () => refuseOnSocket(socket, refusals.badRequest(reason), randomUUID());
  const response = responses.get(socket);
  const isAnswering = response !== undefined && !response.writableFinished;
  if (error.code === 'ECONNRESET') socket.destroy();
  // A pipelined request is malformed: the one before it gets its own answer first.
  else if (isAnswering && response.req.complete) response.once('close', refuse);
  else if (isAnswering && response.headersSent) socket.destroy();
  else refuse();
}

function sweep(context: ProxyContext): void {
  const nowMs = performance.now();
  for (const request of context.active) request.checkTimeout(nowMs);
  for (const replica of replicasOf(context.table.endpoints())) replica.closeStale(nowMs);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Takes no new connections, closes idle ones, and waits for the requests under way. */
async function drain(server: http.Server, context: ProxyContext, timeoutMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  // Upgraded connections are the server's no longer: they are among the active ones only.
  const tunnelsEnded = async () => {
    while (context.active.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await Promise.race([Promise.all([closed, tunnelsEnded()]), timedOut]);
  clearTimeout(timer);
}

function writeLogLine(entry: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), ...entry })}\n`);
}
