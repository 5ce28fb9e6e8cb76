/** Series and tags of runs as they grow, for subscriptions: no more than the reader takes, thinned out as charts need. */
import type { ScalarColumns, Series, SeriesView } from '../metrics/index.ts';
import type { SeriesMessage, SeriesPoints, TagSummary, TagsMessage } from '../protocol/metrics.ts';
import { toFloat } from './floats.ts';
import type { Followed, RunMetrics, Traced } from './follow.ts';
import type { MetricsPart } from './services.ts';

/** Between two rounds of news: a chart is drawn at most at every second frame. */
const roundMs = 30;
/** Tags change with every point; lists of them need not be as fresh as curves. */
const tagsRoundMs = 500;

type Message<T> = Omit<T, 'type' | 'id'>;

/** News of runs, noted until somebody asks. */
class News {
  readonly #runs: Followed[];
  readonly #signal: AbortSignal;
  readonly #stops: (() => void)[] = [];
  #changed: Map<Followed, Set<string> | 'all'>;
  #wake = () => {};

  constructor(runs: Iterable<Followed>, signal: AbortSignal) {
    this.#runs = [...runs];
    this.#signal = signal;
    this.#changed = new Map(this.#runs.map((run) => [run, 'all']));
    for (const run of this.#runs) {
      const listener = (tags: readonly string[] | undefined) => {
        const known = this.#changed.get(run) ?? new Set();
        if (tags === undefined) this.#changed.set(run, 'all');
        else if (known !== 'all')
          this.#changed.set(
            run,
            tags.reduce((all, tag) => all.add(tag), known),
          );
        this.#wake();
      };
      run.listeners.add(listener);
      this.#stops.push(() => run.listeners.delete(listener));
    }
    const onAbort = () => this.#wake();
    signal.addEventListener('abort', onAbort);
    this.#stops.push(() => signal.removeEventListener('abort', onAbort));
  }

  /** What changed since the last call; waits for something, and at least `ms` when nothing is new at once. */
  async next(ms: number): Promise<Map<Followed, Set<string> | 'all'>> {
    while (this.#changed.size === 0 && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      // News come in bursts: those of one moment go out together.
      if (!this.#signal.aborted) await new Promise((resolve) => setTimeout(resolve, ms));
    }
    const changed = this.#changed;
    this.#changed = new Map();
    return changed;
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }
}

/** What the reader of a series has. */
interface Held {
  generation: number;
  withdrawals: number;
  /** Index of the first point it has not been told of, and how many it holds. */
  next: number;
  points: number;
  isEnded: boolean;
}

/** Serves a `series` subscription: see {@link SeriesMessage}. Ends when all runs have. */
export async function* seriesMessages(
  runs: ReadonlyMap<string, Followed>,
  wanted: readonly { run: string; tag: string }[],
  view: Pick<SeriesView, 'buckets' | 'points'>,
  signal: AbortSignal,
): AsyncGenerator<Message<SeriesMessage>> {
  const news = new News(runs.values(), signal);
  const tagsOf = Map.groupBy(wanted, ({ run }) => run);
  const held = new Map<string, Held>();
  try {
    while (!signal.aborted) {
      const all = await news.next(roundMs);
      // Before what is told now: an end that comes meanwhile is news of the next round.
      const isLast = [...runs.values()].every(({ isEnded }) => isEnded);
      for (const [followed, changed] of all) {
        for (const { run, tag } of tagsOf.get(followed.run) ?? []) {
          if (changed !== 'all' && !changed.has(tag)) continue;
          const series = followed.series.get(tag);
          if (series === undefined) continue;
          const key = `${run}\n${tag}`;
          const message = messageOf(followed, series, view, held.get(key));
          if (message === undefined) continue;
          held.set(key, message.held);
          yield message.message;
          if (signal.aborted) return;
        }
      }
      if (isLast) return;
    }
  } finally {
    news.stop();
  }
}

function messageOf(
  { run, series: { generation }, isEnded: ended }: Followed,
  series: Series,
  view: Pick<SeriesView, 'buckets' | 'points'>,
  held: Held | undefined,
): { held: Held; message: Message<SeriesMessage> } | undefined {
  const { count, withdrawals } = series;
  const fresh = count - (held?.next ?? 0);
  if (held?.generation === generation && fresh === 0 && held.isEnded === ended) return undefined;
  const reset =
    held?.generation !== generation ||
    (view.points === 'shown' && held.withdrawals !== withdrawals) ||
    fresh > 2 * view.buckets ||
    held.points + fresh > 8 * view.buckets;
  const part = reset ? series.part({ ...view, by: 'step' }) : undefined;
  const points = part?.points ?? series.slice(held!.next);
  return {
    held: {
      generation,
      withdrawals,
      next: count,
      points: (reset ? 0 : held!.points) + points.length,
      isEnded: ended,
    },
    message: {
      reset,
      ended,
      series: {
        run,
        tag: series.tag,
        generation,
        total: count,
        superseded: series.superseded,
        nonFinite: part ? nonFiniteOf(part) : countNonFinite(points.values.subarray(0, points.length)),
        ...pointArrays(points),
      },
    },
  };
}

