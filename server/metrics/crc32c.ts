/** Eight tables of 256 entries, one after the other: table k holds the CRC of a byte followed by k zero bytes. */
const TABLES = buildTables();

/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4) of the bytes `[start, end)` of `view`, as a signed 32-bit integer (the
 * form in which JavaScript compares fastest; `>>> 0` gives the usual one).
 * Eight bytes a step: "slicing-by-8", Kounavis and Berry, "A Systematic Approach to Building High Performance
 * Software-Based CRC Generators", ISCC 2005.
 */
export function crc32c(view: DataView, start = 0, end = view.byteLength): number {
  let crc = -1;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    crc ^= view.getInt32(at, true);
    const next = view.getInt32(at + 4, true);
    crc =
      TABLES[0x700 | (crc & 0xff)]! ^
      TABLES[0x600 | ((crc >>> 8) & 0xff)]! ^
      TABLES[0x500 | ((crc >>> 16) & 0xff)]! ^
      TABLES[0x400 | (crc >>> 24)]! ^
      TABLES[0x300 | (next & 0xff)]! ^
      TABLES[0x200 | ((next >>> 8) & 0xff)]! ^
      TABLES[0x100 | ((next >>> 16) & 0xff)]! ^
      TABLES[next >>> 24]!;
  }
  if (end - at >= 4) {
    crc ^= view.getInt32(at, true);
    crc =
      TABLES[0x300 | (crc & 0xff)]! ^
      TABLES[0x200 | ((crc >>> 8) & 0xff)]! ^
      TABLES[0x100 | ((crc >>> 16) & 0xff)]! ^
      TABLES[crc >>> 24]!;
    at += 4;
  }
  for (; at < end; at++) crc = TABLES[(crc ^ view.getUint8(at)) & 0xff]! ^ (crc >>> 8);
  return ~crc;
}

/**
 * The masked CRC that TFRecord stores, signed: a CRC of data that itself holds CRCs is weak, so it is rotated and
 * shifted by a constant (tensorflow/core/lib/hash/crc32c.h, `Mask`).
 */
export function maskCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) | 0;
}

function buildTables(): Int32Array {
  const reversedPolynomial = 0x82f63b78;
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ reversedPolynomial : crc >>> 1;
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const shorter = tables[i - 256]!;
    tables[i] = tables[shorter & 0xff]! ^ (shorter >>> 8);
  }
  return tables;
}
