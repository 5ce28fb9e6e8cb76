// Writes event files for tests, independently of the code under test: bit-by-bit CRC, plain byte lists.

/** One protobuf field: a varint, a fixed32 or fixed64 (as bytes), or a length-delimited one (bytes or string). */
export function varintField(field: number, value: bigint | number): Buffer {
  return Buffer.concat([varint(field << 3), varint(BigInt.asUintN(64, BigInt(value)))]);
}

export function bytesField(field: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes]);
}

export function floatField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([varint((field << 3) | 5), bytes]);
}

export function doubleField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([varint((field << 3) | 1), bytes]);
}

/** A Summary.Value with `simple_value`. */
export function scalarValue(tag: string, value: number): Buffer {
  return Buffer.concat([bytesField(1, tag), floatField(2, value)]);
}

/** SummaryMetadata that names a plugin. */
export function pluginMetadata(plugin: string): Buffer {
  return bytesField(9, bytesField(1, bytesField(1, plugin)));
}

/** An Event with a Summary of these values. */
export function summaryEvent(step: number | bigint, wallTime: number, ...values: Buffer[]): Buffer {
  const summary = Buffer.concat(values.map((value) => bytesField(1, value)));
  return Buffer.concat([doubleField(1, wallTime), varintField(2, step), bytesField(5, summary)]);
}

export function scalarEvent(tag: string, step: number | bigint, value: number, wallTime = 1700000000.5): Buffer {
  return summaryEvent(step, wallTime, scalarValue(tag, value));
}

/** An Event with the version of the file, as every writer puts it first. */
export function versionEvent(wallTime = 1700000000): Buffer {
  return Buffer.concat([doubleField(1, wallTime), bytesField(3, 'brain.Event:2')]);
}

/** One TFRecord. */
export function record(data: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, maskedCrc(length), data, maskedCrc(data)]);
}

/** The head of a record that claims `length` bytes, with a right CRC. */
export function recordHead(claimed: bigint): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claimed);
  return Buffer.concat([length, maskedCrc(length)]);
}

export function eventFile(...events: Buffer[]): Buffer {
  return Buffer.concat(events.map(record));
}

function varint(value: bigint | number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

function maskedCrc(data: Buffer): Buffer {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  crc = ~crc >>> 0;
  const masked = Buffer.alloc(4);
  masked.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return masked;
}