function countNonFinite(values: Float64Array): SeriesPoints['nonFinite'] {
  let [nan, positiveInfinity, negativeInfinity] = [0, 0, 0];
  for (const value of values) {
    if (Number.isNaN(value)) nan++;
    else if (value === Number.POSITIVE_INFINITY) positiveInfinity++;
    else if (value === Number.NEGATIVE_INFINITY) negativeInfinity++;
  }
  return { nan, positiveInfinity, negativeInfinity };
}

export function nonFiniteOf(counted: SeriesPoints['nonFinite']): SeriesPoints['nonFinite'] {
  const { nan, positiveInfinity, negativeInfinity } = counted;
  return { nan, positiveInfinity, negativeInfinity };
}

/** Points as JSON carries them. */
export function pointArrays({ length, steps, wallTimes, values }: ScalarColumns) {
  return {
    steps: Array.from(steps.subarray(0, length)),
    wallTimes: Array.from(wallTimes.subarray(0, length)),
    values: Array.from(values.subarray(0, length), toFloat),
  };
}

/** Serves a `tags` subscription. */
export async function* tagMessages(followed: Followed, signal: AbortSignal): AsyncGenerator<Message<TagsMessage>> {
  const news = new News([followed], signal);
  let generation = -1;
  try {
    while (!signal.aborted) {
      const changed = (await news.next(tagsRoundMs)).get(followed);
      if (signal.aborted || changed === undefined) return;
      const { series, isEnded: ended, run } = followed;
      const reset = generation !== series.generation;
      generation = series.generation;
      const isNew = (tag: string) => reset || changed === 'all' || changed.has(tag);
      yield {
        run,
        reset,
        ended,
        tags: [...series.all()].filter(({ tag }) => isNew(tag)).map(tagSummary),
        media: [...series.media()].filter(({ tag }) => isNew(tag)).map(mediaSummary),
        problems: series.problems,
      };
      if (ended) return;
    }
  } finally {
    news.stop();
  }
}

export function tagSummary(series: Series): TagSummary {
  const { tag, count, superseded, nonFinite, firstStep, lastStep, firstWallTime, lastWallTime } = series;
  const [lastValue, min, max] = [series.lastValue, series.min, series.max].map(toFloat);
  return {
    ...{ tag, points: count, superseded, nonFinite, firstStep, lastStep, firstWallTime, lastWallTime },
    ...{ lastValue: lastValue!, min: min!, max: max! },
  };
}

export function mediaSummary({ tag, kind, entries }: { tag: string; kind: string; entries: { step: number }[] }) {
  return { tag, kind, count: entries.length, firstStep: entries[0]!.step, lastStep: entries.at(-1)!.step };
}

/** Points in one part. */
const pointsInPart = 5000;

/**
 * Every point of every tag: first what the client does not have, then what is written, until the run has ended. For
 * programs; pages ask for series.
 */
export async function* allPoints(
  metrics: RunMetrics,
  run: Traced,
  have: Record<string, number>,
  signal: AbortSignal,
): AsyncGenerator<MetricsPart> {
  const followed = await metrics.of(run);
  const news = new News([followed], signal);
  const sent = new Map(Object.entries(have));
  let { generation } = followed.series;
  try {
    while (!signal.aborted) {
      const changed = (await news.next(roundMs)).get(followed);
      if (signal.aborted || changed === undefined) return;
      const isLast = followed.isEnded;
      if (generation !== followed.series.generation) sent.clear();
      ({ generation } = followed.series);
      const tags = changed === 'all' ? [...followed.series.all()].map(({ tag }) => tag) : [...changed];
      for (const tag of tags) {
        const series = followed.series.get(tag);
        if (series === undefined) continue;
        for (let from = sent.get(tag) ?? 0; from < series.count; from = sent.get(tag)!) {
          const points = series.slice(from, from + pointsInPart);
          sent.set(tag, from + points.length);
          yield { tag, from, ...pointArrays(points) };
          if (signal.aborted) return;
          if (generation !== followed.series.generation) break;
        }
      }
      if (isLast) return;
    }
  } finally {
    news.stop();
  }
}
