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
  if (min > max) return linearAxis(0, 1, options.ticks ?? 5);
  const isLog = options.isLog ?? (min > 0 && Math.log10(max / min) >= logFromDecades);
  return isLog && max > 0
    ? logAxis(Math.max(min, least), max, options.ticks ?? 5)
    : linearAxis(min, max, options.ticks ?? 5);
}

function linearAxis(min: number, max: number, tickCount: number): Axis {
  // One value alone stands in the middle.
  const half = min === max ? Math.abs(min) / 2 || 1 : 0;
  const room = (max - min + 2 * half) * margin;
  const [from, to] = [min - half - room, max + half + room];
  const span = to - from;
  const step = niceStep((max - min + 2 * half) / tickCount);
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

function logAxis(min: number, max: number, tickCount: number): Axis {
  const decades = Math.log10(max / min) || 1;
  const room = decades * margin;
  const from = Math.log10(min) - room - (min === max ? 0.5 : 0);
  const to = Math.log10(max) + room + (min === max ? 0.5 : 0);
  const every = Math.max(1, Math.ceil(decades / tickCount));
  const factors = decades > 2 ? [1] : decades > 1 ? [1, 3] : [1, 2, 5];
  const ticks: Axis['ticks'] = [];
  for (let power = Math.floor(from); power <= Math.ceil(to); power += 1) {
    if (power % every !== 0) continue;
    for (const factor of factors) {
      const value = Number(`${factor}e${power}`);
      const place = (Math.log10(value) - from) / (to - from);
      if (place >= 0 && place <= 1) ticks.push({ place, value });
    }
  }
  return {
    kind: 'log',
    place(cell) {
      const value = finite(cell);
      return value === undefined || value <= 0 ? undefined : (Math.log10(value) - from) / (to - from);
    },
    valueAt: (place) => 10 ** (from + place * (to - from)),
    ticks,
  };
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
