// How fast the gateway is beside nginx as a reverse proxy, with nginx as upstream, and what it costs in front of
// FastAPI. Peers take turns in short measurements, so that what else the machine does meets them alike; medians count.

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../../run/process.ts';
import type { BenchRow } from '../run.ts';
import { type Child, start, startGateway, statusOf, until } from './children.ts';
import type { Tools } from './tools.ts';

const rounds = 7;
const connections = 64;
const upstreamPort = 18_701;
const proxyPort = 18_702;
const fastapiPort = 18_703;

interface Measurement {
  perSecond: number;
  p99Ms: number;
}

export async function throughput(folder: string, tools: Tools, python: string, seconds: number): Promise<BenchRow[]> {
  const upstream = await startNginx(folder, tools, upstreamPort, `return 200 "${'x'.repeat(1024)}";`, '');
  const proxying =
    'proxy_pass http://replica; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering on;';
  const pool = `upstream replica { server 127.0.0.1:${upstreamPort}; keepalive ${2 * connections}; keepalive_requests 1000000000; }`;
  const nginx = await startNginx(folder, tools, proxyPort, proxying, pool);
  const fastapi = await startFastapi(folder, python);
  const gateways = await startGateways(folder);
  const [one, two] = gateways.map(({ url }) => url) as [string, string];
  const direct = `http://127.0.0.1:${upstreamPort}/x`;
  const wrk = (urls: string[], options?: { script?: string }) => measure(tools, folder, urls, seconds, options);
  const children = [upstream, nginx, fastapi, ...gateways];

  // The first seconds of a Node process go into compiling.
  await wrk([`${one}/endpoints/static/x`, `${two}/endpoints/static/x`]);
  const fast = await inTurns({
    nginx: () => wrk([`http://127.0.0.1:${proxyPort}/x`]),
    one: () => wrk([`${one}/endpoints/static/x`]),
    two: () => wrk([`${one}/endpoints/static/x`, `${two}/endpoints/static/x`]),
  });
  const model = await inTurns({
    direct: () => wrk([`http://127.0.0.1:${fastapiPort}/predict`], { script: post }),
    gateway: () => wrk([`${one}/endpoints/model/predict`], { script: post }),
  });
  const capacity = median(fast.one.map(({ perSecond }) => perSecond));
  const script = paced(capacity / 2);
  const half = await inTurns({
    direct: () => wrk([direct], { script }),
    gateway: () => wrk([`${one}/endpoints/static/x`], { script }),
  });
  for (const child of children) await child.end('SIGTERM');

  const rate = (name: string, of: Measurement[], peer: Measurement[], atLeast: number): BenchRow => {
    const value = Math.round(median(of.map(({ perSecond }) => perSecond)));
    const ratio = medianRatio(of, peer);
    const row = { name, value, unit: '1/s', peer: Math.round(median(peer.map(({ perSecond }) => perSecond))) };
    return { ...row, ratio, goal: `≥ ${atLeast}× peer`, met: ratio >= atLeast };
  };
  const p99 = (of: Measurement[]) => Number(median(of.map(({ p99Ms }) => p99Ms)).toFixed(3));
  const addedMs = Number(median(half.gateway.map(({ p99Ms }, round) => p99Ms - half.direct[round]!.p99Ms)).toFixed(3));
  return [
    rate('one gateway process beside nginx (one worker)', fast.one, fast.nginx, 0.4),
    rate('two gateway processes beside nginx (one worker)', fast.two, fast.nginx, 0.4),
    rate('FastAPI through the gateway beside direct', model.gateway, model.direct, 0.95),
    { name: 'half load', value: Math.round(median(half.gateway.map(({ perSecond }) => perSecond))), unit: '1/s' },
    { name: 'p99 at half load', value: p99(half.gateway), unit: 'ms', peer: p99(half.direct) },
    { name: 'added p99 at half load', value: addedMs, unit: 'ms', goal: '< 1', met: addedMs < 1 },
  ];
}

