// Adding, adding again, pushing and opening datasets, against the tools that people use for it, side by side: every peer
// runs right before or after Slipway in each round, on the same files. Data is made here; peers are installed here.
//   npm run bench -- data [--rounds N] [add|again|large|push|open|memory]…
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { dirManifest } from '../../server/domain/dataset/manifest.ts';
import { FileStore } from '../../server/objects/index.ts';
import type { Minio } from '../integration/datasets/minio.ts';
import { randomOf } from '../integration/loop/killedLoop.ts';
import { makePlace, type Place, program, type Server } from '../integration/loop/place.ts';
import { childEnvironment } from '../run/process.ts';
import { debianPackages, onPath } from '../run/setup/debian.ts';
import { prepareMinio } from '../run/setup/minio.ts';
import { preparePython } from '../run/setup/python.ts';
import type { BenchRow } from './run.ts';

const fileCount = 50_000;
const pushedCount = 10_000;
const memoryCount = 100_000;
const largeCount = 4;
const largeBytes = 256 << 20;
const manifestCount = 1_000_000;

interface Bench {
  place: Place;
  server: Server;
  minio: Minio;
  dvc: string;
  rounds: number;
}

const parts = {
  add: benchAdd,
  again: benchAgain,
  large: benchLarge,
  push: benchPush,
  open: benchOpen,
  memory: benchMemory,
};

export default async function data(args: string[]): Promise<BenchRow[]> {
  const { values, positionals } = parseArgs({ args, options: { rounds: { type: 'string' } }, allowPositionals: true });
  const names = Object.keys(parts) as (keyof typeof parts)[];
  const chosen = positionals.length === 0 ? names : names.filter((name) => positionals.includes(name));
  await debianPackages(['restic', 'borgbackup', 'git-lfs', 'rclone', 'git'], 'the benchmark of datasets');
  Object.assign(process.env, await preparePython(), await prepareMinio());
  const place = await makePlace();
  try {
    const { startMinio: start } = await import('../integration/datasets/minio.ts');
    const minio = await start(place.path('minio'));
    const server = await place.serve();
    const bench = { place, server, minio, dvc: process.env['SLIPWAY_TEST_DVC']!, rounds: Number(values.rounds ?? 3) };
    const rows: BenchRow[] = [];
    for (const name of chosen) rows.push(...(await parts[name](bench)));
    await server.stop();
    await minio.stop();
    return rows;
  } finally {
    await place.close();
  }
}

/** Every round gives Slipway and each peer a turn; what is compared is the median of each. */
async function turns(rounds: number, runs: Record<string, (round: number) => Promise<number>>) {
  const seconds: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(runs)) {
      execFileSync('sync');
      const took = await run(round);
      seconds[name] = [...(seconds[name] ?? []), took];
      console.log(`  ${name}: ${took.toFixed(2)} s`);
    }
  }
  return Object.fromEntries(Object.entries(seconds).map(([name, all]) => [name, median(all)]));
}

async function benchAdd({ place, dvc, rounds }: Bench): Promise<BenchRow[]> {
  const folder = makeSmallFiles(place.path('small'), fileCount);
  const bytes = place.path('bench-add');
  const fresh = (name: string) => {
    rmSync(path.join(bytes, name), { recursive: true, force: true });
    mkdirSync(path.join(bytes, name), { recursive: true });
    return path.join(bytes, name);
  };
  const seconds = await turns(rounds, {
    slipway: async () => {
      await forgetStore(place);
      return timed(place, [...slipway('add', folder, '--name', 'small'), '--data', place.data]);
    },
    'dvc add': async () => {
      const repository = dvcRepository(fresh('dvc'), dvc);
      cpSync(folder, path.join(repository, 'small'), { recursive: true });
      execFileSync('sync');
      return timed(place, [dvc, 'add', '-q', 'small'], repository);
    },
    'git lfs': async () => {
      const repository = fresh('lfs');
      run(['git', 'init', '-q'], repository);
      run(['git', 'lfs', 'install', '--local'], repository);
      run(['git', 'lfs', 'track', '*.bin'], repository);
      cpSync(folder, path.join(repository, 'small'), { recursive: true });
      execFileSync('sync');
      return timed(place, ['git', 'add', '.'], repository);
    },
    borg: async () => {
      const repository = fresh('borg');
      run(['borg', 'init', '-e', 'none', repository], place.folder, borgEnvironment);
      return timed(place, ['borg', 'create', '-C', 'none', `${repository}::a`, folder], place.folder, borgEnvironment);
    },
  });
  rmSync(bytes, { recursive: true, force: true });
  const what = `first add of ${fileCount.toLocaleString('en')} files`;
  return [faster(what, seconds, 'dvc add', 6), faster(what, seconds, 'git lfs', 5), faster(what, seconds, 'borg', 1.1)];
}

