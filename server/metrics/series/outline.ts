/**
 * What stays in memory of a long series: of each 256 points, where the first stands and which are the lowest, the
 * highest and the first that are no finite number. Enough to find a range and to draw it at any width without reading
 * its points, at 0.3 bytes a point.
 */
import type { ScalarColumns } from '../columns.ts';

/** Points of one piece. */
export const pieceLength = 256;

/** Columns of `points`, by piece: six numbers and eight, see the constants below. */
export interface Outline {
  /** Whole pieces so far. */
  pieces: number;
  numbers: Float64Array;
  offsets: Int16Array;
}

const NUMBERS = 8;
const OFFSETS = 8;

/** Places in the numbers of a piece. */
export const FIRST_STEP = 0;
export const FIRST_WALL = 1;
const LOW = 2; // step, wall time, value
const HIGH = 5;

/** Places in the offsets of a piece: where in it a point stands (-1: none), and how many. */
const LOW_AT = 0;
const HIGH_AT = 1;
/** NaN, infinity, negative infinity. */
const NAN_AT = 2;
/** Counts of the three kinds follow. */
const NAN_COUNT = 5;

const none = { numbers: new Float64Array(0), offsets: new Int16Array(0) };

export function emptyOutline(): Outline {
  return { pieces: 0, ...none };
}

/** Adds the piece whose points are `points[from, from + pieceLength)`. */
export function addPiece(outline: Outline, points: ScalarColumns, from: number): void {
  const piece = outline.pieces++;
  if (outline.numbers.length < outline.pieces * NUMBERS) grow(outline);
  const offsets = outline.offsets.subarray(piece * OFFSETS, (piece + 1) * OFFSETS);
  offsets.fill(-1, 0, NAN_COUNT);
  for (let i = 0; i < pieceLength; i++) {
    const value = points.values[from + i]!;
    if (Number.isFinite(value)) {
      if (offsets[LOW_AT] === -1 || value < points.values[from + offsets[LOW_AT]!]!) offsets[LOW_AT] = i;
      if (offsets[HIGH_AT] === -1 || value > points.values[from + offsets[HIGH_AT]!]!) offsets[HIGH_AT] = i;
      continue;
    }
    const kind = value > 0 ? 1 : value < 0 ? 2 : 0;
    if (offsets[NAN_AT + kind] === -1) offsets[NAN_AT + kind] = i;
    offsets[NAN_COUNT + kind] = offsets[NAN_COUNT + kind]! + 1;
  }
  const at = piece * NUMBERS;
  const put = (place: number, index: number) => {
    if (index < 0) return;
    outline.numbers[at + place] = points.steps[from + index]!;
    outline.numbers[at + place + 1] = points.wallTimes[from + index]!;
  };
  put(FIRST_STEP, 0);
  put(LOW, offsets[LOW_AT]!);
  put(HIGH, offsets[HIGH_AT]!);
  if (offsets[LOW_AT]! >= 0) {
    outline.numbers[at + LOW + 2] = points.values[from + offsets[LOW_AT]!]!;
    outline.numbers[at + HIGH + 2] = points.values[from + offsets[HIGH_AT]!]!;
  }
}

/** A number of a piece: {@link FIRST_STEP} or {@link FIRST_WALL}. */
export function firstOf(outline: Outline, piece: number, what: number): number {
  return outline.numbers[piece * NUMBERS + what]!;
}

/** The lowest and highest of the pieces `[from, to)`, and where the first of each other kind stands (indexes, -1: none). */
export interface Extremes {
  low: OutlinePoint | undefined;
  high: OutlinePoint | undefined;
  nanAt: number;
  positiveAt: number;
  negativeAt: number;
  nan: number;
  positiveInfinity: number;
  negativeInfinity: number;
}

export interface OutlinePoint {
  index: number;
  step: number;
  wallTime: number;
  value: number;
}

export function extremesOf(outline: Outline, from: number, to: number): Extremes {
  const { numbers, offsets } = outline;
  let low = -1;
  let high = -1;
  const firsts = [-1, -1, -1];
  const counts = [0, 0, 0];
  for (let piece = from; piece < to; piece++) {
    if (offsets[piece * OFFSETS + LOW_AT]! >= 0) {
      const at = piece * NUMBERS;
      if (low < 0 || numbers[at + LOW + 2]! < numbers[low * NUMBERS + LOW + 2]!) low = piece;
      if (high < 0 || numbers[at + HIGH + 2]! > numbers[high * NUMBERS + HIGH + 2]!) high = piece;
    }
    for (let kind = 0; kind < 3; kind++) {
      const first = offsets[piece * OFFSETS + NAN_AT + kind]!;
      if (first < 0) continue;
      if (firsts[kind]! < 0) firsts[kind] = piece * pieceLength + first;
      counts[kind] = counts[kind]! + offsets[piece * OFFSETS + NAN_COUNT + kind]!;
    }
  }
  return {
    low: low < 0 ? undefined : pointOf(outline, low, LOW, LOW_AT),
    high: high < 0 ? undefined : pointOf(outline, high, HIGH, HIGH_AT),
    nanAt: firsts[0]!,
    positiveAt: firsts[1]!,
    negativeAt: firsts[2]!,
    nan: counts[0]!,
    positiveInfinity: counts[1]!,
    negativeInfinity: counts[2]!,
  };
}

function pointOf({ numbers, offsets }: Outline, piece: number, place: number, offset: number): OutlinePoint {
  const at = piece * NUMBERS + place;
  const index = piece * pieceLength + offsets[piece * OFFSETS + offset]!;
  return { index, step: numbers[at]!, wallTime: numbers[at + 1]!, value: numbers[at + 2]! };
}

function grow(outline: Outline): void {
  const capacity = Math.max(4, outline.pieces * 2);
  const numbers = new Float64Array(capacity * NUMBERS);
  numbers.set(outline.numbers);
  const offsets = new Int16Array(capacity * OFFSETS);
  offsets.set(outline.offsets);
  Object.assign(outline, { numbers, offsets });
}
