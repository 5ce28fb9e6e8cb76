import { createHash, randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { isNoEntry } from './fileStore.ts';
import { type FileState, FileTable } from './fileTable.ts';

/**
 * A file stamped this shortly before its hashing may have been written once more within the same tick of the file
 * system's clock, unseen. FAT has the coarsest one, two seconds; the kernel's own runs up to 10 ms behind.
 */
export const CLOCK_GRANULARITY_MS = 2000;

const FORMAT = 'slipway stat index 1';

/** What is remembered beside the files. */
const Facts = z.object({
  format: z.literal(FORMAT),
  root: z.string(),
  /** What the caller of the add made of the files. */
  summary: z.unknown(),
  /** The folders of the store that held every file's object, as they were then: `<two hex>` → ctime. */
  shards: z
    .object({ store: z.string(), checkedAtMs: z.number(), ctimeMs: z.record(z.string(), z.number()) })
    .nullable(),
});
export type IndexFacts = Omit<z.infer<typeof Facts>, 'format' | 'root'>;

/**
 * Remembers which file of a dataset had which digests, so that an unchanged file is not read again. An entry whose mtime
 * or ctime is not older than its hashing counts for nothing ("racily clean", Documentation/technical/racy-git.txt of
 * git). One file for each dataset's folder, written anew by rename; its checksum makes a torn one count for nothing,
 * so that it need not be synced. An add that is cut off leaves portions, which the next one finds.
 */
export class StatIndex {
  readonly #folder: string;
  readonly #root: string;
  readonly #stem: string;
  readonly #id = randomUUID();
  /** The last complete listing first, then what cut-off adds have read since. */
  readonly #known: Known[] = [];
  readonly #portions: string[] = [];
  readonly facts: IndexFacts | null = null;

  /** @param folder where indexes lie, on a local disk; made if it is not there @param root what is to be added */
  constructor(folder: string, root: string) {
    mkdirSync(folder, { recursive: true });
    this.#folder = folder;
    this.#root = root;
    this.#stem = createHash('sha256').update(root).digest('hex').slice(0, 32);
    const complete = this.#read(this.#stem);
    if (complete) {
      this.facts = complete.facts;
      this.#known.push({ table: complete.table, rows: null, next: 0 });
    }
    for (const name of readdirSync(folder)
      .filter((each) => each.startsWith(`${this.#stem}.`))
      .sort()) {
      const portion = this.#read(name);
      if (portion) this.#known.push({ table: portion.table, rows: null, next: 0 });
      this.#portions.push(join(folder, name));
    }
  }

  /** Whether so many files that are all recalled are those of the last complete listing, to the last. */
  isComplete(files: number): boolean {
    return this.facts !== null && this.#portions.length === 0 && this.#known[0]!.table.count === files;
  }

  /** Gives a row of `table` the digests of the same file in the same state, if they are known and to be trusted. */
  recall(table: FileTable, row: number): boolean {
    const name = table.name(row);
    const state = table.state(row);
    // Backwards: what was read last counts.
    for (let at = this.#known.length - 1; at >= 0; at--) {
      const known = this.#known[at]!;
      const knownRow = findRow(known, name);
      if (knownRow === undefined || !isTrusted(known.table, knownRow, state)) continue;
      table.copyDigests(row, known.table, knownRow);
      return true;
    }
    return false;
  }

  /** Remembers what was read so far, in case the add is cut off. */
  recordPortion(table: FileTable, rows: readonly number[]): void {
    const name = `${this.#stem}.${Date.now()}-${this.#portions.length}-${this.#id}`;
    this.#write(name, table.select(rows), { summary: null, shards: null });
    this.#portions.push(join(this.#folder, name));
  }

  /** Remembers the whole listing in place of all that was known of this dataset. */
  record(table: FileTable, facts: IndexFacts): void {
    this.#write(this.#stem, table, facts);
    for (const portion of this.#portions) rmSync(portion, { force: true });
  }

  #read(name: string): { table: FileTable; facts: IndexFacts } | null {
    let content: Buffer;
    try {
      content = readFileSync(join(this.#folder, name));
    } catch (error) {
      if (isNoEntry(error)) return null;
      throw error;
    }
    const body = content.subarray(32);
    if (body.length < 8 || !createHash('sha256').update(body).digest().equals(content.subarray(0, 32))) return null;
    const factsBytes = body.readUInt32LE(0);
    const facts = Facts.safeParse(JSON.parse(body.toString('utf8', 4, 4 + factsBytes)));
    if (!facts.success || facts.data.root !== this.#root) return null;
    return { table: FileTable.decode(body.subarray(4 + factsBytes)), facts: facts.data };
  }

  #write(name: string, table: FileTable, facts: IndexFacts): void {
    const head = Buffer.from(JSON.stringify({ format: FORMAT, root: this.#root, ...facts }));
    const size = Buffer.alloc(4);
    size.writeUInt32LE(head.length);
    const parts = [size, head, ...table.encode()];
    const digest = createHash('sha256');
    for (const part of parts) digest.update(part);
    const temporary = join(this.#folder, `tmp-${randomUUID()}`);
    const fd = openSync(temporary, 'wx', 0o600);
    try {
      for (const part of [digest.digest(), ...parts]) {
        for (let at = 0; at < part.byteLength; ) at += writeSync(fd, part, at);
      }
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, join(this.#folder, name));
  }
}

interface Known {
  table: FileTable;
  rows: Map<string, number> | null;
  /** The row after the one found last. */
  next: number;
}

/** The same files mostly come in the same order: looks at the next row first, and builds a map only when that fails. */
function findRow(known: Known, name: string): number | undefined {
  const { table } = known;
  if (known.next < table.count && table.name(known.next) === name) return known.next++;
  if (known.rows === null) {
    known.rows = new Map();
    for (let row = 0; row < table.count; row++) known.rows.set(table.name(row), row);
  }
  const row = known.rows.get(name);
  if (row !== undefined) known.next = row + 1;
  return row;
}

function isTrusted(known: FileTable, row: number, state: FileState): boolean {
  return known.isInState(row, state) && !isRacilyClean(state, known.hashedAtMs(row));
}

/** Whether a file or folder in this state may have changed unseen after it was looked at, at `atMs`. */
export function isRacilyClean({ mtimeMs, ctimeMs }: Pick<FileState, 'mtimeMs' | 'ctimeMs'>, atMs: number): boolean {
  return Math.max(mtimeMs, ctimeMs) + CLOCK_GRANULARITY_MS >= atMs;
}
