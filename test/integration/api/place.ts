// An API over a control plane that keeps its objects in memory, and a client that can say what browsers forbid.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { type ApiHandle, type ApiOptions, startApi } from '../../../server/api/index.ts';
import type { ControlPlane, LogPart, MetricsPart, Services } from '../../../server/engine/services.ts';
import { SlipwayError } from '../../../server/protocol/errors.ts';

type Entity = Awaited<ReturnType<ControlPlane['feed']['after']>>[number];

export const token = 'secret-token-of-the-test';

/** A control plane whose objects are put and removed by the test. */
export class MemoryControlPlane implements ControlPlane {
  readonly version = '1.2.3';
  readonly instance = 'instance1';
  readonly startedAt = 1_700_000_000_000;
  readonly gateway = { url: 'http://127.0.0.1:1', isReady: true };
  /** Calls that reached the services: name and what it was called with. */
  readonly calls: { name: string; call: unknown }[] = [];
  readonly secrets = new Map<string, { host: string; port: number }>();
  /** Reads of the feed, to see that nobody reads for a client that does not. */
  reads = 0;
  foreignOrigin = '';
  logs: (signal: AbortSignal) => AsyncIterable<LogPart> = async function* () {};
  metrics: (have: Record<string, number>) => AsyncIterable<MetricsPart> = async function* () {};
  readonly #entities = new Map<string, Entity>();
  readonly #listeners = new Set<(changed: Entity[]) => void>();
  #cursor = 0;

  readonly services = this.#services();

  readonly feed: ControlPlane['feed'] = {
    cursor: async () => {
      await aWhile();
      return this.#cursor;
    },
    after: async (topic, cursor, of, limit) => {
      this.reads++;
      await aWhile();
      return [...this.#entities.values()]
        .filter((one) => one.topic === topic && one.cursor > cursor)
        .filter((one) => of === undefined || [one.id, one.project, one.parent].includes(of))
        .sort((a, b) => a.cursor - b.cursor)
        .slice(0, limit);
    },
    onChange: (listener) => {
      this.#listeners.add(listener);
      return () => this.#listeners.delete(listener);
    },
  };

  put(topic: string, id: string, more: { parent?: string; project?: string; data?: object } = {}): void {
    const { parent = '', project = '', data = {} } = more;
    this.#commit({
      topic,
      id,
      parent,
      project,
      removed: false,
      cursor: ++this.#cursor,
      data: { id, ...data, n: this.#cursor },
    });
  }

  remove(topic: string, id: string): void {
    this.#commit({ topic, id, parent: '', project: '', removed: true, cursor: ++this.#cursor, data: undefined });
  }

  get cursor(): number {
    return this.#cursor;
  }

  followLogs(_run: string, _offset: number, signal: AbortSignal): AsyncIterable<LogPart> {
    return this.logs(signal);
  }

  followMetrics(_run: string, have: Record<string, number>): AsyncIterable<MetricsPart> {
    return this.metrics(have);
  }

  readonly tracking = undefined as never;

  setTracking() {}

  async *followSeries() {}

  async *followTags() {}

  foreignTarget(secret: string) {
    return this.secrets.get(secret);
  }

  setForeignOrigin(origin: string): void {
    this.foreignOrigin = origin;
  }

  async close(): Promise<void> {}

  #commit(entity: Entity): void {
    this.#entities.set(`${entity.topic} ${entity.id}`, entity);
    for (const listener of this.#listeners) listener([entity]);
  }