async function benchAgain({ place, dvc, rounds }: Bench): Promise<BenchRow[]> {
  const folder = makeSmallFiles(place.path('small'), fileCount);
  const restic = place.path('restic');
  const repository = dvcRepository(place.path('bench-again'), dvc);
  cpSync(folder, path.join(repository, 'small'), { recursive: true });
  run([dvc, 'add', '-q', 'small'], repository);
  run(['restic', 'init', '-q', '-r', restic], place.folder, resticEnvironment);
  run(['restic', 'backup', '-q', '-r', restic, folder], place.folder, resticEnvironment);
  const again = [...slipway('add', folder, '--name', 'small'), '--data', place.data];
  for (let i = 0; i < 2; i++) await timed(place, again);
  const seconds = await turns(Math.max(rounds, 5), {
    slipway: () => timed(place, again),
    'restic backup': () =>
      timed(place, ['restic', 'backup', '-q', '-r', restic, folder], place.folder, resticEnvironment),
    'dvc status': () => timed(place, [dvc, 'status', '--json'], repository),
  });
  const what = `unchanged ${fileCount.toLocaleString('en')} files again`;
  return [faster(what, seconds, 'restic backup', 8), faster(what, seconds, 'dvc status', 8)];
}

async function benchLarge({ place, rounds }: Bench): Promise<BenchRow[]> {
  const folder = place.path('large');
  mkdirSync(folder, { recursive: true });
  const random = pool();
  for (let i = 0; i < largeCount; i++) {
    const fd = openSync(path.join(folder, `${i}.bin`), 'w');
    for (let at = 0; at < largeBytes; at += 1 << 20) {
      random.writeUInt32LE(i, 0);
      random.writeUInt32LE(at, 4);
      writeSync(fd, random, 0, 1 << 20);
    }
    closeSync(fd);
  }
  const seconds = await turns(rounds, {
    slipway: async () => {
      await forgetStore(place);
      return timed(place, [...slipway('add', folder, '--name', 'large'), '--data', place.data]);
    },
    borg: async () => {
      const repository = place.path('borg-large');
      rmSync(repository, { recursive: true, force: true });
      run(['borg', 'init', '-e', 'none', repository], place.folder, borgEnvironment);
      return timed(place, ['borg', 'create', '-C', 'none', `${repository}::a`, folder], place.folder, borgEnvironment);
    },
  });
  return [faster(`first add of ${largeCount} × ${largeBytes >> 20} MiB`, seconds, 'borg', 1)];
}

async function benchPush({ place, minio, dvc, rounds }: Bench): Promise<BenchRow[]> {
  const folder = makeSmallFiles(place.path('pushed'), pushedCount);
  // A bundle of certificates for other services, which rclone does not take for plain HTTP.
  const env = { ...minio.env, RCLONE_CONFIG: '/dev/null', AWS_CA_BUNDLE: '' };
  await timed(place, [...slipway('add', folder, '--name', 'pushed'), '--data', place.data]);
  const repository = dvcRepository(place.path('bench-push'), dvc);
  cpSync(folder, path.join(repository, 'pushed'), { recursive: true });
  run([dvc, 'add', '-q', 'pushed'], repository);
  const rclone = (transfers: number) => (round: number) => {
    const remote = `:s3,provider=Minio,env_auth=true,endpoint="${minio.env['AWS_ENDPOINT_URL']}":data/rclone-${transfers}-${round}`;
    const options = [
      '--transfers',
      `${transfers}`,
      '--checkers',
      '32',
      '--s3-no-check-bucket',
      '--s3-no-head',
      '--no-traverse',
    ];
    return timed(place, ['rclone', 'copy', folder, remote, ...options, '--ignore-checksum'], place.folder, env);
  };
  const seconds = await turns(rounds, {
    slipway: (round) =>
      timed(
        place,
        [...slipway('push', 'pushed', '--remote', `s3://data/slipway-${round}`), '--data', place.data],
        place.folder,
        env,
      ),
    'rclone copy (16)': rclone(16),
    'rclone copy (32)': rclone(32),
    'rclone copy (64)': rclone(64),
    'dvc push': async (round) => {
      run([dvc, 'remote', 'add', '-q', '-d', '-f', 'origin', `s3://data/dvc-${round}`], repository);
      run([dvc, 'remote', 'modify', 'origin', 'endpointurl', minio.env['AWS_ENDPOINT_URL']!], repository);
      return timed(place, [dvc, 'push', '-q'], repository, env);
    },
  });
  const best = Object.keys(seconds)
    .filter((name) => name.startsWith('rclone'))
    .sort((a, b) => seconds[a]! - seconds[b]!)[0]!;
  const what = `push of ${pushedCount.toLocaleString('en')} files to MinIO`;
  return [faster(what, seconds, 'dvc push', 10), faster(what, seconds, best, 1)];
}

