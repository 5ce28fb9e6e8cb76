import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { SlipwayError } from '../protocol/errors.ts';
import type { AddedFile, AddJob, AddProgress, AddResult } from './addFolder.ts';
import { syncManyFiles } from './durability.ts';
import { checkCancelled, HashThreads } from './hashThreads.ts';
import { objectPath, temporaryFolder } from './layout.ts';
import { type IndexedFile, StatIndex } from './statIndex.ts';
import { changedDuringAdd, isStored, type StoredFile } from './storeFile.ts';
import { visitDataset, type Walk, type WalkedFile, walkDataset } from './walk.ts';

/** What goes to a thread at once. */
const BATCH = { files: 256, bytes: 64 << 20 };
/** When the copies are synced and get their names: a crash costs at most this much work. */
const COMMIT = { intervalMs: 5_000, bytes: 2 ** 30 };
/** Batches a thread has before it, so that it never waits for the next. */
const BATCHES_AHEAD = 2;
const MAX_THREADS = 8;
const PROGRESS_INTERVAL_MS = 100;
/** Temporary files this old belong to an add that died. */
const STALE_MS = 24 * 3600 * 1000;

/**
 * Adds a dataset, inside a thread of its own: list, look up in the stat index, have the rest read by threads, commit in
 * portions, list again. A copy gets its object's name only after its bytes are on the disk, so that an object under its
 * name is whole whatever happens; the last sync makes the names durable.
 */
export async function runAdd(job: AddJob, onProgress: (progress: AddProgress) => void): Promise<AddResult> {
  const startedAt = performance.now();
  const flag = new Int32Array(job.cancelled);
  const walk = walkDataset(job.path, () => checkCancelled(flag));
  const index = new StatIndex(job.statIndexFile);
  const temporary = makeTemporaryFolder(job.storeRoot);
  try {
    const report = progressReporter(walk.files, startedAt, onProgress);
    const entries: AddedFile[] = [];
    const toRead = job.rehash ? walk.files : lookUp(walk.files, index, job.storeRoot, entries, report);
    const commit = new Commit(job.storeRoot, temporary, index);
    await readFiles(toRead, job, temporary, (file, stored) => {
      commit.add(file, stored);
      entries.push({ relpath: file.relpath, md5: stored.md5, sha256: stored.sha256, bytes: stored.bytes });
      report(stored.bytes);
    });
    commit.finish();
    assertUnchanged(walk, () => checkCancelled(flag));
    return {
      root: walk.root,
      isSingleFile: walk.isSingleFile,
      entries,
      bytes: entries.reduce((sum, entry) => sum + entry.bytes, 0),
      hashedFiles: toRead.length,
      folderLinks: walk.folderLinks,
      seconds: (performance.now() - startedAt) / 1000,
    };
  } finally {
    index.close();
    if (job.storeRoot !== null) rmSync(temporary, { recursive: true, force: true });
  }
}

/** Puts what the index knows, and the store has, into `entries`; returns the files that must be read. */
function lookUp(
  files: readonly WalkedFile[],
  index: StatIndex,
  storeRoot: string | null,
  entries: AddedFile[],
  report: (bytes: number) => void,
): WalkedFile[] {
  const known = index.lookup();
  return files.filter((file) => {
    const { relpath, bytes } = file;
    const found = known(file.path, file);
    if (found === null || (storeRoot !== null && !isStored(storeRoot, found.md5, bytes))) return true;
    entries.push({ relpath, md5: found.md5, sha256: found.sha256, bytes });
    report(bytes);
    return false;
  });
}

async function readFiles(
  files: readonly WalkedFile[],
  job: AddJob,
  temporary: string,
  accept: (file: WalkedFile, stored: StoredFile) => void,
): Promise<void> {
  if (files.length === 0) return;
  const batches = makeBatches(files);
  const wanted = job.threads ?? Math.min(availableParallelism(), MAX_THREADS);
  const { storeRoot, cancelled } = job;
  const count = Math.min(wanted, Math.ceil(files.length / BATCH.files));
  const threads = new HashThreads(count, job.workerPath, {
    role: 'hash',
    storeRoot,
    temporaryFolder: temporary,
    cancelled,
  });
  const feed = async (thread: number) => {
    for (const batch of batches) {
      const stored = await threads.read(
        thread,
        batch.map(({ path, signature }) => ({ path, signature })),
      );
      batch.forEach((file, at) => {
        accept(file, stored[at]!);
      });
    }
  };
  try {
    await Promise.all(Array.from({ length: count * BATCHES_AHEAD }, (_, at) => feed(at % count)));
  } finally {
    await threads.close();
  }
}