  #services(): Services {
    const answers: Record<string, (call: never) => unknown> = {
      listRuns: () => ({ items: [] }),
      getRun: (call: { params: { id: string } }) => {
        throw new SlipwayError('runs.unknown', `There is no run ${call.params.id}.`, 'See `slipway run list`.', 404);
      },
      startRun: () => ({ id: 'r1' }),
      deleteRun: () => {
        throw new Error('the secret inside of a bug');
      },
      verifyDataset: () => ({ id: 'o1' }),
      getReceipt: () => ({ id: 'one' }),
      sendFeedback: () => undefined,
      exportReceipts: () => Readable.from(['{"keys":[]}\n', '{}\n']),
      readDatasetFile: (call: { query: { path: string } }) => {
        if (call.query.path !== 'missing') return Readable.from([Buffer.from('<script>alert(1)</script>')]);
        return new Readable({
          read() {
            this.destroy(new SlipwayError('dataset.noFile', 'There is no such file.', '', 404));
          },
        });
      },
    };
    const services = Object.entries(answers).map(([name, answer]) => [
      name,
      async (call: never) => {
        this.calls.push({ name, call });
        return answer(call);
      },
    ]);
    return Object.fromEntries(services) as Services;
  }
}

/** As a database may take its time: commits come in between. */
function aWhile(): Promise<void> {
  return new Promise(setImmediate);
}

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
  /** The body parsed as JSON. */
  json: Record<string, unknown>;
}

export interface Ask {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** Without it, the request carries the token. */
  isAnonymous?: boolean;
}

export class Place {
  readonly controlPlane = new MemoryControlPlane();
  readonly log: { level: string; message: string; detail?: Record<string, unknown> }[] = [];
  handOvers = 0;
  api!: ApiHandle;
  folder = '';

  async start(options: Partial<ApiOptions> = {}): Promise<this> {
    this.folder = await mkdtemp(path.join(tmpdir(), 'slipway-api-'));
    await writeFile(path.join(this.folder, 'main.js'), 'document.title = "loaded";');
    await writeFile(path.join(this.folder, 'main.css'), 'body { color: black }');
    this.api = await startApi({
      controlPlane: this.controlPlane,
      host: '127.0.0.1',
      port: 0,
      allowHosts: [],
      token,
      pagesFolder: this.folder,
      log: (level, message, detail) => this.log.push({ level, message, detail }),
      onHandOver: () => this.handOvers++,
      ...options,
    });
    this.api.markReady();
    return this;
  }

  async stop(): Promise<void> {
    await this.api.close();
    await rm(this.folder, { recursive: true });
  }

  get host(): string {
    return new URL(this.api.url).host;
  }

  /** One request with exactly these headers, over a connection of its own. */
  ask({
    method = 'GET',
    path: target = '/api/v1/info',
    headers = {},
    body,
    isAnonymous = false,
  }: Ask = {}): Promise<Answer> {
    const own: Record<string, string> = isAnonymous ? {} : { authorization: `Bearer ${token}` };
    return request(this.api.url, { method, path: target, headers: { ...own, ...headers }, body });
  }

  post(target: string, body: unknown, more: Ask = {}): Promise<Answer> {
    const headers = { 'content-type': 'application/json', ...more.headers };
    return this.ask({ ...more, method: 'POST', path: target, body: JSON.stringify(body), headers });
  }

  /** A session's cookie, as a browser would send it. */
  async session(headers: Record<string, string> = { origin: this.api.url }): Promise<string> {
    const ticket = new URL(this.api.ticketUrl()).hash.slice('#ticket='.length);
    const answer = await this.post('/api/v1/session', { ticket }, { isAnonymous: true, headers });
    if (answer.status !== 200) throw new Error(`The session was refused: ${answer.text}`);
    return answer.headers['set-cookie']![0]!.split(';')[0]!;
  }

  /** Sends bytes as they are; gives all that comes back until the server ends the connection. */
  raw(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(Number(new URL(this.api.url).port), '127.0.0.1', () => socket.write(text));
      let received = '';
      socket.on('data', (chunk) => {
        received += chunk;
      });
      socket.on('error', reject).on('close', () => resolve(received));
    });
  }
}

export function request(
  base: string,
  { method = 'GET', path: target = '/', headers = {}, body }: Ask,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(base);
    const asked = http.request({ hostname, port, method, path: target, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject).on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = response.headers['content-type']?.startsWith('application/json');
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          text,
          json: isJson ? JSON.parse(text) : {},
        });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** Waits until something holds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, limitMs = 10_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`Not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
