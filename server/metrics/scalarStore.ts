import { appendColumns, emptyColumns, type ScalarColumns, sliceColumns } from './columns.ts';
import { type Downsampled, downsample, type SeriesRange } from './downsample.ts';
import type { TailDelivery } from './tail.ts';

/** One scalar tag of a run. */
export interface TagSummary {
  tag: string;
  /** Points seen; more than `kept` when the series was thinned. */
  count: number;
  kept: number;
  lastStep: number;
  /** Seconds since 1970. */
  lastWallTime: number;
  lastValue: number;
}

/** The points of a series from one index on. */
export interface SeriesPart {
  /** Changes when the points before were thinned or voided: an index of another generation means nothing. */
  generation: number;
  /** The index of the first of `points`. */
  start: number;
  points: ScalarColumns;
}

export interface ScalarStoreLimits {
  /** Points kept in all; beyond, the longest series are thinned. 24 bytes each, twice that while arrays grow. */
  maxPoints?: number;
  /** Series kept in all; points of further tags are only counted. */
  maxSeries?: number;
}

interface Series {
  points: ScalarColumns;
  count: number;
  generation: number;
}

/** A series shorter than this is never thinned. */
const MIN_THINNED_POINTS = 100;

/**
 * The scalars of many runs in memory, in the order in which they were delivered; what pages and objectives ask.
 * Bounded: a series thinned for room keeps its extremes (see {@link downsample}), its first and its last point; all
 * points are still in the event files.
 */
export class ScalarStore {
  /** Points of tags that there was no room for. */
  refusedPoints = 0;
  private readonly byRun = new Map<string, Map<string, Series>>();
  private readonly maxPoints: number;
  private readonly maxSeries: number;
  private points = 0;
  private seriesCount = 0;
  private generations = 0;

  constructor(limits: ScalarStoreLimits = {}) {
    this.maxPoints = limits.maxPoints ?? 8_000_000;
    this.maxSeries = limits.maxSeries ?? 20_000;
  }

  /** Takes in what a tail delivered. */
  apply({ run, isReset, scalars }: Pick<TailDelivery, 'run' | 'isReset' | 'scalars'>): void {
    if (isReset) this.dropRun(run);
    for (const { tag, steps, wallTimes, values } of scalars) {
      const series = this.open(run, tag);
      if (series === undefined) {
        this.refusedPoints += steps.length;
        continue;
      }
      appendColumns(series.points, { length: steps.length, steps, wallTimes, values });
      series.count += steps.length;
      this.points += steps.length;
    }
    while (this.points > this.maxPoints && this.thinLongest());
  }

  /** Forgets a run. */
  dropRun(run: string): void {
    for (const series of this.byRun.get(run)?.values() ?? []) {
      this.points -= series.points.length;
      this.seriesCount--;
    }
    this.byRun.delete(run);
  }

  /** The runs that have scalars, in the order in which they appeared. */
  runs(): string[] {
    return [...this.byRun.keys()];
  }

  /** The scalar tags of a run, in the order in which they appeared. */
  tags(run: string): TagSummary[] {
    return [...(this.byRun.get(run) ?? [])].map(([tag, { points, count }]) => ({
      tag,
      count,
      kept: points.length,
      lastStep: points.steps[points.length - 1]!,
      lastWallTime: points.wallTimes[points.length - 1]!,
      lastValue: points.values[points.length - 1]!,
    }));
  }

  /** The last value of a tag in file order, for objectives; undefined when there is none. */
  lastValue(run: string, tag: string): number | undefined {
    const points = this.byRun.get(run)?.get(tag)?.points;
    return points?.values[points.length - 1];
  }

  /**
   * The points from an index on: what a page asks that has those before it. With another generation than the
   * series now has, all its points, from index 0.
   */
  since(run: string, tag: string, from = 0, generation?: number): SeriesPart | undefined {
    const series = this.byRun.get(run)?.get(tag);
    if (series === undefined) return undefined;
    const isKnown = generation === undefined || generation === series.generation;
    const start = isKnown ? Math.min(Math.max(from, 0), series.points.length) : 0;
    return { generation: series.generation, start, points: sliceColumns(series.points, start) };
  }

  /** What a chart of about `buckets` pixels shows of a tag, or of a part of it. */
  downsampled(run: string, tag: string, buckets: number, range?: SeriesRange): Downsampled | undefined {
    const series = this.byRun.get(run)?.get(tag);
    return series && downsample(series.points, buckets, range);
  }

  private open(run: string, tag: string): Series | undefined {
    const known = this.byRun.get(run)?.get(tag);
    if (known !== undefined) return known;
    if (this.seriesCount >= this.maxSeries) return undefined;
    const tags = this.byRun.get(run) ?? new Map<string, Series>();
    this.byRun.set(run, tags);
    const series = { points: emptyColumns(), count: 0, generation: ++this.generations };
    tags.set(tag, series);
    this.seriesCount++;
    return series;
  }

  /** Thins the longest series to between a fifth and half of its points; false when all are short. */
  private thinLongest(): boolean {
    let longest: Series | undefined;
    for (const tags of this.byRun.values()) {
      for (const series of tags.values()) {
        if (longest === undefined || series.points.length > longest.points.length) longest = series;
      }
    }
    if (longest === undefined || longest.points.length < MIN_THINNED_POINTS) return false;
    const before = longest.points.length;
    longest.points = downsample(longest.points, Math.floor(before / 12)).points;
    longest.generation = ++this.generations;
    this.points -= before - longest.points.length;
    return true;
  }
}
