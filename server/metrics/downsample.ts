import { pickColumns, type ScalarColumns } from './columns.ts';

/** A part of a series: the points whose step or wall time (seconds since 1970) is within `[from, to]`. */
export interface SeriesRange {
  by: 'step' | 'wallTime';
  from: number;
  to: number;
}

export interface Downsampled {
  /** The points that are kept, in their old order, and where each stood. */
  points: ScalarColumns;
  indexes: number[];
  /** Points in the range, and how many of them are no finite number. */
  total: number;
  nan: number;
  positiveInfinity: number;
  negativeInfinity: number;
}

/**
 * Fewer points with the same picture: the range is cut into `buckets` of equally many points, and of each the lowest
 * and the highest value stay, and the first NaN, the first infinity and the first negative infinity; so do the first
 * and the last point of the range. At most `5 × buckets + 2` points, `2 × buckets + 2` where all are finite; a range
 * of up to `2 × buckets` stays whole. Buckets go by the order of points, not by their step, because steps go back
 * where a run was resumed. (The minimum and maximum part of M4: Jugel et al., PVLDB 7(10), 2014.)
 */
export function downsample(series: ScalarColumns, buckets: number, range?: SeriesRange): Downsampled {
  const inRange = range === undefined ? undefined : indexesInRange(series, range);
  const total = inRange?.length ?? series.length;
  const kept: number[] = [];
  const result = { points: series, indexes: kept, total, nan: 0, positiveInfinity: 0, negativeInfinity: 0 };
  const count = total <= 2 * buckets ? total : buckets;
  for (let bucket = 0; bucket < count; bucket++) {
    const start = Math.floor((bucket * total) / count);
    const end = Math.floor(((bucket + 1) * total) / count);
    // Places in the bucket; -1 where there is none.
    let [lowest, highest, nan, positive, negative] = [-1, -1, -1, -1, -1];
    for (let i = start; i < end; i++) {
      const index = inRange === undefined ? i : inRange[i]!;
      const value = series.values[index]!;
      if (Number.isFinite(value)) {
        if (lowest < 0 || value < series.values[lowest]!) lowest = index;
        if (highest < 0 || value > series.values[highest]!) highest = index;
      } else if (value > 0) {
        result.positiveInfinity++;
        if (positive < 0) positive = index;
      } else if (value < 0) {
        result.negativeInfinity++;
        if (negative < 0) negative = index;
      } else {
        result.nan++;
        if (nan < 0) nan = index;
      }
    }
    const first = bucket === 0 ? (inRange?.[0] ?? 0) : -1;
    const last = bucket === count - 1 ? (inRange?.[total - 1] ?? total - 1) : -1;
    const ordered = [first, lowest, highest, nan, positive, negative, last].filter((index) => index >= 0);
    for (const index of ordered.sort((a, b) => a - b)) if (kept.at(-1) !== index) kept.push(index);
  }
  result.points = pickColumns(series, kept);
  return result;
}

function indexesInRange(series: ScalarColumns, { by, from, to }: SeriesRange): Uint32Array {
  const positions = by === 'step' ? series.steps : series.wallTimes;
  const indexes = new Uint32Array(series.length);
  let count = 0;
  for (let i = 0; i < series.length; i++) {
    const position = positions[i]!;
    if (position >= from && position <= to) indexes[count++] = i;
  }
  return indexes.subarray(0, count);
}
