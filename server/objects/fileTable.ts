import type { Stats } from 'node:fs';

/**
 * What tells one state of a file from another without reading it: size, mtime, ctime, inode and device. Times are
 * milliseconds since the epoch; as doubles they keep a quarter of a microsecond, finer than any kernel stamps files.
 */
export type FileState = Pick<Stats, 'size' | 'mtimeMs' | 'ctimeMs' | 'ino' | 'dev'>;

export function isSameState(a: FileState, b: FileState): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.ino === b.ino && a.dev === b.dev;
}

/** The columns of a {@link FileTable}; every one is shared memory, so that handing it to a thread copies nothing. */
export interface FileColumns {
  count: number;
  names: SharedArrayBuffer;
  nameEnds: SharedArrayBuffer;
  states: SharedArrayBuffer;
  digests: SharedArrayBuffer;
}

const STATE_NUMBERS = 6;
const MD5_BYTES = 16;
const DIGEST_BYTES = MD5_BYTES + 32;

/**
 * Many files by name, with their states and digests, as columns of numbers instead of objects: about 130 bytes a file,
 * and no work for the garbage collector. Rows are appended by one thread; after that, threads fill in digests of
 * different rows at the same time.
 */
export class FileTable {
  #count = 0;
  #names: Buffer;
  #nameEnds: Uint32Array;
  #states: Float64Array;
  #digests: Buffer;

  constructor(columns?: FileColumns) {
    this.#count = columns?.count ?? 0;
    this.#names = Buffer.from(columns?.names ?? new SharedArrayBuffer(1 << 16));
    this.#nameEnds = new Uint32Array(columns?.nameEnds ?? new SharedArrayBuffer(1 << 13));
    this.#states = new Float64Array(columns?.states ?? new SharedArrayBuffer(1 << 16));
    this.#digests = Buffer.from(columns?.digests ?? new SharedArrayBuffer(1 << 16));
  }

  get count(): number {
    return this.#count;
  }

  get columns(): FileColumns {
    return {
      count: this.#count,
      names: this.#names.buffer as unknown as SharedArrayBuffer,
      nameEnds: this.#nameEnds.buffer as unknown as SharedArrayBuffer,
      states: this.#states.buffer as unknown as SharedArrayBuffer,
      digests: this.#digests.buffer as unknown as SharedArrayBuffer,
    };
  }

