/**
 * The protobuf wire format, as far as event files need it, without an object a message.
 * A function that reads a number returns it and leaves the place after it in {@link cursor}; at a damaged place
 * `cursor.after` is `MALFORMED`, which is beyond every end, so that one comparison at the end of a message finds it.
 * Source: protobuf.dev/programming-guides/encoding.
 */
export const cursor = { after: 0 };

export const MALFORMED = Number.MAX_SAFE_INTEGER;

/** A varint that is a key, a length or an unsigned number; exact up to 2^53. */
export function readVarint(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]!;
  if (first < 0x80 && at < end) {
    cursor.after = at + 1;
    return first;
  }
  let value = 0;
  let scale = 1;
  for (let i = at; i < end && i < at + 10; i++) {
    const byte = bytes[i]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      cursor.after = i + 1;
      return value;
    }
    scale *= 128;
  }
  cursor.after = MALFORMED;
  return 0;
}

/** A varint that is an int32 or int64 (two's complement in 64 bits); exact within ±2^53. */
export function readSignedVarint(bytes: Uint8Array, at: number, end: number): number {
  let low = 0;
  let high = 0;
  for (let i = at, shift = 0; i < end && shift < 70; i++, shift += 7) {
    const bits = bytes[i]! & 0x7f;
    if (shift < 28) low |= bits << shift;
    else if (shift === 28) {
      low |= bits << 28;
      high |= bits >>> 4;
    } else if (shift < 63) high |= bits << (shift - 32);
    else high |= bits << 31;
    if (bytes[i]! < 0x80) {
      cursor.after = i + 1;
      return high * 4294967296 + (low >>> 0);
    }
  }
  cursor.after = MALFORMED;
  return 0;
}

/** The place after the field whose key starts at `at`, whatever it is; beyond `end` when it is cut or unknown. */
export function skipField(bytes: Uint8Array, at: number, end: number): number {
  const key = readVarint(bytes, at, end);
  const body = cursor.after;
  if (body > end) return MALFORMED;
  switch (key & 7) {
    case 0:
      readVarint(bytes, body, end);
      return cursor.after;
    case 1:
      return body + 8;
    case 2: {
      const length = readVarint(bytes, body, end);
      return cursor.after + length;
    }
    case 5:
      return body + 4;
    default:
      return MALFORMED;
  }
}