function* makeBatches(files: readonly WalkedFile[]): Generator<WalkedFile[]> {
  let batch: WalkedFile[] = [];
  let bytes = 0;
  for (const file of files) {
    batch.push(file);
    bytes += file.bytes;
    if (batch.length < BATCH.files && bytes < BATCH.bytes) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

/** Collects what was read and commits it in portions: sync the copies, rename them, remember them in the index. */
class Commit {
  readonly #storeRoot: string | null;
  readonly #temporary: string;
  readonly #index: StatIndex;
  readonly #folders = new Set<string>();
  #pending: { temporary: string; object: string }[] = [];
  #indexed: IndexedFile[] = [];
  #bytes = 0;
  #flushedAt = performance.now();

  constructor(storeRoot: string | null, temporary: string, index: StatIndex) {
    this.#storeRoot = storeRoot;
    this.#temporary = temporary;
    this.#index = index;
  }

  add({ path, signature }: WalkedFile, { md5, sha256, bytes, hashedAtNs, temporary }: StoredFile): void {
    this.#indexed.push({ path, signature, hashedAtNs, md5, sha256 });
    if (temporary !== null) {
      this.#pending.push({ temporary, object: objectPath(this.#storeRoot!, md5) });
      this.#bytes += bytes;
    }
    if (this.#bytes >= COMMIT.bytes || performance.now() - this.#flushedAt >= COMMIT.intervalMs) this.#flush();
  }

  /** Commits the rest and makes all names durable, also those of objects that another add has just stored. */
  finish(): void {
    this.#flush();
    if (this.#storeRoot !== null) syncManyFiles(this.#temporary, this.#folders);
  }

  #flush(): void {
    if (this.#pending.length > 0) {
      syncManyFiles(
        this.#temporary,
        this.#pending.map(({ temporary }) => temporary),
      );
    }
    for (const { temporary, object } of this.#pending) {
      const folder = dirname(object);
      if (!this.#folders.has(folder)) mkdirSync(folder, { recursive: true });
      this.#folders.add(folder);
      renameSync(temporary, object);
    }
    this.#index.record(this.#indexed);
    this.#pending = [];
    this.#indexed = [];
    this.#bytes = 0;
    this.#flushedAt = performance.now();
  }
}

/** A version is what the files were at one moment: nothing came, went or changed between the two listings. */
function assertUnchanged(before: Walk, checkpoint: () => void): void {
  const signatures = new Map(before.files.map((file) => [file.path, file.signature]));
  const compare = ({ path, signature }: WalkedFile) => {
    if (signatures.get(path) !== signature) throw changedDuringAdd(path);
    signatures.delete(path);
  };
  try {
    visitDataset(before.root, compare, checkpoint);
  } catch (error) {
    // A folder that is gone by now is a change like any other.
    const isChange = error instanceof SlipwayError && !/cancelled|changedDuringAdd/.test(error.code);
    throw isChange ? changedDuringAdd(before.root, error) : error;
  }
  for (const path of signatures.keys()) throw changedDuringAdd(path);
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

function progressReporter(
  files: readonly WalkedFile[],
  startedAt: number,
  onProgress: (progress: AddProgress) => void,
): (bytes: number) => void {
  const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const done = { files: 0, bytes: 0 };
  let lastAt = 0;
  return (bytes) => {
    done.files += 1;
    done.bytes += bytes;
    const now = performance.now();
    if (now - lastAt < PROGRESS_INTERVAL_MS && done.files < files.length) return;
    lastAt = now;
    const seconds = Math.max(now - startedAt, 1) / 1000;
    onProgress({ ...done, totalFiles: files.length, totalBytes, filesPerSecond: done.files / seconds });
  };
}
