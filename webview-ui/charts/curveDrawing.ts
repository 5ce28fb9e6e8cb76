// Draws curves with a pen, on the screen and into files alike: axes, envelope, lines, and marks for what is no number.
import { count, moment, span, tickValue } from '../i18n/index.ts';
import { type Axis, numberAxis, secondsAxis } from './axis.ts';
import { type Curve, type CurveOptions, type Extent, envelopeOf, extentX, extentY, type MarkKind } from './curve.ts';
import type { Pen, Stroke } from './pen.ts';
import type { ChartTheme } from './theme.ts';

/** One curve and how it is told from the others. */
export interface CurveLine {
  curve: Curve;
  color: string;
  dash: readonly number[];
}

export interface CurvePlot {
  lines: readonly CurveLine[];
  options: CurveOptions;
  x: Axis;
  y: Axis;
  /** The shown range of x. */
  shown: Extent;
}

export interface CurveFrame {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Dashes that tell curves apart once the colours have run out. */
const dashes: readonly (readonly number[])[] = [[], [6, 3], [2, 2], [8, 3, 2, 3]];
/** Fewer points than this on a chart are also drawn as dots, so that one alone can be seen. */
const dottedPoints = 40;
const markPx = 3.5;
/** Marks drawn of one curve at most: more than the pixels there are would only cost time. */
const mostMarks = 2000;

export function lookOf(place: number, theme: ChartTheme): { color: string; dash: readonly number[] } {
  const { curves } = theme;
  return { color: curves[place % curves.length]!, dash: dashes[Math.floor(place / curves.length) % dashes.length]! };
}

/** Lays curves out: the shown range of x (all of it, or the part that was zoomed to) and the y axis that fits it. */
export function plotOf(lines: readonly CurveLine[], options: CurveOptions, zoomed: Extent | undefined): CurvePlot {
  const curves = lines.map((line) => line.curve);
  const extent = zoomed ?? extentX(curves, options.logX && options.xAxis !== 'wall');
  // one point alone stands in the middle
  const shown: Extent = extent[0] === extent[1] ? [extent[0] - 0.5, extent[1] + 0.5] : extent;
  const y = numberAxis(extentY(curves, options, shown), { isLog: options.logY, ticks: 5, hasRoom: true });
  return { lines, options, x: xAxisOf(shown, options), y, shown };
}

function xAxisOf(shown: Extent, { xAxis, logX }: CurveOptions): Axis {
  if (xAxis === 'wall') return secondsAxis(shown, 5, -new Date(shown[0] * 1000 || 0).getTimezoneOffset() * 60);
  if (logX && shown[0] > 0) return numberAxis(shown, { isLog: true, ticks: 6 });
  return xAxis === 'relative' ? secondsAxis(shown, 6) : numberAxis(shown, { ticks: 6 });
}

export function curveFrame(width: number, height: number): CurveFrame {
  return { left: 54, right: Math.max(55, width - 8), top: 8, bottom: height - 22 };
}

export function drawCurves(pen: Pen, frame: CurveFrame, plot: CurvePlot, theme: ChartTheme): void {
  drawGrid(pen, frame, plot, theme);
  const { lines, options } = plot;
  const isSmoothed = options.smoothing > 0;
  pen.inside([frame.left, frame.top - 1, frame.right + 1, frame.bottom + 1], () => {
    for (const { curve, color, dash } of lines) {
      if (options.showsEnvelope) drawEnvelope(pen, frame, plot, curve, color);
      const raw: Stroke = { color, width: isSmoothed ? 1 : 1.5, dash: isSmoothed ? [] : dash };
      // the shading already shows where the values are
      if (!isSmoothed || !options.showsEnvelope) {
        pen.lines(pathOf(plot, frame, curve, curve.values), isSmoothed ? { ...raw, alpha: 0.3 } : raw);
      }
      if (isSmoothed) pen.lines(pathOf(plot, frame, curve, curve.smoothed), { color, width: 1.5, dash });
      if (curve.x.length <= dottedPoints) {
        pen.dots(dotsOf(plot, frame, curve), { color, radius: 2.5 });
      }
    }
    for (const { curve } of lines) drawMarks(pen, frame, plot, curve.marks, theme);
  });
}

function drawGrid(pen: Pen, frame: CurveFrame, { x, y, options, shown }: CurvePlot, theme: ChartTheme): void {
  for (const { place, value } of x.ticks) {
    const at = frame.left + place * (frame.right - frame.left);
    pen.lines([at, frame.top, at, frame.bottom], { color: theme.grid, width: 1 });
    const text = xText(Number(value), options, shown[1] - shown[0]);
    if (at > frame.left + 12 && at < frame.right - 12) {
      pen.text(at, frame.bottom + 12, text, { color: theme.muted, align: 'center' });
    }
  }
  for (const { place, value } of y.ticks) {
    const at = frame.bottom - place * (frame.bottom - frame.top);
    pen.lines([frame.left, at, frame.right, at], { color: theme.grid, width: 1 });
    pen.text(frame.left - 6, at, tickValue(Number(value)), { color: theme.muted, align: 'end' });
  }
}

/** A place on the x axis as it is read. */
export function xText(x: number, { xAxis }: CurveOptions, spanSeconds: number): string {
  if (xAxis === 'relative') return span(x * 1000);
  if (xAxis === 'wall') return moment(x * 1000, spanSeconds * 1000);
  return Number.isInteger(x) ? count(x) : tickValue(x);
}

/** The line of a curve; points beyond the shown range are left out but for the one at each side. */
function pathOf({ x, y }: CurvePlot, frame: CurveFrame, curve: Curve, values: Float64Array): number[] {
  const path: number[] = [];
  const [width, height] = [frame.right - frame.left, frame.bottom - frame.top];
  let before: [number, number] | undefined;
  for (let i = 0; i < curve.x.length; i += 1) {
    const across = x.place(curve.x[i]!);
    const up = y.place(values[i]!);
    if (across === undefined || up === undefined || !Number.isFinite(values[i]!)) {
      path.push(Number.NaN, Number.NaN);
      before = undefined;
      continue;
    }
    // canvases lose precision far outside
    const [left, top] = [frame.left + across * width, frame.bottom - Math.max(-50, Math.min(51, up)) * height];
    if (across < 0) {
      before = [left, top];
      continue;
    }
    if (before) path.push(Math.max(before[0], frame.left - 1e5), before[1]);
    before = undefined;
    path.push(Math.min(left, frame.right + 1e5), top);
    if (across > 1) break;
  }
  return path;
}

function dotsOf({ x, y }: CurvePlot, frame: CurveFrame, curve: Curve): number[] {
  const dots: number[] = [];
  for (let i = 0; i < curve.x.length; i += 1) {
    const [across, up] = [x.place(curve.x[i]!), y.place(curve.values[i]!)];
    if (across === undefined || up === undefined) continue;
    dots.push(frame.left + across * (frame.right - frame.left), frame.bottom - up * (frame.bottom - frame.top));
  }
  return dots;
}

function drawEnvelope(pen: Pen, frame: CurveFrame, plot: CurvePlot, curve: Curve, color: string): void {
  const [width, height] = [frame.right - frame.left, frame.bottom - frame.top];
  const upper: number[] = [];
  const lower: number[] = [];
  for (const { x, low, high } of envelopeOf(curve, plot.shown, Math.max(1, Math.round(width / 3)))) {
    const [across, from, to] = [plot.x.place(x), plot.y.place(low), plot.y.place(high)];
    if (across === undefined || to === undefined) continue;
    upper.push(frame.left + across * width, frame.bottom - Math.min(50, to) * height);
    lower.unshift(frame.left + across * width, frame.bottom - Math.max(-50, from ?? 0) * height);
  }
  pen.area([...upper, ...lower], { color, alpha: 0.18 });
}

/** What is no number stands at the edge it belongs to: NaN as a cross below, infinities as arrows up and down. */
function drawMarks(pen: Pen, frame: CurveFrame, { x }: CurvePlot, marks: Curve['marks'], theme: ChartTheme): void {
  const paths: Record<MarkKind, number[]> = { NaN: [], Infinity: [], '-Infinity': [] };
  const every = Math.ceil(marks.length / mostMarks);
  for (let i = 0; i < marks.length; i += every) {
    const mark = marks[i]!;
    const place = x.place(mark.x);
    if (place === undefined || place < 0 || place > 1) continue;
    const left = frame.left + place * (frame.right - frame.left);
    const top = mark.kind === 'Infinity' ? frame.top + 2 * markPx : frame.bottom - 2 * markPx;
    paths[mark.kind].push(...markPath(mark.kind, left, top));
  }
  for (const path of Object.values(paths)) pen.lines(path, { color: theme.error, width: 1.5 });
}

function markPath(kind: MarkKind, x: number, y: number): number[] {
  const [left, right, lift] = [x - markPx, x + markPx, [Number.NaN, Number.NaN]];
  if (kind === 'NaN')
    return [left, y - markPx, right, y + markPx, ...lift, right, y - markPx, left, y + markPx, ...lift];
  const tip = kind === 'Infinity' ? -markPx : markPx;
  return [left, y - tip, x, y + tip, right, y - tip, ...lift];
}
