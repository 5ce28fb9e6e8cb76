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