  append(name: string, state: FileState): void {
    const row = this.#count;
    const start = row === 0 ? 0 : this.#nameEnds[row - 1]!;
    // A UTF-16 unit takes at most three bytes of UTF-8.
    if (start + name.length * 3 > this.#names.length) this.#names = Buffer.from(grown(this.#names, name.length * 3));
    if (row === this.#nameEnds.length) this.#nameEnds = new Uint32Array(grown(this.#nameEnds));
    if ((row + 1) * STATE_NUMBERS > this.#states.length) this.#states = new Float64Array(grown(this.#states));
    if ((row + 1) * DIGEST_BYTES > this.#digests.length) this.#digests = Buffer.from(grown(this.#digests));
    this.#nameEnds[row] = start + this.#names.write(name, start);
    const at = row * STATE_NUMBERS;
    this.#states[at] = state.size;
    this.#states[at + 1] = state.mtimeMs;
    this.#states[at + 2] = state.ctimeMs;
    this.#states[at + 3] = state.ino;
    this.#states[at + 4] = state.dev;
    this.#count = row + 1;
  }

  /** The name relative to the dataset's folder. */
  name(row: number): string {
    return this.#names.toString('utf8', row === 0 ? 0 : this.#nameEnds[row - 1]!, this.#nameEnds[row]!);
  }

  bytes(row: number): number {
    return this.#states[row * STATE_NUMBERS]!;
  }

  state(row: number): FileState {
    const at = row * STATE_NUMBERS;
    const states = this.#states;
    return {
      size: states[at]!,
      mtimeMs: states[at + 1]!,
      ctimeMs: states[at + 2]!,
      ino: states[at + 3]!,
      dev: states[at + 4]!,
    };
  }

  isInState(row: number, { size, mtimeMs, ctimeMs, ino, dev }: FileState): boolean {
    const at = row * STATE_NUMBERS;
    const states = this.#states;
    return (
      states[at] === size &&
      states[at + 1] === mtimeMs &&
      states[at + 2] === ctimeMs &&
      states[at + 3] === ino &&
      states[at + 4] === dev
    );
  }

  /** When the hashing of the file began, in milliseconds since the epoch; 0: it has no digests yet. */
  hashedAtMs(row: number): number {
    return this.#states[row * STATE_NUMBERS + 5]!;
  }

  md5(row: number): string {
    return this.#digests.toString('hex', row * DIGEST_BYTES, row * DIGEST_BYTES + MD5_BYTES);
  }

  sha256(row: number): string {
    return this.#digests.toString('hex', row * DIGEST_BYTES + MD5_BYTES, (row + 1) * DIGEST_BYTES);
  }

  /** The first byte of the MD5, which names the object's folder in a store. */
  shard(row: number): number {
    return this.#digests[row * DIGEST_BYTES]!;
  }

  setDigests(row: number, md5: string, sha256: string, hashedAtMs: number): void {
    this.#digests.write(md5, row * DIGEST_BYTES, 'hex');
    this.#digests.write(sha256, row * DIGEST_BYTES + MD5_BYTES, 'hex');
    this.#states[row * STATE_NUMBERS + 5] = hashedAtMs;
  }

  /** Takes the digests of a row of another table, with the time they are from. */
  copyDigests(row: number, from: FileTable, fromRow: number): void {
    const at = fromRow * DIGEST_BYTES;
    from.#digests.copy(this.#digests, row * DIGEST_BYTES, at, at + DIGEST_BYTES);
    this.#states[row * STATE_NUMBERS + 5] = from.hashedAtMs(fromRow);
  }

  /** A table of some of the rows. */
  select(rows: Iterable<number>): FileTable {
    const selected = new FileTable();
    for (const row of rows) {
      selected.append(this.name(row), this.state(row));
      selected.copyDigests(selected.count - 1, this, row);
    }
    return selected;
  }

  /** The table as bytes: its used columns, one after the other; {@link FileTable.decode} reads them. */
  encode(): Uint8Array[] {
    const { count } = this;
    const namesBytes = count === 0 ? 0 : this.#nameEnds[count - 1]!;
    const sizes = new Float64Array([count, namesBytes]);
    return [
      bytesOf(sizes),
      bytesOf(this.#states.subarray(0, count * STATE_NUMBERS)),
      this.#digests.subarray(0, count * DIGEST_BYTES),
      bytesOf(this.#nameEnds.subarray(0, count)),
      this.#names.subarray(0, namesBytes),
    ];
  }

  static decode(encoded: Uint8Array): FileTable {
    const [count, namesBytes] = new Float64Array(Uint8Array.from(encoded.subarray(0, 16)).buffer) as unknown as [
      number,
      number,
    ];
    let at = 16;
    const column = (bytes: number): SharedArrayBuffer => {
      const shared = new SharedArrayBuffer(bytes);
      new Uint8Array(shared).set(encoded.subarray(at, at + bytes));
      at += bytes;
      return shared;
    };
    const states = column(count * STATE_NUMBERS * 8);
    const digests = column(count * DIGEST_BYTES);
    const nameEnds = column(count * 4);
    return new FileTable({ count, states, digests, nameEnds, names: column(namesBytes) });
  }
}

function bytesOf(column: Float64Array | Uint32Array): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}

function grown(column: Uint8Array | Float64Array | Uint32Array, atLeast = 0): SharedArrayBuffer {
  const larger = new SharedArrayBuffer(Math.ceil((column.byteLength * 2 + atLeast) / 8) * 8);
  new Uint8Array(larger).set(bytesOf(column as Float64Array));
  return larger;
}
