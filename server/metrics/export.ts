import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import { SlipwayError } from '../protocol/errors.ts';
import { listLogdir, pathInRun } from './discover.ts';
import { EventFileReader, incompleteRecord, type ReadProblem, START } from './eventFile.ts';
import { RunDecoder } from './events.ts';

export interface ExportedRun {
  /** The folder relative to the log folder, with `/`; `.` is the log folder itself. */
  run: string;
  /** Every scalar point by tag: files in name order, points in file order. Has no prototype: any tag can be a key. */
  tags: Record<string, ExportedSeries>;
}

/** Steps, wall times (seconds since 1970) and values; all three have one entry a point. */
export interface ExportedSeries {
  steps: Float64Array;
  wallTimes: Float64Array;
  values: Float64Array;
}

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

/** More damage than this in one file is counted, not listed: what is reported stays bounded. */
const MAX_PROBLEMS_PER_FILE = 1000;

/**
 * Reads every scalar of every event file under `logdir`. Damage is in `problems` and never throws; what it does to
 * the rest of a file: {@link scanRecords}. Values are exact: a float32 is the double that equals it, and NaN and
 * infinities are kept.
 * @param options.salvage go on behind a record whose data is damaged; by default its file ends there, so that the
 *   result is what TensorBoard's EventAccumulator reads
 * @throws SlipwayError `metrics.logdirMissing` when `logdir` is no folder
 */
export async function exportScalars(
  logdir: string,
  options: { salvage?: boolean; signal?: AbortSignal } = {},
): Promise<ScalarExport> {
  const started = performance.now();
  await requireFolder(logdir);
  const listing = await listLogdir(logdir);
  const problems: ReadProblem[] = [];
  for (const { folder, error } of listing.unreadable) {
    problems.push({ file: folder, offset: 0, message: `This folder cannot be read: ${error.message}` });
  }
  const stats = { events: 0, points: 0, bytes: 0, seconds: 0 };
  const reader = new EventFileReader(options.salvage ? 'skip' : 'stop');
  const runs: ExportedRun[] = [];
  for (const [run, files] of listing.runs) {
    const decoder = new RunDecoder({ keepsBlobs: false });
    for (const name of files) {
      const file = pathInRun(run, name);
      stats.bytes += await readWholeFile(logdir, file, reader, decoder, problems, options.signal);
    }
    stats.events += decoder.events;
    stats.points += decoder.points;
    runs.push({ run, tags: seriesByTag(decoder) });
  }
  stats.seconds = (performance.now() - started) / 1000;
  return { runs, problems, stats };
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

function seriesByTag(decoder: RunDecoder): Record<string, ExportedSeries> {
  const series: Record<string, ExportedSeries> = Object.create(null);
  for (const { name, points } of decoder.touched) {
    const { length, steps, wallTimes, values } = points;
    series[name] = {
      steps: steps.subarray(0, length),
      wallTimes: wallTimes.subarray(0, length),
      values: values.subarray(0, length),
    };
  }
  return series;
}

async function requireFolder(logdir: string): Promise<void> {
  const found = await stat(logdir).catch(() => undefined);
  if (found?.isDirectory()) return;
  const what = found ? 'is a file' : 'does not exist';
  throw new SlipwayError('metrics.logdirMissing', `The log folder ${logdir} ${what}.`, 'Name a folder.', 404);
}

/** Reads one file to its end and returns the bytes that it read. */
async function readWholeFile(
  logdir: string,
  file: string,
  reader: EventFileReader,
  decoder: RunDecoder,
  problems: ReadProblem[],
  signal: AbortSignal | undefined,
): Promise<number> {
  let found = 0;
  const report = (offset: number, message: string) => {
    if (++found <= MAX_PROBLEMS_PER_FILE) problems.push({ file, offset, message });
  };
  const position = { ...START };
  let size = 0;
  try {
    await using handle = await open(path.join(logdir, file));
    size = (await handle.stat()).size;
    decoder.file = file;
    while ((await reader.readChunk(handle, size, position, false, decoder, report)) === 'more') {
      signal?.throwIfAborted();
    }
  } catch (error) {
    signal?.throwIfAborted();
    report(position.offset, `This file cannot be read: ${(error as Error).message}`);
    return position.offset;
  }
  if (!position.stopped && position.offset < size) {
    report(position.offset, incompleteRecord(size - position.offset));
  }
  if (found > MAX_PROBLEMS_PER_FILE) {
    const message = `${found - MAX_PROBLEMS_PER_FILE} more records of this file are damaged.`;
    problems.push({ file, offset: position.offset, message });
  }
  return Math.min(position.offset, size);
}

function numbersJson(numbers: Float64Array): string {
  const isPlain = numbers.every((value) => Number.isFinite(value) && !Object.is(value, -0));
  return isPlain ? JSON.stringify(Array.from(numbers)) : `[${Array.from(numbers, numberJson).join(',')}]`;
}

function numberJson(value: number): string {
  if (Object.is(value, -0)) return '-0.0'; // JSON.stringify would drop the sign
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}
