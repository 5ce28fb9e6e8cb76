/**
 * A block of points in columns, as it lies on disk: exact, and 8 bytes a point where training writes as usual (steps at
 * a constant distance, float32 values, rising times) instead of 24. Little endian; every section begins at a multiple
 * of 8 bytes, so that decoding is a view.
 *
 *     u32 count · u8 code of steps, wall times, values · u8 0 · f64 first step · f64 stride · f64 first wall time
 *     steps:      STRIDE nothing · DELTA i32 differences · RAW f64
 *     wall times: DELTA i32 differences of the bit patterns as 64-bit integers (neighbouring times differ in few units
 *                 in the last place) · RAW f64
 *     values:     NARROW f32 · RAW f64
 */
import type { ScalarColumns } from '../columns.ts';

const STRIDE = 0;
const DELTA = 1;
const RAW = 2;
const NARROW = 3;
const HEADER_BYTES = 32;
const MAX_DELTA = 2 ** 31 - 1;

/** Encodes the points `[from, to)`. The length of the result is a multiple of 8. */
export function encodeBlock(columns: ScalarColumns, from: number, to: number): Uint8Array {
  const count = to - from;
  const steps = columns.steps.subarray(from, to);
  const wallTimes = columns.wallTimes.subarray(from, to);
  const values = columns.values.subarray(from, to);
  const stride = count > 1 ? steps[1]! - steps[0]! : 0;
  const stepCode = hasStride(steps, stride) ? STRIDE : canDelta(steps) ? DELTA : RAW;
  const wallDeltas = bitDeltas(wallTimes);
  const wallCode = wallDeltas ? DELTA : RAW;
  const valueCode = isNarrow(values) ? NARROW : RAW;
  const sizes = [bytesOf(stepCode, count), bytesOf(wallCode, count), bytesOf(valueCode, count)];
  const block = new Uint8Array(HEADER_BYTES + sizes[0]! + sizes[1]! + sizes[2]!);
  const head = new DataView(block.buffer);
  head.setUint32(0, count, true);
  block.set([stepCode, wallCode, valueCode], 4);
  head.setFloat64(8, steps[0] ?? 0, true);
  head.setFloat64(16, stride, true);
  head.setFloat64(24, wallTimes[0] ?? 0, true);
  let at = HEADER_BYTES;
  if (stepCode === RAW) new Float64Array(block.buffer, at, count).set(steps);
  else if (stepCode === DELTA) {
    const deltas = new Int32Array(block.buffer, at, count);
    for (let i = 1; i < count; i++) deltas[i] = steps[i]! - steps[i - 1]!;
  }
  at += sizes[0]!;
  if (wallDeltas) new Int32Array(block.buffer, at, count).set(wallDeltas);
  else new Float64Array(block.buffer, at, count).set(wallTimes);
  at += sizes[1]!;
  if (valueCode === NARROW) new Float32Array(block.buffer, at, count).set(values);
  else new Float64Array(block.buffer, at, count).set(values);
  return block;
}

/** How many points an encoded block has. */
export function blockCount(block: Uint8Array): number {
  return new DataView(block.buffer, block.byteOffset).getUint32(0, true);
}

/**
 * Decodes a block into `target` from its index `at` on.
 * @param block begins at a multiple of 8 bytes of its buffer
 * @throws RangeError when it is no block of the size it has
 */
export function decodeBlock(block: Uint8Array, target: Omit<ScalarColumns, 'length'>, at: number): void {
  const head = new DataView(block.buffer, block.byteOffset, block.length);
  const count = head.getUint32(0, true);
  const [stepCode = RAW, wallCode = RAW, valueCode = RAW] = block.subarray(4, 7);
  let place = block.byteOffset + HEADER_BYTES;
  decodeSteps(block.buffer, place, stepCode, head, target.steps, at, count);
  place += bytesOf(stepCode, count);
  if (wallCode === RAW) target.wallTimes.set(new Float64Array(block.buffer, place, count), at);
  else undoBitDeltas(new Int32Array(block.buffer, place, count), head.getFloat64(24, true), target.wallTimes, at);
  place += bytesOf(wallCode, count);
  target.values.set(
    valueCode === NARROW ? new Float32Array(block.buffer, place, count) : new Float64Array(block.buffer, place, count),
    at,
  );
}

function decodeSteps(
  buffer: ArrayBufferLike,
  place: number,
  code: number,
  head: DataView,
  steps: Float64Array,
  at: number,
  count: number,
): void {
  const first = head.getFloat64(8, true);
  if (code === RAW) steps.set(new Float64Array(buffer, place, count), at);
  else if (code === STRIDE) {
    const stride = head.getFloat64(16, true);
    for (let i = 0; i < count; i++) steps[at + i] = first + i * stride;
  } else {
    const deltas = new Int32Array(buffer, place, count);
    let step = first;
    for (let i = 0; i < count; i++) {
      step += deltas[i]!;
      steps[at + i] = step;
    }
  }
}

/** Bytes of a column, padded to 8. */
function bytesOf(code: number, count: number): number {
  if (code === STRIDE) return 0;
  return code === RAW ? count * 8 : Math.ceil((count * 4) / 8) * 8;
}

function hasStride(steps: Float64Array, stride: number): boolean {
  const first = steps[0] ?? 0;
  for (let i = 0; i < steps.length; i++) if (!Object.is(steps[i], first + i * stride)) return false;
  return true;
}

function canDelta(steps: Float64Array): boolean {
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]!;
    if (!Number.isSafeInteger(step) || Object.is(step, -0)) return false;
    if (i > 0 && Math.abs(step - steps[i - 1]!) > MAX_DELTA) return false;
  }
  return true;
}

function isNarrow(values: Float64Array): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Math.fround(value) !== value && !Number.isNaN(value)) return false;
  }
  return true;
}

/** Differences of neighbours' bit patterns; undefined where one does not fit. The first is 0. */
function bitDeltas(numbers: Float64Array): Int32Array | undefined {
  const own = Float64Array.from(numbers);
  const words = new Int32Array(own.buffer);
  const deltas = new Int32Array(numbers.length);
  for (let i = 1; i < numbers.length; i++) {
    const high = words[2 * i + 1]! - words[2 * i - 1]!;
    const delta = high * 4294967296 + ((words[2 * i]! >>> 0) - (words[2 * i - 2]! >>> 0));
    if (Math.abs(delta) > MAX_DELTA) return undefined;
    deltas[i] = delta;
  }
  return deltas;
}

function undoBitDeltas(deltas: Int32Array, first: number, target: Float64Array, at: number): void {
  const out = new Float64Array(deltas.length);
  out[0] = first;
  const words = new Int32Array(out.buffer);
  let low = words[0]! >>> 0;
  let high = words[1]!;
  for (let i = 1; i < deltas.length; i++) {
    low += deltas[i]!;
    if (low >= 4294967296) {
      low -= 4294967296;
      high++;
    } else if (low < 0) {
      low += 4294967296;
      high--;
    }
    words[2 * i] = low;
    words[2 * i + 1] = high;
  }
  target.set(out, at);
}
