/**
 * Writes event files, for figures that reach Slipway by other ways than a program's own event files: what the system
 * does while a run works, and metrics that come by the MLflow API. Everything that reads event files then shows them.
 */
import { appendFile, mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { crc32c, maskCrc } from './crc32c.ts';

export interface ScalarEvent {
  tag: string;
  step: number;
  /** Seconds since 1970. */
  wallTime: number;
  value: number;
}

/** Metadata that makes a tensor a scalar: SummaryMetadata {plugin_data {plugin_name: "scalars"}}. */
const scalarMetadata = bytesField(9, bytesField(1, bytesField(1, Buffer.from('scalars'))));

/**
 * Appends scalars to an event file, which is made with its folder where it is not there. One write a call, so that a
 * process that is killed leaves whole records, or one cut record at the end that readers wait behind.
 * Values are doubles (tensors, as TensorFlow 2 writes them): a `simple_value` would round them to 32 bits.
 */
export async function appendScalars(file: string, events: readonly ScalarEvent[]): Promise<void> {
  const records = events.map((event) => record(scalarEvent(event)));
  const isNew = await stat(file).then(
    ({ size }) => size === 0,
    () => true,
  );
  if (isNew) {
    await mkdir(path.dirname(file), { recursive: true });
    const version = bytesField(3, Buffer.from('brain.Event:2'));
    records.unshift(record(Buffer.concat([doubleField(1, events[0]?.wallTime ?? 0), version])));
  }
  await appendFile(file, Buffer.concat(records), { mode: 0o600 });
}

/** An Event with one scalar; metadata stands with every value, so that a file may be read from any of them on. */
export function scalarEvent({ tag, step, wallTime, value }: ScalarEvent): Buffer {
  // TensorProto: dtype 1 (DOUBLE 2), tensor_shape 2 (none: a scalar), double_val 6.
  const tensor = Buffer.concat([varintField(1, 2), bytesField(2, Buffer.alloc(0)), bytesField(6, double(value))]);
  const summaryValue = Buffer.concat([bytesField(1, Buffer.from(tag)), bytesField(8, tensor), scalarMetadata]);
  return Buffer.concat([doubleField(1, wallTime), varintField(2, step), bytesField(5, bytesField(1, summaryValue))]);
}

/** One TFRecord: length, its masked CRC, the data, its masked CRC. */
export function record(data: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafeSlow(data.length + 16);
  const view = new DataView(framed.buffer);
  framed.writeBigUInt64LE(BigInt(data.length));
  framed.writeInt32LE(maskCrc(crc32c(view, 0, 8)), 8);
  framed.set(data, 12);
  framed.writeInt32LE(maskCrc(crc32c(view, 12, 12 + data.length)), 12 + data.length);
  return framed;
}

function bytesField(field: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes]);
}

function doubleField(field: number, value: number): Buffer {
  return Buffer.concat([varint((field << 3) | 1), double(value)]);
}

function varintField(field: number, value: number): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

/** An integer; negative ones as int64 in two's complement. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(Math.trunc(value)));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}