async function startNginx(folder: string, tools: Tools, port: number, location: string, more: string): Promise<Child> {
  const own = path.join(folder, `nginx-${port}`);
  await mkdir(own);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${own}/${name};`,
  );
  const config = `daemon off; worker_processes 1; pid ${own}/pid; error_log ${own}/error.log;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; ${temporary.join(' ')} ${more}
  server { listen 127.0.0.1:${port}; location / { ${location} } location /ready { return 200; } } }\n`;
  await writeFile(path.join(own, 'nginx.conf'), config);
  const child = start([tools.nginx, '-c', path.join(own, 'nginx.conf'), '-p', own], tools.env);
  await until('nginx', async () => (await statusOf({ port }, '/ready')) === 200);
  return child;
}

async function startFastapi(folder: string, python: string): Promise<Child> {
  const server = path.resolve(import.meta.dirname, '../../../resources/templates/fastapi/server.py');
  const entry = path.join(import.meta.dirname, 'echo.py');
  const child = start([python, server, '--port', String(fastapiPort), '--entry', entry], {
    ...process.env,
    PYTHONPATH: folder,
  });
  await until('FastAPI', async () => (await statusOf({ port: fastapiPort }, '/ready')) === 200);
  return child;
}

/** Two gateways that serve the same two endpoints. */
async function startGateways(folder: string) {
  const own = path.join(folder, 'throughput');
  await mkdir(own);
  const endpoint = (port: number) => {
    const replicas = [{ url: `http://127.0.0.1:${port}`, ready: '/ready' }];
    return { access: 'open', revisions: [{ name: 'v1', weight: 100, receipt: 'receipt', replicas }] };
  };
  const endpoints = { static: endpoint(upstreamPort), model: endpoint(fastapiPort) };
  await writeFile(path.join(own, 'routes.json'), JSON.stringify({ endpoints }));
  return Promise.all([startGateway(own, 'one'), startGateway(own, 'two')]);
}

/** Measures each peer in turn, `rounds` times, beginning with another one each time. */
async function inTurns<K extends string>(
  peers: Record<K, () => Promise<Measurement>>,
): Promise<Record<K, Measurement[]>> {
  const names = Object.keys(peers) as K[];
  const measured = Object.fromEntries(names.map((name) => [name, [] as Measurement[]])) as Record<K, Measurement[]>;
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length]!;
      measured[name].push(await peers[name]());
    }
  }
  return measured;
}

/** Runs wrk on each URL at the same time, the connections divided among them. @throws Error if a request failed */
async function measure(
  tools: Tools,
  folder: string,
  urls: string[],
  seconds: number,
  { script }: { script?: string } = {},
): Promise<Measurement> {
  const scripted: string[] = [];
  if (script !== undefined) {
    const file = path.join(folder, 'wrk.lua');
    await writeFile(file, script);
    scripted.push('-s', file);
  }
  const options = ['-t1', `-c${connections / urls.length}`, `-d${seconds}s`, '--latency', ...scripted];
  const all = await Promise.all(
    urls.map(async (url) => {
      const argv = [tools.wrk, ...options, url];
      const { status, output } = await run({ argv, env: tools.env, progress: 'wrk', limitMs: (seconds + 60) * 1000 });
      if (status !== 0 || /Non-2xx|Socket errors/.test(output)) throw new Error(`'${argv.join(' ')}' said:\n${output}`);
      const p99 = /99%\s+([\d.]+)(us|ms|s)\b/.exec(output)!;
      const unitMs = { us: 0.001, ms: 1, s: 1000 }[p99[2] as 'us' | 'ms' | 's'];
      return { perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)![1]), p99Ms: Number(p99[1]) * unitMs };
    }),
  );
  return {
    perSecond: all.reduce((sum, { perSecond }) => sum + perSecond, 0),
    p99Ms: Math.max(...all.map(({ p99Ms }) => p99Ms)),
  };
}

/** The body of a small prediction request. */
const post = `wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"instances": [[${Array.from({ length: 64 }, (_, index) => index % 17).join(', ')}]]}'
`;

/** Each connection waits a random time between its requests, so that all together send about `perSecond`. */
function paced(perSecond: number): string {
  const meanMs = (1000 * connections) / perSecond;
  return `function delay() return math.random(0, ${Math.round(2 * meanMs)}) end\n`;
}

/** The median of the rounds' ratios: what disturbs a round disturbs both sides of it. */
function medianRatio(of: Measurement[], peer: Measurement[]): number {
  return Number(median(of.map(({ perSecond }, round) => perSecond / peer[round]!.perSecond)).toFixed(3));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
