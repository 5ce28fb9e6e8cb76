/**
 * A gateway with real replicas for the tests of this folder: everything on loopback, everything ended by `close`.
 */
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type GatewayStatistics, gatewayStatisticsSchema } from '../../../server/domain/rollout/counters.ts';
import { runGateway } from '../../../server/serving/gateway.ts';

export interface Gateway {
  folder: string;
  url: string;
  port: number;
  log: Record<string, unknown>[];
  /** Replaces the routes file by an atomic rename. */
  route(routes: unknown): Promise<void>;
  /** One reading of the statistics. */
  statistics(): Promise<GatewayStatistics>;
  adminSocket: string;
  /** Ends it as SIGTERM does; resolves when it has ended. */
  close(): Promise<void>;
}

export async function startGateway(routes: unknown): Promise<Gateway> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'slipway-gw-'));
  const routesFile = path.join(folder, 'routes.json');
  const adminSocket = path.join(folder, 'admin.sock');
  const route = async (next: unknown) => {
    await writeFile(`${routesFile}.new`, typeof next === 'string' ? next : JSON.stringify(next));
    await rename(`${routesFile}.new`, routesFile);
  };
  await route(routes);
  const log: Record<string, unknown>[] = [];
  const stop = new AbortController();
  let ended: Promise<void> = Promise.resolve();
  const url = await new Promise<string>((resolve, reject) => {
    ended = runGateway({
      routesFile,
      listen: '127.0.0.1:0',
      adminSocket,
      signal: stop.signal,
      log: (entry) => log.push(entry),
      onListening: resolve,
    });
    ended.catch(reject);
  });
  return {
    folder,
    url,
    port: Number(new URL(url).port),
    log,
    route,
    adminSocket,
    statistics: async () => gatewayStatisticsSchema.parse(JSON.parse(await readOverSocket(adminSocket, '/stats'))),
    close: async () => {
      stop.abort();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The body of a GET over a Unix socket. */
export async function readOverSocket(socketPath: string, target: string): Promise<string> {
  const request = http.get({ socketPath, path: target });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}

/** A server on a free port of loopback. */
export async function listenOnLoopback(server: net.Server): Promise<{ port: number; close: () => Promise<void> }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    close: async () => {
      if (server instanceof http.Server) server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Routes with one endpoint `digits`, given the ports of each revision's replicas. */
export function routesTo(
  revisions: Record<string, { weight: number; ports: number[] }>,
  endpoint: object = {},
): unknown {
  return {
    endpoints: {
      digits: {
        access: 'open',
        revisions: Object.entries(revisions).map(([name, { weight, ports }]) => ({
          name,
          weight,
          receipt: `receipt-${name}`,
          replicas: ports.map((port) => ({ url: `http://127.0.0.1:${port}`, ready: '/ready' })),
        })),
        ...endpoint,
      },
    },
  };
}

/** Waits until something holds, looking often. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Sends bytes on a new connection and resolves with all that comes back until it is closed. */
export async function sendRaw(port: number, bytes: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.write(bytes, 'latin1');
  await once(socket, 'close');
  return received;
}
