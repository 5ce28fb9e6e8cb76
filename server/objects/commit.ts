import { syncManyFiles } from './durability.ts';
import type { FileTable } from './fileTable.ts';
import { rowDone, temporaryPath } from './hashThreads.ts';
import { objectPath } from './layout.ts';
import { renameToObjects } from './nameObjects.ts';
import type { StatIndex } from './statIndex.ts';

export interface CommitWork {
  files: FileTable;
  /** The rows that are read. */
  rows: Uint32Array;
  /** What the hash threads say of each row, see `rowDone`. */
  done: Uint8Array;
  storeRoot: string | null;
  temporaryFolder: string;
  index: StatIndex | null;
}

/** While files are read, what is read already goes to the disk: a small rest is left at the end. */
const PORTION_BYTES = 64 << 20;
/** How much work a crash may cost. */
const RECORD_INTERVAL_MS = 5000;
/** In `done`: the object has its name. */
const COMMITTED = 255;

/** Gives copies their objects' names: sync them, rename them, remember them in the index; in portions, beside the reading. */
export class Commit {
  readonly #work: CommitWork;
  readonly #folders = new Set<string>();
  #portion: Promise<void> | null = null;
  #failure: unknown = null;
  #startedAtBytes = 0;
  #recordedAtMs = performance.now();
  #unrecorded: number[] = [];

  constructor(work: CommitWork) {
    this.#work = work;
  }

  /** Begins a portion if enough was read since the last one. */
  startPortion(readBytes: number): void {
    if (this.#failure !== null) throw this.#failure;
    const isDue = readBytes - this.#startedAtBytes >= PORTION_BYTES || this.#isRecordDue();
    if (this.#portion !== null || !isDue) return;
    this.#startedAtBytes = readBytes;
    this.#portion = this.#commit()
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#portion = null;
      });
  }

  /** Commits the rest and makes all names durable, also those of objects that another add has just stored. */
  async finish(): Promise<void> {
    await this.idle();
    if (this.#failure !== null) throw this.#failure;
    await this.#commit();
    if (this.#work.storeRoot !== null) await syncManyFiles(this.#work.temporaryFolder, this.#folders);
  }

  /** Waits for the portion that is under way. */
  async idle(): Promise<void> {
    await this.#portion;
  }

  #isRecordDue(): boolean {
    return this.#work.index !== null && performance.now() - this.#recordedAtMs >= RECORD_INTERVAL_MS;
  }

  async #commit(): Promise<void> {
    const { files, rows, done, storeRoot, temporaryFolder, index } = this.#work;
    const ready: number[] = [];
    const copies: number[] = [];
    for (const row of rows) {
      const state = done[row]!;
      if (state === rowDone.unread || state === COMMITTED) continue;
      ready.push(row);
      if (state !== rowDone.readOnly) copies.push(row);
    }
    if (ready.length === 0) return;
    const pairs = copies.map((row) => ({
      temporary: temporaryPath(temporaryFolder, done[row]! - rowDone.copiedBy(0), row),
      object: objectPath(storeRoot!, files.md5(row)),
    }));
    await renameToObjects(temporaryFolder, pairs, this.#folders);
    for (const row of ready) done[row] = COMMITTED;
    if (index === null) return;
    for (const row of ready) this.#unrecorded.push(row);
    if (!this.#isRecordDue()) return;
    index.recordPortion(files, this.#unrecorded);
    this.#unrecorded = [];
    this.#recordedAtMs = performance.now();
  }
}
