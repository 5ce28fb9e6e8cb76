// From the points of a series to what a chart draws: the x axis, the order, the smoothing, the envelope, and everything
// that a line cannot show. Pure; curveDrawing.ts draws it.
import type { Series } from '../store/series.ts';
import { smooth } from './smoothing.ts';

export type XAxis = 'step' | 'relative' | 'wall';

export interface CurveOptions {
  xAxis: XAxis;
  /** From 0 to below 1. */
  smoothing: number;
  logX: boolean;
  logY: boolean;
  /** The y axis fits the middle nine tenths of the values, as TensorBoard's does when it ignores outliers. */
  ignoresOutliers: boolean;
  /** Shades the range between the lowest and the highest value at each place. */
  showsEnvelope: boolean;
}

export const firstCurveOptions: CurveOptions = {
  xAxis: 'step',
  // TensorBoard's own first choice
  smoothing: 0.6,
  logX: false,
  logY: false,
  ignoresOutliers: false,
  showsEnvelope: false,
};

export type MarkKind = 'NaN' | 'Infinity' | '-Infinity';

export interface Curve {
  /** Steps, or seconds since the first point, or seconds since 1970. Rising. */
  x: Float64Array;
  /** The values as written, NaN and infinities among them. */
  values: Float64Array;
  /** The values after smoothing; the same array where there is none. */
  smoothed: Float64Array;
  /** Index of each point in the series. */
  index: Int32Array;
  /** Points that are no numbers, with the x they stand at. */
  marks: { x: number; kind: MarkKind }[];
  /** Points at or below zero, which a logarithmic y axis has no place for. */
  belowLog: number;
}

/** Outliers are what lies outside these quantiles. */
const quantiles = [0.05, 0.95] as const;

/** Prepares a series for drawing. */
export function curveOf(series: Series, { xAxis, smoothing, logY }: CurveOptions): Curve {
  const first = series.wallTimes[0] ?? 0;
  const xs = new Float64Array(series.length);
  for (let i = 0; i < series.length; i += 1) {
    xs[i] = xAxis === 'step' ? series.steps[i]! : series.wallTimes[i]! - (xAxis === 'relative' ? first : 0);
  }
  const index = risingOrder(xs);
  const x = Float64Array.from(index, (i) => xs[i]!);
  const values = Float64Array.from(index, (i) => series.values[i]!);
  const marks: Curve['marks'] = [];
  let belowLog = 0;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!;
    if (!Number.isFinite(value)) marks.push({ x: x[i]!, kind: String(value) as MarkKind });
    else if (logY && value <= 0) belowLog += 1;
  }
  // A point that stands for many takes as much of the average as they would.
  const weight = smoothing > 0 ? smoothing ** Math.max(1, series.covered / Math.max(1, series.length)) : 0;
  return { x, values, smoothed: weight > 0 ? smooth(values, weight) : values, index, marks, belowLog };
}

/** Writers may disagree a little about the time, and steps may come unordered; equal ones keep their order. */
function risingOrder(xs: Float64Array): Int32Array {
  const order = Int32Array.from({ length: xs.length }, (_, i) => i);
  for (let i = 1; i < xs.length; i += 1) {
    if (xs[i]! < xs[i - 1]!) return order.sort((a, b) => xs[a]! - xs[b]! || a - b);
  }
  return order;
}

/** Lowest and highest; low > high where there is nothing. */
export type Extent = readonly [low: number, high: number];

/** From the first to the last x of all curves. */
export function extentX(curves: readonly Curve[], isLog: boolean): Extent {
  let [low, high] = [Infinity, -Infinity];
  for (const { x } of curves) {
    for (let i = 0; i < x.length; i += 1) {
      if (isLog && x[i]! <= 0) continue;
      low = Math.min(low, x[i]!);
      break;
    }
    if (x.length > 0) high = Math.max(high, x[x.length - 1]!);
  }
  return [low, high];
}

/** From the lowest to the highest value between two xs; outliers are left out where the options say so. */
export function extentY(curves: readonly Curve[], { logY, ignoresOutliers }: CurveOptions, between: Extent): Extent {
  let [low, high] = [Infinity, -Infinity];
  const counted: number[] = [];
  for (const curve of curves) {
    for (const values of curve.values === curve.smoothed ? [curve.values] : [curve.values, curve.smoothed]) {
      for (let i = 0; i < values.length; i += 1) {
        const value = values[i]!;
        if (!Number.isFinite(value) || (logY && value <= 0)) continue;
        if (curve.x[i]! < between[0] || curve.x[i]! > between[1]) continue;
        if (ignoresOutliers) counted.push(value);
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
  }
  if (!ignoresOutliers || counted.length < 3) return [low, high];
  counted.sort((a, b) => a - b);
  const at = (quantile: number) => counted[Math.round(quantile * (counted.length - 1))]!;
  return [at(quantiles[0]), at(quantiles[1])];
}

/** The lowest and the highest finite value in each of so many equal parts of a range of x; empty parts are left out. */
export function envelopeOf(
  curve: Curve,
  [from, to]: Extent,
  parts: number,
): { x: number; low: number; high: number }[] {
  const found: { part: number; x: number; low: number; high: number }[] = [];
  const width = (to - from) / parts || 1;
  for (let i = 0; i < curve.x.length; i += 1) {
    const [x, value] = [curve.x[i]!, curve.values[i]!];
    if (x < from || x > to || !Number.isFinite(value)) continue;
    const part = Math.min(parts - 1, Math.floor((x - from) / width));
    const last = found.at(-1);
    if (last?.part === part) {
      last.low = Math.min(last.low, value);
      last.high = Math.max(last.high, value);
    } else {
      found.push({ part, x: from + (part + 0.5) * width, low: value, high: value });
    }
  }
  return found.map(({ x, low, high }) => ({ x, low, high }));
}

/** The index of the point nearest to an x; undefined where there is none. */
export function nearestPoint({ x }: Curve, to: number): number | undefined {
  if (x.length === 0) return undefined;
  let [low, high] = [0, x.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle]! < to) low = middle + 1;
    else high = middle;
  }
  return low > 0 && to - x[low - 1]! <= x[low]! - to ? low - 1 : low;
}

export interface TagGroup {
  prefix: string;
  tags: string[];
  pinned: boolean;
}

/** Tags in groups by what stands before the last slash; pinned ones alone and first, tags without a slash last. */
export function groupTags(tags: Iterable<string>, pinned: readonly string[]): TagGroup[] {
  const groups = new Map<string, string[]>();
  const sorted = [...tags].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const there = new Set(sorted);
  const first = pinned.filter((tag) => there.has(tag));
  for (const tag of sorted) {
    if (first.includes(tag)) continue;
    const slash = tag.lastIndexOf('/');
    const prefix = slash > 0 ? tag.slice(0, slash) : '';
    const members = groups.get(prefix);
    if (members) members.push(tag);
    else groups.set(prefix, [tag]);
  }
  return [
    ...(first.length > 0 ? [{ prefix: '', tags: first, pinned: true }] : []),
    ...[...groups]
      .sort(([a], [b]) => Number(a === '') - Number(b === ''))
      .map(([prefix, members]) => ({ prefix, tags: members, pinned: false })),
  ];
}
