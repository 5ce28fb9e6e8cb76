/**
 * The gateway as a workload of its own: it goes on when the control plane ends and is adopted by the next one. Its
 * port is chosen once; its statistics stream back over a Unix socket.
 */
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { type GatewayStatistics, gatewayStatisticsSchema } from '../domain/rollout/counters.ts';
import type { Workload } from '../runtimes/index.ts';
import { writeAtomically } from '../runtimes/writeAtomically.ts';
import type { Context } from './context.ts';

export interface GatewayOptions {
  /** Command that runs `slipway gateway`: Node and the bundled file. */
  command: string[];
  env: Record<string, string>;
  host: string;
}

const graceMs = 10_000;
const socketName = 'gateway.sock';

export class GatewayProcess {
  readonly #context: Context;
  readonly #options: GatewayOptions;
  #number = 0;
  #port = 0;
  #starts = 0;
  /** Whether its statistics have been seen. */
  isReady = false;

  constructor(context: Context, options: GatewayOptions) {
    this.#context = context;
    this.#options = options;
  }

  get url(): string {
    return `http://${this.#options.host}:${this.#port}`;
  }

  isWorkload(id: string): boolean {
    return /^gateway-\d+$/.test(id);
  }

  /** Adopts the gateway that runs, or starts one. */
  async start(): Promise<void> {
    const { engine, runtime, folders } = this.#context;
    await mkdir(folders.gateway, { recursive: true, mode: 0o700 });
    const known = await engine.store.read.value('gateway');
    if (known) {
      const last = JSON.parse(known) as { port: number; workload: Workload };
      this.#port = last.port;
      this.#number = Number(last.workload.id.split('-')[1]);
      // The same start again: it finds the one that runs, learns that it has ended, or does what a crash prevented.
      await runtime.start(last.workload);
      return;
    }
    await writeAtomically(join(folders.gateway, 'routes.json'), '{"endpoints":{}}\n');
    this.#port = await freePort(this.#options.host);
    await this.#startNext();
  }

  /** Called when the workload has ended without our asking: starts the next, with a growing pause. */
  async restart(id: string): Promise<void> {
    if (id !== this.#workload()) return;
    this.isReady = false;
    await delay(Math.min(10_000, 100 * 2 ** this.#starts++), undefined, { signal: this.#context.signal });
    await this.#startNext();
  }

  /** Every line of statistics, for ever: after a break it connects again. */
  async follow(onStatistics: (statistics: GatewayStatistics) => Promise<void>): Promise<void> {
    const { signal, log } = this.#context;
    while (!signal.aborted) {
      try {
        await this.#readStream(onStatistics);
      } catch (error) {
        if (signal.aborted) return;
        const { code } = error as NodeJS.ErrnoException;
        // While the gateway starts there is no socket yet.
        if (code !== 'ENOENT' && code !== 'ECONNREFUSED')
          log('warn', 'the gateway statistics broke off', { error: String(error) });
      }
      this.isReady = false;
      await delay(100, undefined, { signal }).catch(() => {});
    }
  }

  #workload(): string {
    return `gateway-${this.#number}`;
  }

  async #startNext(): Promise<void> {
    const { engine, runtime, folders } = this.#context;
    this.#number++;
    await mkdir(folders.sockets, { recursive: true, mode: 0o700 });
    const { command, env, host } = this.#options;
    const routes = join(folders.gateway, 'routes.json');
    const workload: Workload = {
      id: this.#workload(),
      kind: 'service',
      command: [...command, '--routes', routes, '--listen', `${host}:${this.#port}`, '--admin', this.#socket()],
      cwd: folders.gateway,
      env,
      graceMs,
    };
    await engine.store.write((tx) => tx.setValue('gateway', JSON.stringify({ port: this.#port, workload })));
    await runtime.start(workload);
  }

  #socket(): string {
    return join(this.#context.folders.sockets, socketName);
  }

  async #readStream(onStatistics: (statistics: GatewayStatistics) => Promise<void>): Promise<void> {
    const { signal } = this.#context;
    const asked = request({ socketPath: this.#socket(), path: '/stats/stream', signal });
    asked.end();
    const [response] = await once(asked, 'response');
    for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
      this.isReady = true;
      this.#starts = 0;
      await onStatistics(gatewayStatisticsSchema.parse(JSON.parse(line)));
    }
  }
}

/** How long a gateway may take to read new routes before that is said; it is waited for all the same. */
const acknowledgeMs = 10_000;

/**
 * Waits until the gateway's replicas of an endpoint are exactly these, by their addresses.
 * @throws Error when it is up and does not read them, or refuses them
 */
export async function gatewayKnows(
  sockets: string,
  endpoint: string,
  addresses: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += pollMs) {
    const statistics = await readStatistics(sockets).catch((error: NodeJS.ErrnoException) => {
      // It is being started: it reads its routes before it takes connections.
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET') return undefined;
      throw error;
    });
    signal.throwIfAborted();
    if (!statistics) waitedMs = 0;
    else if (isSameSet(addressesOf(statistics, endpoint), addresses)) return;
    else if (waitedMs > acknowledgeMs) {
      const why = statistics.routes.problem ?? 'it has not read them';
      throw new Error(`the gateway does not use the routes of ${endpoint}: ${why}`);
    }
    await delay(pollMs, undefined, { signal });
  }
}

function addressesOf({ endpoints }: GatewayStatistics, endpoint: string): Set<string> {
  const revisions = Object.values(endpoints[endpoint]?.revisions ?? {});
  return new Set(revisions.flatMap(({ replicas }) => replicas.map(({ address }) => address)));
}

function isSameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((one) => b.has(one));
}

const pollMs = 25;

async function readStatistics(sockets: string): Promise<GatewayStatistics> {
  const asked = request({ socketPath: join(sockets, socketName), path: '/stats', timeout: 5_000 });
  asked.on('timeout', () => asked.destroy(Object.assign(new Error('no answer'), { code: 'ECONNRESET' })));
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return gatewayStatisticsSchema.parse(JSON.parse(await text(response)));
}

async function freePort(host: string): Promise<number> {
  const server = createServer();
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return address.port;
}
