// From the values of a dimension to places along an axis: linear, logarithmic, or one place for each category. Pure.
import { type Cell, finite, isMissing, isNumeric } from './dimension.ts';

export interface Axis {
  kind: 'linear' | 'log' | 'category';
  /** From 0 (low end) to 1; undefined for what has no place: missing, not finite, at or below zero on a log axis. */
  place(cell: Cell): number | undefined;
  /** The number, or the nearest category, at a place: the inverse of `place`. */
  valueAt(place: number): number | string;
  ticks: { place: number; value: number | string }[];
}

/** Positive values that span so many decades read better on a logarithmic axis. */
const logFromDecades = 2.5;
/** A category is lettered by itself only while this many fit; beyond, every nth is. */
const letteredCategories = 12;
/** Room beside the outermost values, as a share of the axis. */
const margin = 0.04;

/**
 * The axis of a dimension.
 * @param options.isLog asks for a logarithmic or linear axis; without it, the span of the values decides
 * @param options.ticks about how many
 */
export function axisOf(values: readonly Cell[], options: { isLog?: boolean | undefined; ticks?: number } = {}): Axis {
  const given = values.filter((value) => !isMissing(value));
  if (!given.every(isNumeric)) return categoryAxis(given);
  let [min, max, least] = [Infinity, -Infinity, Infinity];
  for (const cell of given) {
    const value = finite(cell);
    if (value === undefined) continue;
    if (value < min) min = value;
    if (value > max) max = value;
    if (value > 0 && value < least) least = value;
  }
  const isLog = options.isLog ?? (min > 0 && Math.log10(max / min) >= logFromDecades);
  return numberAxis([isLog ? Math.max(min, least) : min, max], { ...options, isLog, hasRoom: true });
}

export interface NumberAxisOptions {
  isLog?: boolean;
  /** About how many. */
  ticks?: number;
  /** Leaves a little room beyond both ends. */
  hasRoom?: boolean;
}

/** The axis of numbers from a lowest to a highest one; from 0 to 1 where these are none. */
export function numberAxis([low, high]: readonly [number, number], options: NumberAxisOptions): Axis {
  const { ticks = 5, hasRoom = false } = options;
  const isLog = options.isLog === true && high > 0 && low > 0;
  const [min, max] = low > high || !Number.isFinite(low) || !Number.isFinite(high) ? [0, 1] : [low, high];
  const [first, last] = isLog ? [Math.log10(min), Math.log10(max)] : [min, max];
  // One value alone stands in the middle.
  const half = first === last ? (isLog ? 0.5 : Math.abs(first) / 2 || 1) : 0;
  const room = hasRoom ? (last - first + 2 * half) * margin : 0;
  const [from, to] = [first - half - room, last + half + room];
  return isLog ? logAxis(from, to, ticks) : linearAxis(from, to, ticks);
}

function linearAxis(from: number, to: number, tickCount: number): Axis {
  const span = to - from;
  const step = niceStep(span / tickCount);
  const ticks: Axis['ticks'] = [];
  for (let i = Math.ceil(from / step); i * step <= to; i += 1) {
    // the product carries the error of a step such as 0.1
    const value = Number((i * step).toPrecision(12));
    ticks.push({ place: (value - from) / span, value });
  }
  return {
    kind: 'linear',
    place(cell) {
      const value = finite(cell);
      return value === undefined ? undefined : (value - from) / span;
    },
    valueAt: (place) => from + place * span,
    ticks,
  };
}

/** @param from @param to powers of ten */
function logAxis(from: number, to: number, tickCount: number): Axis {
  const decades = to - from;
  const every = Math.max(1, Math.ceil(decades / tickCount));
  const factors = decades > 2 ? [1] : decades > 1 ? [1, 3] : [1, 2, 5];
  const ticks: Axis['ticks'] = [];
  for (let power = Math.floor(from); power <= Math.ceil(to); power += 1) {
    if (power % every !== 0) continue;
    for (const factor of factors) {
      const value = Number(`${factor}e${power}`);
      const place = (Math.log10(value) - from) / decades;
      if (place >= 0 && place <= 1) ticks.push({ place, value });
    }
  }
  return {
    kind: 'log',
    place(cell) {
      const value = finite(cell);
      return value === undefined || value <= 0 ? undefined : (Math.log10(value) - from) / decades;
    },
    valueAt: (place) => 10 ** (from + place * decades),
    ticks,
  };
}

/** Seconds that divide a clock: from one to a week. */
const timeSteps = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800,
];

/**
 * The axis of times or spans in seconds, with ticks where a clock has them.
 * @param offset seconds that the reader's clock is ahead of the numbers
 */
export function secondsAxis([low, high]: readonly [number, number], ticks: number, offset = 0): Axis {
  const plain = numberAxis([low, high], { ticks });
  const span = high - low;
  if (!(span > 0) || span / ticks < 0.5) return plain;
  const step = timeSteps.find((candidate) => candidate >= span / ticks) ?? 604_800 * Math.ceil(span / ticks / 604_800);
  const marks: Axis['ticks'] = [];
  for (let at = Math.ceil((low + offset) / step) * step - offset; at <= high; at += step) {
    marks.push({ place: (at - low) / span, value: at });
  }
  return { ...plain, ticks: marks };
}

function categoryAxis(given: readonly Cell[]): Axis {
  const names = [...new Set(given.map(String))].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const places = new Map(names.map((name, i) => [name, names.length === 1 ? 0.5 : (i + 0.5) / names.length]));
  const every = Math.ceil(names.length / letteredCategories);
  return {
    kind: 'category',
    place: (cell) => (isMissing(cell) ? undefined : places.get(String(cell))),
    valueAt: (place) => names[Math.max(0, Math.min(names.length - 1, Math.floor(place * names.length)))] ?? '',
    ticks: names.filter((_, i) => i % every === 0).map((name) => ({ place: places.get(name)!, value: name })),
  };
}

/** The smallest of 1, 2, 5 times a power of ten that is no smaller. */
function niceStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  return ([1, 2, 5].find((factor) => factor * power >= step * 0.999) ?? 10) * power;
}
