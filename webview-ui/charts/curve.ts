// From the points of a tag to what a chart draws: the x axis, the order, the smoothing, and a count of everything that
// a line cannot show. Pure.
import type { Series } from '../store/series.ts';
import { smooth } from './smoothing.ts';

export type XAxis = 'step' | 'relative' | 'wall';

export interface CurveOptions {
  xAxis: XAxis;
  /** From 0 to below 1. */
  smoothing: number;
  logY: boolean;
}

export type MarkKind = 'NaN' | 'Infinity' | '-Infinity';

export interface Curve {
  /** Steps, or seconds since the first point, or seconds since 1970. Rising. */
  x: Float64Array;
  /** The values as written; null where a line has to break. */
  raw: (number | null)[];
  smoothed: (number | null)[];
  /** Index of each drawn point in the series. */
  index: Int32Array;
  /** Points that are no numbers, with the x they stand at. */
  marks: { x: number; kind: MarkKind }[];
  /** Points written again after a restart from a checkpoint; the later ones are drawn. */
  superseded: number;
  /** Points at or below zero, which a logarithmic axis has no place for. */
  belowLog: number;
}

/** Prepares a tag for drawing. */
export function curveOf(series: Series, options: CurveOptions): Curve {
  const index = options.xAxis === 'step' ? drawnBySteps(series) : drawnByTime(series);
  const first = series.wallTimes[0] ?? 0;
  const x = Float64Array.from(index, (i) => {
    if (options.xAxis === 'step') return series.steps[i]!;
    return options.xAxis === 'wall' ? series.wallTimes[i]! : series.wallTimes[i]! - first;
  });
  const values = Float64Array.from(index, (i) => series.values[i]!);
  const marks: Curve['marks'] = [];
  let belowLog = 0;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!;
    if (!Number.isFinite(value)) marks.push({ x: x[i]!, kind: String(value) as MarkKind });
    else if (options.logY && value <= 0) belowLog += 1;
  }
  const drawable = (value: number) => (Number.isFinite(value) && !(options.logY && value <= 0) ? value : null);
  return {
    x,
    raw: Array.from(values, drawable),
    smoothed: options.smoothing > 0 ? Array.from(smooth(values, options.smoothing), drawable) : [],
    index,
    marks,
    superseded: series.length - index.length,
    belowLog,
  };
}

/**
 * Points in rising step order. A run that goes back to a checkpoint writes earlier steps again: from there on the later
 * points count, as TensorBoard purges orphaned events after a restart.
 */
function drawnBySteps(series: Series): Int32Array {
  const kept = new Int32Array(series.length);
  let length = 0;
  for (let i = 0; i < series.length; i += 1) {
    while (length > 0 && series.steps[kept[length - 1]!]! >= series.steps[i]!) length -= 1;
    kept[length] = i;
    length += 1;
  }
  return kept.slice(0, length);
}

/** Every point, in the order of its time; clocks of several writers may disagree a little. */
function drawnByTime(series: Series): Int32Array {
  const order = Int32Array.from({ length: series.length }, (_, i) => i);
  return order.sort((a, b) => series.wallTimes[a]! - series.wallTimes[b]! || a - b);
}

/**
 * Tags in groups by what stands before the last slash; the objective's tag alone comes first, tags without a slash last.
 */
export function groupTags(
  tags: Iterable<string>,
  objective: string | undefined,
): { prefix: string; tags: string[]; pinned: boolean }[] {
  const groups = new Map<string, string[]>();
  const sorted = [...tags].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  for (const tag of sorted) {
    if (tag === objective) continue;
    const slash = tag.lastIndexOf('/');
    const prefix = slash > 0 ? tag.slice(0, slash) : '';
    groups.set(prefix, [...(groups.get(prefix) ?? []), tag]);
  }
  const pinned = objective !== undefined && sorted.includes(objective);
  return [
    ...(pinned ? [{ prefix: objective, tags: [objective], pinned: true }] : []),
    ...[...groups]
      .sort(([a], [b]) => Number(a === '') - Number(b === ''))
      .map(([prefix, members]) => ({ prefix, tags: members, pinned: false })),
  ];
}
