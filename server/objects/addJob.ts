import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AddJob, AddProgress, AddResult } from './addFolder.ts';
import { assertUnchanged } from './assertUnchanged.ts';
import { Commit } from './commit.ts';
import type { FileTable } from './fileTable.ts';
import { COUNTER, checkCancelled, runHashThreads } from './hashThreads.ts';
import { temporaryFolder } from './layout.ts';
import { type IndexFacts, StatIndex } from './statIndex.ts';
import { StoredShards } from './storedShards.ts';
import { type Walk, walkDataset } from './walk.ts';

/** Makes something of the files that were added, as their manifest. */
export type Summarize = (
  added: { files: FileTable; root: string; isSingleFile: boolean; bytes: number },
  job: Pick<AddJob, 'storeRoot' | 'summaryInput'>,
  /** What it made of the very same files at an earlier add; null when they are not. */
  remembered: unknown,
) => Promise<unknown>;

/** What a thread takes at once: small enough that two threads end together. */
const BATCH = { files: 64, bytes: 8 << 20 };
const MAX_THREADS = 8;
const PROGRESS_INTERVAL_MS = 100;
/** Temporary files this old belong to an add that died. */
const STALE_MS = 24 * 3600 * 1000;

/**
 * Adds a dataset, inside a thread of its own: list, look up in the stat index, have the rest read by threads, commit in
 * portions, look whether anything changed meanwhile. A copy gets its object's name only after its bytes are on the disk,
 * so that an object under its name is whole whatever happens; the last sync makes the names durable.
 */
export async function runAdd(
  job: AddJob,
  onProgress: (progress: AddProgress) => void,
  summarize?: Summarize,
): Promise<AddResult> {
  const startedAt = { clockMs: performance.now(), atMs: Date.now() };
  const flag = new Int32Array(job.cancelled);
  const walk = walkDataset(job.path, () => checkCancelled(flag));
  const { files } = walk;
  const index = job.statIndexFolder === null ? null : new StatIndex(job.statIndexFolder, walk.root);
  const shards = job.storeRoot === null ? null : new StoredShards(job.storeRoot, index?.facts?.shards ?? null);
  const totalBytes = sumBytes(files);
  const known = new Progress(files.count, totalBytes, startedAt.clockMs, onProgress);

  const toRead: number[] = [];
  for (let row = 0; row < files.count; row++) {
    const isKnown = !job.rehash && index !== null && index.recall(files, row);
    if (isKnown && (shards === null || shards.holds(files, row))) known.add(files.bytes(row));
    else toRead.push(row);
  }
  if (toRead.length > 0) await readFiles(walk, toRead, job, index, known);
  const isRead = new Uint8Array(files.count);
  for (const row of toRead) isRead[row] = 1;
  assertUnchanged(
    walk,
    (row) => isRead[row] === 1,
    startedAt.atMs,
    () => checkCancelled(flag),
  );

  const isAsRemembered = toRead.length === 0 && index !== null && index.isComplete(files.count);
  const { root, isSingleFile } = walk;
  const remembered = isAsRemembered ? index.facts!.summary : null;
  const summary = await summarize?.({ files, root, isSingleFile, bytes: totalBytes }, job, remembered);
  const facts: IndexFacts = { summary: summary ?? null, shards: shards?.facts(files) ?? null };
  if (index !== null && !(isAsRemembered && JSON.stringify(facts) === JSON.stringify(index.facts))) {
    index.record(files, facts);
  }
  return {
    ...{ root, isSingleFile, files, summary, bytes: totalBytes, hashedFiles: toRead.length },
    folderLinks: walk.folderLinks,
    seconds: (performance.now() - startedAt.clockMs) / 1000,
  };
}

