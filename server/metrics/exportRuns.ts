import { open } from 'node:fs/promises';
import path from 'node:path';
import { pathInRun } from './discover.ts';
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

/** One run's part of an export. */
export interface RunExport extends ExportedRun {
  /** Its place in {@link ExportJob.runs}. */
  index: number;
  problems: ReadProblem[];
  events: number;
  points: number;
  bytes: number;
}

/** What the threads of an export share. */
export interface ExportJob {
  logdir: string;
  runs: [run: string, files: string[]][];
  salvage: boolean;
  /** Index of the next run that nobody reads yet. */
  next: SharedArrayBuffer;
}

/** More damage than this in one file is counted, not listed: what is reported stays bounded. */
const MAX_PROBLEMS_PER_FILE = 1000;

/** Reads run after run that no other thread has taken, until none is left. */
export async function readShare(job: ExportJob, put: (one: RunExport) => void, signal?: AbortSignal): Promise<void> {
  const next = new Int32Array(job.next);
  const reader = new EventFileReader(job.salvage ? 'skip' : 'stop');
  for (let index = Atomics.add(next, 0, 1); index < job.runs.length; index = Atomics.add(next, 0, 1)) {
    put(await readRun(job, index, reader, signal));
  }
}

async function readRun(
  { logdir, runs }: ExportJob,
  index: number,
  reader: EventFileReader,
  signal: AbortSignal | undefined,
): Promise<RunExport> {
  const [run, files] = runs[index]!;
  const problems: ReadProblem[] = [];
  const decoder = new RunDecoder({ keepsBlobs: false });
  let bytes = 0;
  for (const name of files) {
    bytes += await readWholeFile(logdir, pathInRun(run, name), reader, decoder, problems, signal);
  }
  const { events, points } = decoder;
  return { index, run, tags: seriesByTag(decoder), problems, events, points, bytes };
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
