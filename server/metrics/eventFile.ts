import type { FileHandle } from 'node:fs/promises';
import { type OnDamage, type RecordSink, scanRecords } from './records.ts';

/** Damage or another reason why something in a log folder could not be read. */
export interface ReadProblem {
  /** Relative to the log folder, with `/`. */
  file: string;
  /** The byte where the record starts. */
  offset: number;
  message: string;
}

/** Where reading of an event file stands; plain JSON. */
export interface ReadPosition {
  /** Everything before this byte has been read; a record starts here. */
  offset: number;
  /** Whether the rest of the file cannot be read (a record's length is damaged). */
  stopped: boolean;
  /**
   * The four bytes before `offset` (the CRC of the record before it): when others stand there, the file has been
   * replaced. Null at the start of a file and after a record that was too long to read.
   */
  mark: number | null;
}

/**
 * `more`: there is more to read now. `end`: nothing, or an incomplete record, is left, or reading has stopped.
 * `replaced`: the file is shorter than what was read of it or holds something else there; nothing was read.
 */
export type ReadOutcome = 'more' | 'end' | 'replaced';

export const START: Readonly<ReadPosition> = { offset: 0, stopped: false, mark: null };

const CHUNK_BYTES = 1024 * 1024;
const MARK_BYTES = 4;

/** The message for a file that ends inside a record. */
export function incompleteRecord(bytesLeft: number): string {
  return `The last record is incomplete: the file ends ${bytesLeft} bytes after its start.`;
}

/** The mark (see {@link ReadPosition}) of what the file holds before `offset`. */
export async function readMark(handle: FileHandle, offset: number): Promise<number> {
  const bytes = Buffer.alloc(MARK_BYTES);
  await handle.read(bytes, 0, MARK_BYTES, offset - MARK_BYTES);
  return bytes.readInt32LE();
}

/**
 * Reads event files piece by piece into a sink. The buffer is kept from file to file; it grows to the longest
 * record that is really there, and no further.
 */
export class EventFileReader {
  private buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  private view = new DataView(this.buffer.buffer);
  private readonly onBadData: 'skip' | 'stop';

  /** @param onBadData see {@link scanRecords} */
  constructor(onBadData: 'skip' | 'stop') {
    this.onBadData = onBadData;
  }

  /**
   * Reads about one chunk from `position` and moves that behind the last whole record.
   * @param size the file's size in bytes
   * @param isGrowing see {@link scanRecords}
   */
  async readChunk(
    handle: FileHandle,
    size: number,
    position: ReadPosition,
    isGrowing: boolean,
    sink: RecordSink,
    onDamage: OnDamage,
  ): Promise<ReadOutcome> {
    if (position.mark !== null && size < position.offset) return 'replaced';
    const before = position.mark === null ? 0 : MARK_BYTES;
    const start = position.offset - before;
    const wanted = position.stopped ? before : Math.min(this.buffer.length, size - start);
    if (wanted <= 0) return 'end';
    const { bytesRead } = await handle.read(this.buffer, 0, wanted, start);
    if (before > 0 && (bytesRead < before || this.view.getInt32(0, true) !== position.mark)) return 'replaced';
    if (position.stopped) return 'end';
    const piece = { bytes: this.buffer, view: this.view, start: before, end: bytesRead, offset: position.offset };
    const scan = scanRecords(piece, isGrowing, this.onBadData, sink, onDamage);
    if (scan.consumed > 0) {
      position.offset += scan.consumed;
      const end = before + scan.consumed;
      position.mark = end <= bytesRead ? this.view.getInt32(end - MARK_BYTES, true) : null;
    }
    position.stopped = scan.stopped;
    if (scan.stopped || bytesRead < wanted || position.offset + scan.needed > size) return 'end';
    this.fit(scan.needed + MARK_BYTES);
    return 'more';
  }

  private fit(needed: number): void {
    const wanted = Math.max(needed, CHUNK_BYTES);
    if (wanted === this.buffer.length) return;
    this.buffer = Buffer.allocUnsafeSlow(wanted);
    this.view = new DataView(this.buffer.buffer);
  }
}
