// Two dimensions against each other. Pure: places of dots, the dot at a point, the dots in a box, and the steps of a
// Pareto front; ScatterChart.tsx draws them.
import { type Axis, axisOf } from './axis.ts';
import type { Dimension } from './dimension.ts';

export interface ScatterFrame {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface Scatter {
  x: Axis;
  y: Axis;
  xPlaces: Float64Array;
  yPlaces: Float64Array;
}

export function scatterOf(x: Dimension, y: Dimension): Scatter {
  const [xAxis, yAxis] = [x, y].map((each) => axisOf(each.values, { isLog: each.isLog, ticks: 6 })) as [Axis, Axis];
  return {
    x: xAxis,
    y: yAxis,
    xPlaces: Float64Array.from(x.values, (cell) => xAxis.place(cell) ?? Number.NaN),
    yPlaces: Float64Array.from(y.values, (cell) => yAxis.place(cell) ?? Number.NaN),
  };
}

/** Rows with a place on both axes; the others cannot be drawn, and are counted beside the chart. */
export function drawableRows({ xPlaces, yPlaces }: Scatter, rows: readonly number[]): number[] {
  return rows.filter((row) => !Number.isNaN(xPlaces[row]!) && !Number.isNaN(yPlaces[row]!));
}

/** Where a row's dot stands. */
export function dotAt({ xPlaces, yPlaces }: Scatter, row: number, frame: ScatterFrame): [x: number, y: number] {
  return [
    frame.left + xPlaces[row]! * (frame.right - frame.left),
    frame.bottom - yPlaces[row]! * (frame.bottom - frame.top),
  ];
}

/** The row whose dot is nearest to a point, within so many pixels. */
export function nearestDot(
  scatter: Scatter,
  rows: readonly number[],
  frame: ScatterFrame,
  { x, y, within }: { x: number; y: number; within: number },
): number | undefined {
  let [nearest, distance]: [number | undefined, number] = [undefined, within];
  for (const row of rows) {
    const [dotX, dotY] = dotAt(scatter, row, frame);
    const away = Math.hypot(dotX - x, dotY - y);
    if (away < distance) [nearest, distance] = [row, away];
  }
  return nearest;
}

/** The rows whose dots lie in a box between two corners. */
export function dotsWithin(
  scatter: Scatter,
  rows: readonly number[],
  frame: ScatterFrame,
  [from, to]: [{ x: number; y: number }, { x: number; y: number }],
): number[] {
  const [left, right] = [Math.min(from.x, to.x), Math.max(from.x, to.x)];
  const [top, bottom] = [Math.min(from.y, to.y), Math.max(from.y, to.y)];
  return rows.filter((row) => {
    const [x, y] = dotAt(scatter, row, frame);
    return x >= left && x <= right && y >= top && y <= bottom;
  });
}

/**
 * The steps that join the rows of a Pareto front, as one path for {@link Pen.lines}: the edge of what they dominate.
 * @param xGoal of the horizontal dimension, which decides on which side of the steps that is
 */
export function frontLine(
  scatter: Scatter,
  front: readonly number[],
  frame: ScatterFrame,
  xGoal: 'minimize' | 'maximize',
): number[] {
  const dots = drawableRows(scatter, front)
    .map((row) => dotAt(scatter, row, frame))
    .sort(([a], [b]) => a - b);
  return dots.flatMap(([x, y], i) => {
    if (i === 0) return [x, y];
    const [beforeX, beforeY] = dots[i - 1]!;
    return xGoal === 'minimize' ? [x, beforeY, x, y] : [beforeX, y, x, y];
  });
}