/** A version of a million names, all with the same bytes: what counts is finding one. */
async function benchOpen({ place, server }: Bench): Promise<BenchRow[]> {
  const objects = new FileStore(place.path('data/objects'));
  const { digest: md5 } = await objects.put(Buffer.from('the same'));
  const entries = Array.from({ length: manifestCount }, (_, i) => ({
    relpath: `${String(i % 1000).padStart(3, '0')}/file-${i}.txt`,
    md5,
  }));
  const nas = new FileStore(place.path('nas'));
  await nas.put(Buffer.from('the same'));
  const { digest } = await nas.put(Buffer.from(dirManifest(entries)), 'dir');
  run(
    [...slipway('pull', 'million', '--remote', place.path('nas'), '--digest', digest), '--data', place.data],
    place.folder,
  );
  const url = (i: number) =>
    `${server.url}/api/v1/datasets/million/versions/latest/content?path=${encodeURIComponent(entries[i]!.relpath)}`;
  const times: number[] = [];
  const random = randomOf(7);
  for (let i = 0; i < 20; i++) {
    const began = performance.now();
    const answer = await fetch(url(Math.floor(random() * manifestCount)), {
      headers: { authorization: `Bearer ${server.token}` },
    });
    if ((await answer.text()) !== 'the same') throw new Error(`opening a file answered ${answer.status}`);
    times.push(performance.now() - began);
  }
  const [first] = times;
  const rest = median(times.slice(1));
  return [
    { name: 'first file opened of 1,000,000', value: rounded(first!), unit: 'ms', goal: '< 100', met: first! < 100 },
    { name: 'one file opened of 1,000,000', value: rounded(rest), unit: 'ms', goal: '< 100', met: rest < 100 },
  ];
}

async function benchMemory({ place }: Bench): Promise<BenchRow[]> {
  const folder = place.path('many');
  for (let i = 0; i < memoryCount; i++) {
    if (i < 100) mkdirSync(path.join(folder, `${i}`), { recursive: true });
    writeFileSync(path.join(folder, `${i % 100}`, `${i}.txt`), `file ${i}`);
  }
  const own = await makePlace();
  try {
    const fresh = await own.serve();
    await timed(own, [...slipway('add', folder, '--name', 'many'), '--data', own.data]);
    const peak = Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${fresh.pid}/status`, 'utf8'))![1]) / 1000;
    await fresh.stop();
    const name = `memory of the control plane, ${memoryCount.toLocaleString('en')} files`;
    return [{ name, value: rounded(peak), unit: 'MB', goal: '< 300', met: peak < 300 }];
  } finally {
    await own.close();
  }
}

const borgEnvironment = { BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes', BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes' };
const resticEnvironment = { RESTIC_PASSWORD: 'not-a-secret' };

function slipway(...args: string[]): string[] {
  return [process.execPath, program, 'dataset', ...args, '--json'];
}

function faster(what: string, seconds: Record<string, number>, peer: string, times: number): BenchRow {
  const ratio = seconds[peer]! / seconds['slipway']!;
  return {
    name: `${what}, against ${peer}`,
    value: rounded(seconds['slipway']!),
    unit: 's',
    peer: rounded(seconds[peer]!),
    ratio: rounded(ratio),
    goal: `${times}× as fast`,
    met: ratio >= times,
  };
}

/** Nothing of an earlier round is known or stored; the control plane goes on. */
async function forgetStore(place: Place): Promise<void> {
  for (const name of ['objects', 'files']) rmSync(place.path('data', name), { recursive: true, force: true });
  execFileSync('sync');
}

function dvcRepository(folder: string, dvc: string): string {
  mkdirSync(folder, { recursive: true });
  run(['git', 'init', '-q'], folder);
  run([dvc, 'init', '-q'], folder);
  run([dvc, 'config', 'core.analytics', 'false'], folder);
  return folder;
}

function makeSmallFiles(folder: string, count: number): string {
  if (existsSync(folder)) return folder;
  const random = pool();
  const next = randomOf(count);
  for (let i = 0; i < count; i++) {
    const parent = path.join(folder, String(i % 100).padStart(3, '0'));
    if (i < 100) mkdirSync(parent, { recursive: true });
    const start = Math.floor(next() * (random.length - 20_000));
    const content = Buffer.from(random.subarray(start, start + 5000 + Math.floor(next() * 10_000)));
    content.writeUInt32LE(i, 0);
    writeFileSync(path.join(parent, `${i}.bin`), content);
  }
  // Older than the tick within which a change could go unseen.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
  return folder;
}

function pool(): Buffer {
  const next = randomOf(1);
  const bytes = Buffer.alloc(4 << 20);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(Math.floor(next() * 2 ** 32), at);
  return bytes;
}

function run(argv: string[], cwd: string, env: Record<string, string> = {}): void {
  const [file, ...args] = argv as [string, ...string[]];
  execFileSync(onPath(file) ?? file, args, { cwd, env: childEnvironment(env), stdio: ['ignore', 'ignore', 'pipe'] });
}

async function timed(
  place: Place,
  argv: string[],
  cwd = place.folder,
  env: Record<string, string> = {},
): Promise<number> {
  const [file, ...args] = argv as [string, ...string[]];
  const began = performance.now();
  const child = spawn(file, args, {
    cwd,
    env: childEnvironment({ SLIPWAY_TEST_PLACE: place.folder, ...env }),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [status] = (await once(child, 'close')) as [number];
  if (status !== 0)
    throw new Error(`'${argv.slice(0, 6).join(' ')} …' ended with status ${status}: ${said.slice(-1000)}`);
  return (performance.now() - began) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
