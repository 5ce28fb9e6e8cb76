// The points of one scalar tag, growing in place: a curve of 100,000 points must not be copied for each new one.
import type { Float } from '../../server/protocol/entities.ts';

const firstCapacity = 256;

export interface Series {
  readonly tag: string;
  length: number;
  /** Counts the writes, since the object stays the same. */
  revision: number;
  steps: Float64Array;
  /** Seconds since 1970, as event files have them. */
  wallTimes: Float64Array;
  values: Float64Array;
}

/** Points as they come over the wire, from index `from` of the tag on. */
export interface SeriesPoints {
  from: number;
  steps: readonly number[];
  wallTimes: readonly number[];
  values: readonly Float[];
}

export function emptySeries(tag: string): Series {
  return {
    tag,
    length: 0,
    revision: 0,
    steps: new Float64Array(firstCapacity),
    wallTimes: new Float64Array(firstCapacity),
    values: new Float64Array(firstCapacity),
  };
}

/**
 * Writes points at their index, in place; what stood at and after `from` is replaced, so that a repeated message
 * changes nothing. Returns false, with nothing written, if points between are missing.
 */
export function writePoints(series: Series, points: SeriesPoints): boolean {
  if (points.from > series.length) return false;
  const length = points.from + points.steps.length;
  if (length > series.steps.length) grow(series, length);
  series.steps.set(points.steps, points.from);
  series.wallTimes.set(points.wallTimes, points.from);
  for (let i = 0; i < points.values.length; i += 1) series.values[points.from + i] = Number(points.values[i]);
  series.length = length;
  series.revision += 1;
  return true;
}

function grow(series: Series, length: number): void {
  const capacity = 2 ** Math.ceil(Math.log2(length));
  for (const key of ['steps', 'wallTimes', 'values'] as const) {
    const grown = new Float64Array(capacity);
    grown.set(series[key].subarray(0, series.length));
    series[key] = grown;
  }
}
