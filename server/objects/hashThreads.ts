import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type MessagePort, Worker } from 'node:worker_threads';
import { SlipwayError } from '../protocol/errors.ts';
import { type FileColumns, FileTable } from './fileTable.ts';
import { FileReader } from './storeFile.ts';

/** What hash threads are started with. All of it is shared memory: threads take work and leave results without messages. */
export interface HashJob {
  role: 'hash';
  /** Which of the threads this is. */
  thread: number;
  root: string;
  isSingleFile: boolean;
  storeRoot: string | null;
  /** The add's own folder for temporary files. */
  temporaryFolder: string;
  files: FileColumns;
  /** Rows to read, in batches: batch i is `rows[batchEnds[i - 1]…batchEnds[i]]`. Uint32 each. */
  rows: SharedArrayBuffer;
  batchEnds: SharedArrayBuffer;
  /** One byte a row: see {@link rowDone}. */
  done: SharedArrayBuffer;
  /** Int32 numbers, see {@link COUNTER}. */
  counters: SharedArrayBuffer;
  cancelled: SharedArrayBuffer;
}

/** Places in `counters`. Bytes are counted in KiB, so that 2 TiB fit. */
export const COUNTER = { nextBatch: 0, files: 1, kib: 2, length: 3 };

/** What stands in `done` for a row: read with nothing to store, or the thread whose copy of it waits for its name. */
export const rowDone = { unread: 0, readOnly: 1, copiedBy: (thread: number) => 2 + thread };

/** Where a thread puts its copy of a row. A folder of its own: creating files in one folder, threads would wait for each other. */
export function temporaryPath(temporaryFolder: string, thread: number, row: number): string {
  return `${temporaryFolder}/${thread}/${row}`;
}

interface Refusal {
  code: string;
  message: string;
  hint: string;
  status: number;
}

/** Throws `dataset.cancelled` once the flag is up. */
export function checkCancelled(flag: Int32Array): void {
  if (Atomics.load(flag, 0) === 0) return;
  throw new SlipwayError('dataset.cancelled', 'Adding the dataset was cancelled.', 'Add it again to go on.', 409);
}

/** The thread's side: takes batch after batch until none is left; tells only how that ended. */
export function serveHashing(job: HashJob, port: MessagePort): void {
  const flag = new Int32Array(job.cancelled);
  try {
    readBatches(job, flag);
    port.postMessage(null);
  } catch (error) {
    // The other threads need not go on.
    Atomics.compareExchange(flag, 0, 0, 2);
    const { code, message, hint, status } = asRefusal(error, job.storeRoot);
    port.postMessage({ code, message, hint, status } satisfies Refusal);
  }
}

function readBatches(job: HashJob, flag: Int32Array): void {
  const { thread, root, temporaryFolder } = job;
  const files = new FileTable(job.files);
  const rows = new Uint32Array(job.rows);
  const batchEnds = new Uint32Array(job.batchEnds);
  const done = new Uint8Array(job.done);
  const counters = new Int32Array(job.counters);
  const copied = rowDone.copiedBy(thread);
  if (job.storeRoot !== null) mkdirSync(join(temporaryFolder, String(thread)));
  const reader = new FileReader(job.storeRoot, () => checkCancelled(flag));
  for (;;) {
    const batch = Atomics.add(counters, COUNTER.nextBatch, 1);
    if (batch >= batchEnds.length) return;
    const start = batch === 0 ? 0 : batchEnds[batch - 1]!;
    for (const row of rows.subarray(start, batchEnds[batch])) {
      const path = job.isSingleFile ? root : `${root}/${files.name(row)}`;
      const temporary = temporaryPath(temporaryFolder, thread, row);
      const { md5, sha256, bytes, hashedAtMs, isCopied } = reader.read(path, files.state(row), temporary);
      files.setDigests(row, md5, sha256, hashedAtMs);
      // After the digests: who sees it done may read them.
      Atomics.store(done, row, isCopied ? copied : rowDone.readOnly);
      Atomics.add(counters, COUNTER.files, 1);
      Atomics.add(counters, COUNTER.kib, Math.round(bytes / 1024));
    }
  }
}

/**
 * Runs threads until every batch is read.
 * @throws SlipwayError of `FileReader.read`, `object.noRoom`
 */
export async function runHashThreads(count: number, workerPath: string, job: Omit<HashJob, 'thread'>): Promise<void> {
  const workers: Worker[] = [];
  const ends = Array.from({ length: count }, (_, thread) => {
    const workerData: HashJob = { ...job, thread };
    const worker = new Worker(workerPath, { workerData, resourceLimits: { maxYoungGenerationSizeMb: 4 } });
    workers.push(worker);
    return new Promise<Refusal | null>((settle, fail) => {
      worker.on('message', settle);
      worker.on('error', fail);
      worker.on('exit', (status) => fail(new Error(`a hash thread ended with status ${status} and no result`)));
    });
  });
  try {
    const refusals = (await Promise.all(ends)).filter((end) => end !== null);
    const first = refusals.find(({ code }) => code !== 'dataset.cancelled') ?? refusals[0];
    if (first) throw new SlipwayError(first.code, first.message, first.hint, first.status);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** Rethrows what is a bug. */
function asRefusal(error: unknown, storeRoot: string | null): SlipwayError {
  if (error instanceof SlipwayError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
  return new SlipwayError(
    'object.noRoom',
    `The disk of the object store ${storeRoot} is full.`,
    'Make room (`slipway dataset gc` lists what nothing needs) and add again: what is stored is not read twice.',
    507,
    { cause: error },
  );
}
