// The points of one scalar tag as the server thins them for a chart, growing in place: what comes live must not cost a
// copy of everything before it.
import type { Float } from '../../server/protocol/entities.ts';
import type { SeriesKey, SeriesPoints } from '../../server/protocol/metrics.ts';

const firstCapacity = 256;

export interface Series {
  readonly run: string;
  readonly tag: string;
  /** Points held here: all of them, or the thinned ones. */
  length: number;
  /** Counts the writes, since the object stays the same. */
  revision: number;
  steps: Float64Array;
  /** Seconds since 1970, as event files have them. */
  wallTimes: Float64Array;
  values: Float64Array;
  /** Points of the whole series, those written again after a restart included. */
  total: number;
  superseded: number;
  /** Points that the held ones stand for. */
  covered: number;
  nonFinite: SeriesPoints['nonFinite'];
  /** The run has ended and nothing more will come. */
  ended: boolean;
}

/** A part of a series as it comes over the wire. */
export type SeriesPart = Omit<SeriesPoints, 'inRange' | 'exact' | 'generation'> & { inRange?: number };

/** Names a series among others. */
export function seriesId({ run, tag }: SeriesKey): string {
  return `${run}\n${tag}`;
}

export function emptySeries({ run, tag }: SeriesKey): Series {
  return {
    run,
    tag,
    length: 0,
    revision: 0,
    steps: new Float64Array(firstCapacity),
    wallTimes: new Float64Array(firstCapacity),
    values: new Float64Array(firstCapacity),
    total: 0,
    superseded: 0,
    covered: 0,
    nonFinite: { nan: 0, positiveInfinity: 0, negativeInfinity: 0 },
    ended: false,
  };
}

/** Takes a part in, in place: behind the points that are held, or instead of them. */
export function takePart(series: Series, part: SeriesPart, { reset, ended }: { reset: boolean; ended: boolean }): void {
  const from = reset ? 0 : series.length;
  const length = from + part.steps.length;
  if (length > series.steps.length) grow(series, from, length);
  series.steps.set(part.steps, from);
  series.wallTimes.set(part.wallTimes, from);
  for (let i = 0; i < part.values.length; i += 1) series.values[from + i] = Number(part.values[i] as Float);
  series.length = length;
  series.total = part.total;
  series.superseded = part.superseded;
  series.covered = part.inRange ?? part.total - part.superseded;
  // of what came, not of what was there before
  series.nonFinite = reset ? part.nonFinite : summed(series.nonFinite, part.nonFinite);
  series.ended = ended;
  series.revision += 1;
}

function summed(a: Series['nonFinite'], b: Series['nonFinite']): Series['nonFinite'] {
  return {
    nan: a.nan + b.nan,
    positiveInfinity: a.positiveInfinity + b.positiveInfinity,
    negativeInfinity: a.negativeInfinity + b.negativeInfinity,
  };
}

/** A part that was asked for, as a series of its own. */
export function seriesOf(part: SeriesPart): Series {
  const series = emptySeries(part);
  takePart(series, part, { reset: true, ended: false });
  return series;
}

function grow(series: Series, kept: number, length: number): void {
  const capacity = 2 ** Math.ceil(Math.log2(length));
  for (const key of ['steps', 'wallTimes', 'values'] as const) {
    const grown = new Float64Array(capacity);
    grown.set(series[key].subarray(0, kept));
    series[key] = grown;
  }
}
