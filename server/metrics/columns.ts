/** The points of one scalar tag of one run, in columns; `length` entries of each array are in use. */
export interface ScalarColumns {
  length: number;
  steps: Float64Array;
  /** Seconds since 1970, as the writer stamped them. */
  wallTimes: Float64Array;
  values: Float64Array;
}

const FIRST_CAPACITY = 4;
/** Memory that short series share, and how much of it is taken. */
let shared = new Float64Array(0);
let taken = 0;
const SHARED_LENGTH = 1 << 13;
/** Shared by all that are empty: a log may have a million tags with a point each. */
const nothing = new Float64Array(0);

/** Empty columns; they take no memory worth counting until the first point. */
export function emptyColumns(): ScalarColumns {
  return { length: 0, steps: nothing, wallTimes: nothing, values: nothing };
}

/** Adds one point; the arrays grow when they are full. */
export function appendPoint(columns: ScalarColumns, step: number, wallTime: number, value: number): void {
  const at = columns.length;
  if (at === columns.steps.length) reserve(columns, at + 1);
  columns.steps[at] = step;
  columns.wallTimes[at] = wallTime;
  columns.values[at] = value;
  columns.length = at + 1;
}

/** Adds all points of `more` after those of `columns`. */
export function appendColumns(columns: ScalarColumns, more: ScalarColumns): void {
  reserve(columns, columns.length + more.length);
  columns.steps.set(more.steps.subarray(0, more.length), columns.length);
  columns.wallTimes.set(more.wallTimes.subarray(0, more.length), columns.length);
  columns.values.set(more.values.subarray(0, more.length), columns.length);
  columns.length += more.length;
}

/** A copy of the points `[from, to)`, with arrays of exactly that length. */
export function sliceColumns(columns: ScalarColumns, from = 0, to = columns.length): ScalarColumns {
  const end = Math.min(to, columns.length);
  const begin = Math.min(Math.max(from, 0), end);
  return {
    length: end - begin,
    steps: columns.steps.slice(begin, end),
    wallTimes: columns.wallTimes.slice(begin, end),
    values: columns.values.slice(begin, end),
  };
}

/** The points at `indexes`, in that order. */
export function pickColumns(columns: ScalarColumns, indexes: ArrayLike<number>): ScalarColumns {
  const length = indexes.length;
  const picked = {
    length,
    steps: new Float64Array(length),
    wallTimes: new Float64Array(length),
    values: new Float64Array(length),
  };
  for (let i = 0; i < length; i++) {
    const from = indexes[i]!;
    picked.steps[i] = columns.steps[from]!;
    picked.wallTimes[i] = columns.wallTimes[from]!;
    picked.values[i] = columns.values[from]!;
  }
  return picked;
}

function reserve(columns: ScalarColumns, needed: number): void {
  const { steps, wallTimes, values } = columns;
  if (needed <= steps.length) return;
  const factor = steps.length < 4096 ? 4 : 1.5;
  const capacity = Math.ceil(Math.max(needed, FIRST_CAPACITY, steps.length * factor));
  // One piece of memory for the three, and one for many series while they are short.
  const memory = capacity === FIRST_CAPACITY ? takeShared(3 * capacity) : new Float64Array(3 * capacity);
  columns.steps = memory.subarray(0, capacity);
  columns.wallTimes = memory.subarray(capacity, 2 * capacity);
  columns.values = memory.subarray(2 * capacity);
  columns.steps.set(steps);
  columns.wallTimes.set(wallTimes);
  columns.values.set(values);
}

function takeShared(length: number): Float64Array {
  // It has no length any more once its memory has moved to another thread with the points in it.
  if (shared.length < taken + length) {
    shared = new Float64Array(SHARED_LENGTH);
    taken = 0;
  }
  taken += length;
  return shared.subarray(taken - length, taken);
}
