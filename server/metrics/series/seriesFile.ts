/**
 * The file behind a run's series: records that are only ever appended. What stands after the last checkpoint may be
 * from a process that was killed: it is cut off, and the event files are read again from where the checkpoint says.
 *
 *     u32 kind · u32 bytes of the content (a multiple of 8) · u32 id · u32 CRC-32C of id and content · content
 */
import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { crc32c } from '../crc32c.ts';

/** First record; another number is another format, and the file is made anew. */
const FORMAT = 0x534c5701;

export const recordKinds = { tag: 1, block: 2, media: 3, checkpoint: 4 } as const;
export type RecordKind = (typeof recordKinds)[keyof typeof recordKinds];

export interface StoredRecord {
  kind: RecordKind;
  id: number;
  content: Uint8Array;
  /** Where the content begins in the file. */
  at: number;
}

const HEADER_BYTES = 16;
/** Longer ones are not written; a length beyond it is damage. */
const MAX_CONTENT_BYTES = 1 << 28;
const WRITE_BUFFER_BYTES = 1 << 20;

export class SeriesFile {
  private readonly fd: number;
  private size: number;
  /** Records not written yet; they go out in one write. */
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;

  private constructor(fd: number, size: number) {
    this.fd = fd;
    this.size = size;
  }

  /** Opens or makes the file. Only one process at a time does: the control plane holds its data folder alone. */
  static open(file: string): SeriesFile {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    const fd = openSync(file, 'a+', 0o600);
    const opened = new SeriesFile(fd, fstatSync(fd).size);
    const head = new Uint32Array(new Uint8Array(opened.read(0, 8)).buffer);
    if (head[0] !== FORMAT) opened.clear();
    return opened;
  }

  /** The intact records up to the last checkpoint; the file is cut behind it. */
  *stored(): Generator<StoredRecord> {
    const end = this.lastCheckpoint();
    for (let at = 8; at < end; ) {
      const record = this.recordAt(at)!;
      yield record;
      at = record.at + record.content.length;
    }
    ftruncateSync(this.fd, Math.max(end, 8));
    this.size = Math.max(end, 8);
  }

  /**
   * Appends a record; on disk after {@link flush}.
   * @param content of a length that is a multiple of 8
   * @returns where the content begins
   */
  append(kind: RecordKind, id: number, content: Uint8Array): number {
    const header = new Uint8Array(HEADER_BYTES);
    const view = new DataView(header.buffer);
    view.setUint32(0, kind, true);
    view.setUint32(4, content.length, true);
    view.setUint32(8, id, true);
    view.setInt32(12, checksum(id, content), true);
    this.waiting.push(header, content);
    const at = this.size + this.waitingBytes + HEADER_BYTES;
    this.waitingBytes += HEADER_BYTES + content.length;
    if (this.waitingBytes > WRITE_BUFFER_BYTES) this.flush();
    return at;
  }

  flush(): void {
    if (this.waitingBytes === 0) return;
    const bytes = Buffer.concat(this.waiting);
    this.waiting = [];
    this.waitingBytes = 0;
    for (let done = 0; done < bytes.length; ) done += writeSync(this.fd, bytes, done);
    this.size += bytes.length;
  }

  /** Bytes of the file; fewer where it ends before. Reading is synchronous: the file is local and mostly in memory. */
  read(at: number, bytes: number): Uint8Array {
    const memory = new Uint8Array(bytes);
    let done = 0;
    while (done < bytes) {
      const count = readSync(this.fd, memory, done, bytes - done, at + done);
      if (count === 0) break;
      done += count;
    }
    return done === bytes ? memory : memory.subarray(0, done);
  }

  /** Makes it empty. */
  clear(): void {
    this.waiting = [];
    this.waitingBytes = 0;
    ftruncateSync(this.fd, 0);
    writeSync(this.fd, new Uint8Array(new Uint32Array([FORMAT, 0]).buffer));
    this.size = 8;
  }

  get bytes(): number {
    return this.size + this.waitingBytes;
  }

  close(): void {
    closeSync(this.fd);
  }

  private lastCheckpoint(): number {
    let end = 8;
    for (let at = 8; ; ) {
      const record = this.recordAt(at);
      if (record === undefined) return end;
      at = record.at + record.content.length;
      if (record.kind === recordKinds.checkpoint) end = at;
    }
  }

  private recordAt(at: number): StoredRecord | undefined {
    const header = this.read(at, HEADER_BYTES);
    if (header.length < HEADER_BYTES) return undefined;
    const view = new DataView(header.buffer);
    const bytes = view.getUint32(4, true);
    if (bytes > MAX_CONTENT_BYTES || bytes % 8 !== 0) return undefined;
    const content = this.read(at + HEADER_BYTES, bytes);
    if (content.length < bytes) return undefined;
    const id = view.getUint32(8, true);
    if (checksum(id, content) !== view.getInt32(12, true)) return undefined;
    return { kind: view.getUint32(0, true) as RecordKind, id, content, at: at + HEADER_BYTES };
  }
}

/** JSON as the content of a record: blanks fill it up to a multiple of 8. */
export function jsonContent(value: unknown): Uint8Array {
  const bytes = Buffer.from(JSON.stringify(value));
  return Buffer.concat([bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8, ' ')]);
}

function checksum(id: number, content: Uint8Array): number {
  return crc32c(new DataView(content.buffer, content.byteOffset, content.length)) ^ id;
}
