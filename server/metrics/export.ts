import { stat } from 'node:fs/promises';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { SlipwayError } from '../protocol/errors.ts';
import { listLogdir, pathInRun } from './discover.ts';
import type { ReadProblem } from './eventFile.ts';
import { type ExportedRun, type ExportedSeries, type ExportJob, type RunExport, readShare } from './exportRuns.ts';

export type { ExportedRun, ExportedSeries } from './exportRuns.ts';

export interface ExportStats {
  /** Events, scalar points and bytes read, and the time it took. */
  events: number;
  points: number;
  bytes: number;
  seconds: number;
}

export interface ScalarExport {
  runs: ExportedRun[];
  problems: ReadProblem[];
  stats: ExportStats;
}

/** How to read an export on several processors. */
export interface ExportThreads {
  /** File of the worker: exportWorker. */
  worker: string | URL;
  /** Processors to use, the calling thread among them. */
  count: number;
}

export interface ExportOptions {
  /**
   * Go on behind a record whose data is damaged; by default its file ends there, so that the result is what
   * TensorBoard's EventAccumulator reads.
   */
  salvage?: boolean;
  signal?: AbortSignal;
  threads?: ExportThreads;
}

/** Below this, another thread takes longer to start than it saves. */
const MIN_BYTES_A_THREAD = 8 << 20;

/**
 * Reads every scalar of every event file under `logdir`. Damage is in `problems` and never throws; what it does to
 * the rest of a file: {@link scanRecords}. Values are exact: a float32 is the double that equals it, and NaN and
 * infinities are kept.
 * @throws SlipwayError `metrics.logdirMissing` when `logdir` is no folder
 */
export async function exportScalars(logdir: string, options: ExportOptions = {}): Promise<ScalarExport> {
  const started = performance.now();
  await requireFolder(logdir);
  const listing = await listLogdir(logdir);
  const problems = listing.unreadable.map(({ folder, error }) => {
    return { file: folder, offset: 0, message: `This folder cannot be read: ${error.message}` };
  });
  const runs = [...listing.runs];
  const read = await readRuns(logdir, runs, options);
  const stats = { events: 0, points: 0, bytes: 0, seconds: 0 };
  for (const one of read) {
    problems.push(...one.problems);
    stats.events += one.events;
    stats.points += one.points;
    stats.bytes += one.bytes;
  }
  stats.seconds = (performance.now() - started) / 1000;
  return { runs: read.map(({ run, tags }) => ({ run, tags })), problems, stats };
}

async function readRuns(
  logdir: string,
  runs: [run: string, files: string[]][],
  { salvage = false, signal, threads }: ExportOptions,
): Promise<RunExport[]> {
  const others = threads ? Math.min(threads.count - 1, runs.length - 1) : 0;
  const helpers = others > 0 ? await affordable(logdir, runs, others) : 0;
  const job: ExportJob = { logdir, runs, salvage, next: new SharedArrayBuffer(4) };
  const abort = new AbortController();
  const ended = signal ? AbortSignal.any([signal, abort.signal]) : abort.signal;
  const read: RunExport[] = [];
  const put = (one: RunExport) => {
    read[one.index] = one;
  };
  try {
    const workers = Array.from({ length: helpers }, () => readByWorker(threads!.worker, job, put, ended));
    await Promise.all([readShare(job, put, ended), ...workers]);
  } catch (error) {
    abort.abort();
    throw error;
  }
  return read;
}

/** How many threads besides the calling one the files are worth. */
async function affordable(logdir: string, runs: [string, string[]][], wanted: number): Promise<number> {
  const files = runs.flatMap(([run, names]) => names.map((name) => path.join(logdir, pathInRun(run, name))));
  let bytes = 0;
  for (const file of files) {
    bytes += (await stat(file).catch(() => undefined))?.size ?? 0;
    if (bytes >= (wanted + 1) * MIN_BYTES_A_THREAD) return wanted;
  }
  return Math.max(0, Math.floor(bytes / MIN_BYTES_A_THREAD) - 1);
}

async function readByWorker(file: string | URL, job: ExportJob, put: (one: RunExport) => void, signal: AbortSignal) {
  const worker = new Worker(file, { workerData: job });
  const stop = () => void worker.terminate();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (one: Omit<RunExport, 'tags'> & { tags: [string, ExportedSeries][] }) => {
        const tags: RunExport['tags'] = Object.create(null);
        for (const [tag, series] of one.tags) tags[tag] = series;
        put({ ...one, tags });
      });
      worker.once('error', reject);
      worker.once('exit', () => resolve());
    });
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * The export as JSON text, in pieces that together are `{"runs", "problems"}` and with `withStats` also `stats`:
 * the output of `slipway metrics export --json`. Floats that JSON has no number for are "NaN", "Infinity" and
 * "-Infinity".
 */
export function* exportJson(exported: ScalarExport, options: { withStats?: boolean } = {}): Generator<string> {
  yield '{"runs":[';
  for (const [i, { run, tags }] of exported.runs.entries()) {
    yield `${i > 0 ? ',' : ''}{"run":${JSON.stringify(run)},"tags":{`;
    let separator = '';
    for (const [tag, series] of Object.entries(tags)) {
      yield `${separator}${JSON.stringify(tag)}:{"steps":${numbersJson(series.steps)}`;
      yield `,"wallTimes":${numbersJson(series.wallTimes)}`;
      yield `,"values":${numbersJson(series.values)}}`;
      separator = ',';
    }
    yield '}}';
  }
  yield `],"problems":${JSON.stringify(exported.problems)}`;
  if (options.withStats) yield `,"stats":${JSON.stringify(exported.stats)}`;
  yield '}\n';
}

async function requireFolder(logdir: string): Promise<void> {
  const found = await stat(logdir).catch(() => undefined);
  if (found?.isDirectory()) return;
  const what = found ? 'is a file' : 'does not exist';
  throw new SlipwayError('metrics.logdirMissing', `The log folder ${logdir} ${what}.`, 'Name a folder.', 404);
}

function numbersJson(numbers: Float64Array): string {
  const isPlain = numbers.every((value) => Number.isFinite(value) && !Object.is(value, -0));
  return isPlain ? JSON.stringify(Array.from(numbers)) : `[${Array.from(numbers, numberJson).join(',')}]`;
}

function numberJson(value: number): string {
  if (Object.is(value, -0)) return '-0.0'; // JSON.stringify would drop the sign
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}
