// Parallel coordinates (Inselberg 1985): one upright axis for each dimension, one line for each row. Pure: places,
// brushes and the nearest line; ParallelChart.tsx draws them.
import { type Axis, axisOf } from './axis.ts';
import type { Dimension } from './dimension.ts';

export interface ParallelAxis {
  dimension: Dimension;
  axis: Axis;
  /** The place of each row on the axis, from 0 (low) to 1; NaN for a row that has none. */
  places: Float64Array;
  /** Whether some row has no place: such lines pass below the axis. */
  hasMissing: boolean;
}

/** The chosen part of each brushed axis, by the dimension's id, as places from low to high. */
export type Brushes = Readonly<Record<string, readonly [low: number, high: number]>>;

export interface ParallelFrame {
  left: number;
  right: number;
  /** Where place 1 and place 0 are, and where lines of rows without a place pass. */
  top: number;
  bottom: number;
  missing: number;
}

export function parallelAxes(dimensions: readonly Dimension[]): ParallelAxis[] {
  return dimensions.map((dimension) => {
    const axis = axisOf(dimension.values, { isLog: dimension.isLog, ticks: 5 });
    const places = Float64Array.from(dimension.values, (cell) => axis.place(cell) ?? Number.NaN);
    return { dimension, axis, places, hasMissing: places.some(Number.isNaN) };
  });
}

/** The rows that lie within every brush; a row without a place on a brushed axis does not. */
export function withinBrushes(axes: readonly ParallelAxis[], brushes: Brushes, rows: readonly number[]): number[] {
  const brushed = axes.flatMap(({ dimension, places }) => {
    const range = brushes[dimension.id];
    return range ? [{ places, low: range[0], high: range[1] }] : [];
  });
  if (brushed.length === 0) return rows as number[];
  return rows.filter((row) =>
    brushed.every(({ places, low, high }) => places[row]! >= low - 1e-9 && places[row]! <= high + 1e-9),
  );
}

/** Where the axes stand, from left to right. */
export function axisX(frame: ParallelFrame, index: number, count: number): number {
  return count === 1 ? (frame.left + frame.right) / 2 : frame.left + (index * (frame.right - frame.left)) / (count - 1);
}

/** The lines of rows as one path for {@link Pen.lines}. */
export function parallelLines(axes: readonly ParallelAxis[], rows: Iterable<number>, frame: ParallelFrame): number[] {
  const path: number[] = [];
  const xs = axes.map((_, i) => axisX(frame, i, axes.length));
  for (const row of rows) {
    for (let i = 0; i < axes.length; i += 1) path.push(xs[i]!, placeY(frame, axes[i]!.places[row]!));
    path.push(Number.NaN, Number.NaN);
  }
  return path;
}

/** The row whose line passes nearest to a point, within so many pixels of it. */
export function nearestLine(
  axes: readonly ParallelAxis[],
  rows: readonly number[],
  frame: ParallelFrame,
  { x, y, within }: { x: number; y: number; within: number },
): number | undefined {
  if (axes.length < 2) return undefined;
  const step = (frame.right - frame.left) / (axes.length - 1);
  const left = Math.max(0, Math.min(axes.length - 2, Math.floor((x - frame.left) / step)));
  const share = Math.max(0, Math.min(1, (x - frame.left) / step - left));
  let [nearest, distance]: [number | undefined, number] = [undefined, within];
  for (const row of rows) {
    const from = placeY(frame, axes[left]!.places[row]!);
    const to = placeY(frame, axes[left + 1]!.places[row]!);
    // the distance to the line, not the upright one, which steep lines would never win
    const away = Math.abs(from + (to - from) * share - y) / Math.hypot(1, (to - from) / step);
    if (away < distance) [nearest, distance] = [row, away];
  }
  return nearest;
}

function placeY(frame: ParallelFrame, place: number): number {
  return Number.isNaN(place) ? frame.missing : frame.bottom - place * (frame.bottom - frame.top);
}

/** Rows by the step of a colour ramp that the value of a dimension falls on; the last group has no value. */
export function rowsByColor(by: ParallelAxis | undefined, rows: readonly number[], steps: number): number[][] {
  const groups: number[][] = Array.from({ length: steps + 1 }, () => []);
  for (const row of rows) {
    const place = by ? by.places[row]! : Number.NaN;
    const step = Number.isNaN(place) ? steps : Math.max(0, Math.min(steps - 1, Math.floor(place * steps)));
    groups[step]!.push(row);
  }
  return groups;
}

export interface Bundle {
  /** Step of the colour ramp that its rows have on average; `steps` where none has a value. */
  color: number;
  /** From 0 (few rows) to 2 (many). */
  weight: 0 | 1 | 2;
  path: number[];
}

/**
 * The lines of thousands of rows as far fewer: between two axes, rows that leave and arrive in the same parts of the
 * axes are one line, the heavier the more they are. What is drawn stays the same number of pixels, and shows where
 * many rows pass, which single lines over one another do not.
 * @param parts of each axis
 */
export function bundledLines(
  axes: readonly ParallelAxis[],
  rows: readonly number[],
  frame: ParallelFrame,
  { by, steps, parts }: { by: ParallelAxis | undefined; steps: number; parts: number },
): Bundle[] {
  const bundles = new Map<number, Bundle>();
  // one part more for rows without a place
  const width = parts + 1;
  const partOf = (place: number) => (Number.isNaN(place) ? parts : Math.min(parts - 1, Math.floor(place * parts)));
  const y = (part: number) => placeY(frame, part === parts ? Number.NaN : (part + 0.5) / parts);
  for (let i = 0; i + 1 < axes.length; i += 1) {
    const [left, right] = [axes[i]!.places, axes[i + 1]!.places];
    const [amounts, colors, colored] = [0, 0, 0].map(() => new Float64Array(width * width)) as Triple<Float64Array>;
    for (const row of rows) {
      const at = partOf(left[row]!) * width + partOf(right[row]!);
      amounts[at]! += 1;
      const value = by ? by.places[row]! : Number.NaN;
      if (Number.isNaN(value)) continue;
      colors[at]! += value;
      colored[at]! += 1;
    }
    const most = Math.max(...amounts);
    const [from, to] = [axisX(frame, i, axes.length), axisX(frame, i + 1, axes.length)];
    for (let at = 0; at < amounts.length; at += 1) {
      const amount = amounts[at]!;
      if (amount === 0) continue;
      const mean = colors[at]! / colored[at]!;
      const color = colored[at] === 0 ? steps : Math.min(steps - 1, Math.floor(mean * steps));
      const weight = amount > most / 2 ? 2 : amount > most / 5 ? 1 : 0;
      const key = color * 3 + weight;
      const bundle = bundles.get(key) ?? { color, weight, path: [] };
      bundles.set(key, bundle);
      bundle.path.push(from, y(Math.floor(at / width)), to, y(at % width), Number.NaN, Number.NaN);
    }
  }
  return [...bundles.values()].sort((a, b) => a.weight - b.weight);
}

type Triple<T> = [T, T, T];
