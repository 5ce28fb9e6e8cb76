// The readers we compare with: Python's EventAccumulator and TensorBoard's data server in Rust, installed once by uv.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { childEnvironment, run } from '../../run/process.ts';
import { cached } from '../../run/setup/cache.ts';
import { preparePython } from '../../run/setup/python.ts';

const requirements = ['tensorboard==2.21.0', 'tensorboard-data-server==0.7.2', 'setuptools<81'];

export interface Peers {
  python: string;
  dataServer: string;
}

export async function installPeers(): Promise<Peers> {
  const uv = (await preparePython())['SLIPWAY_TEST_UV']!;
  const folder = await cached('metrics-peers-2.21.0-0.7.2', async (target) => {
    for (const argv of [
      [uv, 'venv', '--quiet', '--relocatable', '--allow-existing', target],
      [uv, 'pip', 'install', '--quiet', '--python', path.join(target, 'bin/python'), ...requirements],
    ]) {
      const ended = await run({ argv, env: childEnvironment({ VIRTUAL_ENV: undefined }), progress: argv[1]! });
      if (ended.status !== 0) throw new Error(`'${argv.join(' ')}' failed:\n${ended.output.slice(-2000)}`);
    }
  });
  const [dataServer] = globSync(path.join(folder, 'lib/python*/site-packages/tensorboard_data_server/bin/server'));
  if (dataServer === undefined) throw new Error(`${folder} holds no data server for this platform.`);
  return { python: path.join(folder, 'bin/python'), dataServer };
}

export interface Load {
  /** From the start of the process, unless it says otherwise. */
  seconds: number;
  /** Of the reading alone. */
  loadSeconds?: number;
  points?: number;
  peakBytes: number;
}

/** Our reader, from the start of its process to the end of it. */
export async function loadOurs(logdir: string): Promise<Load> {
  const began = performance.now();
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'load.ts'), logdir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const text = await outputOf(child);
  const seconds = (performance.now() - began) / 1000;
  return { seconds, ...(JSON.parse(text) as { points: number; loadSeconds: number; peakBytes: number }) };
}

/** The Rust reader, from its start until it says that it has read everything; every record checksummed, as ours are. */
export async function loadByDataServer({ dataServer }: Peers, logdir: string): Promise<Load> {
  const argv = ['--logdir', logdir, '--host', '127.0.0.1', '--port', '0', '--reload', 'once', '--verbose'];
  const began = performance.now();
  const child = spawn(dataServer, [...argv, '--checksum', '--samples-per-plugin', 'scalars=all'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    await new Promise<void>((resolve, reject) => {
      let said = '';
      child.once('exit', () => reject(new Error(`The data server ended: ${said}`)));
      child.stderr!.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.includes('Finished load cycle')) resolve();
      });
    });
    const seconds = (performance.now() - began) / 1000;
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    return { seconds, peakBytes: Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) * 1024 };
  } finally {
    const ended = once(child, 'exit');
    if (child.exitCode === null) {
      child.kill('SIGKILL');
      await ended;
    }
  }
}

const accumulate = `
import os, resource, sys, time
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
began = time.perf_counter()
points = 0
for folder, _, files in sorted(os.walk(sys.argv[1])):
    if not files: continue
    accumulator = EventAccumulator(folder, size_guidance={'scalars': 0}, purge_orphaned_data=False)
    accumulator.Reload()
    points += sum(len(accumulator.Scalars(tag)) for tag in accumulator.Tags()['scalars'])
print('{"seconds": %f, "points": %d, "peakBytes": %d}' % (time.perf_counter() - began, points, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))
`;

/** EventAccumulator over every run, its imports not counted. */
export async function loadByAccumulator({ python }: Peers, logdir: string): Promise<Load> {
  const child = spawn(python, ['-W', 'ignore', '-c', accumulate, logdir], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
  });
  return JSON.parse(await outputOf(child)) as Load;
}

async function outputOf(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout!.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  const [status] = await once(child, 'close');
  if (status !== 0) throw new Error(`${child.spawnargs.join(' ').slice(0, 200)} ended with ${status}`);
  return text.trim().split('\n').at(-1)!;
}
