import { crc32c, maskCrc } from './crc32c.ts';

/** Longest record that is read; a real one (a summary of images, a graph) is far below. Bounds the reader's memory. */
export const MAX_RECORD_BYTES = 256 * 1024 * 1024;
/** Length (8 bytes) and its CRC (4) stand before the data, the data's CRC (4) after it. */
const HEADER_BYTES = 12;
const FRAME_BYTES = HEADER_BYTES + 4;

/** Takes intact records. */
export interface RecordSink {
  /**
   * Takes the record whose data is `piece.bytes[start, end)`.
   * @param offset where the record starts in its file
   * @returns false when the data of the record is not what it should be
   */
  record(piece: FilePiece, start: number, end: number, offset: number): boolean;
}

/** Is told of damage; `offset` is where the record starts in its file. */
export type OnDamage = (offset: number, message: string) => void;

/** A piece of a file: `bytes[start, end)` is what stands at `offset` there. */
export interface FilePiece {
  bytes: Buffer;
  /** Of the same memory as `bytes`. */
  view: DataView;
  start: number;
  end: number;
  offset: number;
}

export interface ScanResult {
  /** Bytes done with, from `start`; more than there were when a record too long to read is jumped over. */
  consumed: number;
  /** How many bytes the file must have from there on, so that reading again gives another record. */
  needed: number;
  /** Whether the length of a record cannot be trusted, so that nothing after it can be found. */
  stopped: boolean;
}

/**
 * Reads the TFRecord frames (length, masked CRC of it, data, masked CRC of it; little endian) that are whole in a
 * piece of a file and gives them to `sink`. Source: tensorflow/core/lib/io/record_writer.cc.
 *
 * Damage: where the length's CRC is wrong, the place of the next record is unknown: it is reported and reading of this
 * file stops. Where only the data's CRC is wrong, TensorBoard's readers stop too; reading can go on behind the record.
 * @param onBadData `skip` the record, or `stop` there as TensorBoard does
 * @param isGrowing somebody writes the file. File systems may show a file's new length before its last bytes (they
 *   read as zeros), so that a bad record at its very end counts as not written yet, and is not reported
 */
export function scanRecords(
  piece: FilePiece,
  isGrowing: boolean,
  onBadData: 'skip' | 'stop',
  sink: RecordSink,
  onDamage: OnDamage,
): ScanResult {
  const { view, start, end } = piece;
  const toFile = piece.offset - start;
  let at = start;
  while (end - at >= HEADER_BYTES) {
    const low = view.getInt32(at, true);
    const high = view.getInt32(at + 4, true);
    const lengthCrc = view.getInt32(at + 8, true);
    if (lengthCrc !== maskedLengthCrc(view, at, low, high)) {
      const isUnwritten = isGrowing && low === 0 && high === 0 && lengthCrc === 0;
      if (isUnwritten) return { consumed: at - start, needed: end - at + 1, stopped: false };
      onDamage(at + toFile, 'The length of this record is damaged (wrong CRC): the rest of the file cannot be read.');
      return { consumed: at - start, needed: 0, stopped: true };
    }
    const length = (high >>> 0) * 4294967296 + (low >>> 0);
    if (length > MAX_RECORD_BYTES) {
      onDamage(at + toFile, `This record claims ${length} bytes; more than ${MAX_RECORD_BYTES} are not read.`);
      at += FRAME_BYTES + length;
      break;
    }
    const next = at + FRAME_BYTES + length;
    if (next > end) return { consumed: at - start, needed: next - at, stopped: false };
    if (view.getInt32(next - 4, true) !== maskCrc(crc32c(view, at + HEADER_BYTES, next - 4))) {
      if (isGrowing && next === end) return { consumed: at - start, needed: next - at + 1, stopped: false };
      if (onBadData === 'stop') {
        onDamage(at + toFile, 'The data of this record is damaged (wrong CRC): the rest of the file is left out.');
        return { consumed: at - start, needed: 0, stopped: true };
      }
      onDamage(at + toFile, 'The data of this record is damaged (wrong CRC): the record is skipped.');
    } else if (!sink.record(piece, at + HEADER_BYTES, next - 4, at + toFile)) {
      onDamage(at + toFile, 'This record is not a readable event: what cannot be read of it is skipped.');
    }
    at = next;
  }
  return { consumed: at - start, needed: HEADER_BYTES, stopped: false };
}

/** The CRC of a length follows from the length, and few lengths occur: those below this many are remembered. */
const REMEMBERED_LENGTHS = 4096;
const lengthCrcs = new Int32Array(REMEMBERED_LENGTHS);
const isLengthCrcKnown = new Uint8Array(REMEMBERED_LENGTHS);

function maskedLengthCrc(view: DataView, at: number, low: number, high: number): number {
  if (high !== 0 || low < 0 || low >= REMEMBERED_LENGTHS) return maskCrc(crc32c(view, at, at + 8));
  if (isLengthCrcKnown[low] === 0) {
    lengthCrcs[low] = maskCrc(crc32c(view, at, at + 8));
    isLengthCrcKnown[low] = 1;
  }
  return lengthCrcs[low]!;
}