async function readFiles(
  walk: Walk,
  toRead: readonly number[],
  job: AddJob,
  index: StatIndex | null,
  progress: Progress,
): Promise<void> {
  const { files, root, isSingleFile } = walk;
  const { storeRoot, cancelled, workerPath } = job;
  const rows = new Uint32Array(new SharedArrayBuffer(toRead.length * 4));
  rows.set(toRead);
  const batchEnds = makeBatches(files, rows);
  const done = new Uint8Array(new SharedArrayBuffer(files.count));
  const counters = new Int32Array(new SharedArrayBuffer(COUNTER.length * 4));
  const temporary = makeTemporaryFolder(storeRoot);
  const commit = new Commit({ files, rows, done, storeRoot, temporaryFolder: temporary, index });
  try {
    const threads = Math.min(job.threads ?? Math.min(availableParallelism(), MAX_THREADS), batchEnds.length);
    let isReading = true;
    const reading = runHashThreads(threads, workerPath, {
      ...{ role: 'hash', root, isSingleFile, storeRoot, temporaryFolder: temporary, files: files.columns, cancelled },
      rows: rows.buffer,
      batchEnds: batchEnds.buffer,
      done: done.buffer,
      counters: counters.buffer,
    }).finally(() => {
      isReading = false;
    });
    const before = progress.now();
    while (isReading) {
      await Promise.race([reading, delay(PROGRESS_INTERVAL_MS)]);
      const [readFiles, readBytes] = [counters[COUNTER.files]!, counters[COUNTER.kib]! * 1024];
      progress.set(before.files + readFiles, before.bytes + readBytes);
      commit.startPortion(readBytes);
    }
    await reading;
    await commit.finish();
    progress.finish();
  } finally {
    await commit.idle();
    if (storeRoot !== null) rmSync(temporary, { recursive: true, force: true });
  }
}

/** The end of each batch as a place in `rows`. */
function makeBatches(files: FileTable, rows: Uint32Array): Uint32Array<SharedArrayBuffer> {
  const ends: number[] = [];
  let start = 0;
  let bytes = 0;
  for (let at = 0; at < rows.length; at++) {
    bytes += files.bytes(rows[at]!);
    if (at + 1 - start < BATCH.files && bytes < BATCH.bytes && at + 1 < rows.length) continue;
    ends.push(at + 1);
    start = at + 1;
    bytes = 0;
  }
  const shared = new Uint32Array(new SharedArrayBuffer(ends.length * 4));
  shared.set(ends);
  return shared;
}

/** The add's own folder for temporary files; those of adds that died long ago are removed on the way. */
function makeTemporaryFolder(storeRoot: string | null): string {
  if (storeRoot === null) return '';
  const parent = temporaryFolder(storeRoot);
  mkdirSync(parent, { recursive: true });
  for (const name of readdirSync(parent)) {
    const path = join(parent, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats && Date.now() - stats.mtimeMs > STALE_MS) rmSync(path, { recursive: true, force: true });
  }
  const folder = join(parent, `add-${randomUUID()}`);
  mkdirSync(folder);
  return folder;
}

function sumBytes(files: FileTable): number {
  let sum = 0;
  for (let row = 0; row < files.count; row++) sum += files.bytes(row);
  return sum;
}

/** Tells how far an add is, not more often than anybody can look. */
class Progress {
  readonly #startedAtMs: number;
  readonly #totals: { totalFiles: number; totalBytes: number };
  readonly #tell: (progress: AddProgress) => void;
  #done = { files: 0, bytes: 0 };
  #toldAtMs = 0;

  constructor(totalFiles: number, totalBytes: number, startedAtMs: number, tell: (progress: AddProgress) => void) {
    this.#totals = { totalFiles, totalBytes };
    this.#startedAtMs = startedAtMs;
    this.#tell = tell;
  }

  now(): { files: number; bytes: number } {
    return this.#done;
  }

  add(bytes: number): void {
    this.#done.files += 1;
    this.#done.bytes += bytes;
    if (this.#done.files === this.#totals.totalFiles) this.#report();
    // Reading the clock for each file would cost more than the rest.
    else if (this.#done.files % 1024 === 0) this.#reportIfDue();
  }

  set(files: number, bytes: number): void {
    this.#done = { files, bytes };
    this.#reportIfDue();
  }

  finish(): void {
    this.#done = { files: this.#totals.totalFiles, bytes: this.#totals.totalBytes };
    this.#report();
  }

  #reportIfDue(): void {
    if (performance.now() - this.#toldAtMs >= PROGRESS_INTERVAL_MS) this.#report();
  }

  #report(): void {
    this.#toldAtMs = performance.now();
    const seconds = Math.max(this.#toldAtMs - this.#startedAtMs, 1) / 1000;
    this.#tell({ ...this.#done, ...this.#totals, filesPerSecond: this.#done.files / seconds });
  }
}
