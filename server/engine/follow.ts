/** Following runs while they write: metrics from event files, text from logs. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { hasEnded, type RunState } from '../domain/run/run.ts';
import { ScalarStore, type Tail, tailLogdir } from '../metrics/index.ts';
import { SlipwayError } from '../protocol/errors.ts';
import type { Context } from './context.ts';
import { toFloat } from './floats.ts';
import type { LiveFigures } from './live.ts';
import { runFolder, workloadId } from './runFolder.ts';
import type { LogPart, MetricsPart } from './services.ts';
import { waitForState } from './wait.ts';

/** The name under which a run's scalars of all its event files stand in its store. */
const own = '.';

interface Followed {
  store: ScalarStore;
  /** Rises when a file was cut or replaced and everything is read anew: what was sent before is void. */
  reading: number;
  tails: Tail[];
  /** Fulfilled when all that was written before the follow began is in the store. */
  caughtUp: Promise<unknown>;
  listeners: Set<() => void>;
  problems: { file: string; offset: number; message: string }[];
  abort: AbortController;
  isEnded: boolean;
  lastUsedAt: number;
}

/** Ended runs whose scalars stay in memory because somebody may look again. */
const keptEnded = 32;

/**
 * The scalars of runs: of running ones as they are written, of ended ones read again on demand. Everything here can
 * be read anew from the event files.
 */
export class RunMetrics {
  readonly #context: Context;
  readonly #live: LiveFigures;
  readonly #runs = new Map<string, Followed>();
  /** Called with each new point of a run's objective. */
  onObjective: (run: RunState, step: number, value: number) => void = () => {};
  /** Called when a run's figures have changed. */
  onFigures: (run: string) => void = () => {};

  constructor(context: Context, live: LiveFigures) {
    this.#context = context;
    this.#live = live;
  }

  /** Begins to follow a run that is running; a second call changes nothing. */
  follow(run: RunState): Followed {
    const known = this.#runs.get(run.spec.id);
    if (known) {
      known.lastUsedAt = this.#context.now();
      return known;
    }
    const abort = new AbortController();
    const followed: Followed = {
      store: new ScalarStore(),
      reading: 0,
      tails: [],
      caughtUp: Promise.resolve(),
      listeners: new Set(),
      problems: [],
      abort,
      isEnded: false,
      lastUsedAt: this.#context.now(),
    };
    this.#runs.set(run.spec.id, followed);
    this.#read(run, followed, abort);
    return followed;
  }

  /** The run has ended: what is left is read, then the follow ends. */
  async finish(run: string): Promise<void> {
    const followed = this.#runs.get(run);
    if (!followed || followed.isEnded) return;
    await Promise.all(followed.tails.map((tail) => tail.finish()));
    followed.isEnded = true;
    for (const listener of followed.listeners) listener();
    this.#forgetOld();
  }

  /** The scalars of a run: live while it runs, read from its files when it has ended. */
  async storeOf(run: RunState): Promise<Followed> {
    const followed = this.follow(run);
    await followed.caughtUp;
    if (hasEnded(run.status)) await this.finish(run.spec.id);
    return followed;
  }

  tagsOf(followed: Followed) {
    return followed.store.tags(own);
  }

  seriesOf(followed: Followed, tag: string, points: number | undefined, range: { from?: number; to?: number }) {
    const count = followed.store.tags(own).find((one) => one.tag === tag)?.count;
    if (count === undefined)
      throw new SlipwayError('metrics.unknownTag', `The run has no tag ${tag}.`, 'See its metrics.', 404);
    const series =
      points === undefined && range.from === undefined && range.to === undefined
        ? followed.store.since(own, tag)!.points
        : followed.store.downsampled(own, tag, Math.max(1, Math.floor((points ?? 100_000) / 4)), {
            by: 'step',
            from: range.from ?? Number.NEGATIVE_INFINITY,
            to: range.to ?? Number.POSITIVE_INFINITY,
          })!.points;
    return { total: count, series };
  }

  /** First what the client does not have, then what is written, until the run has ended. */
  async *parts(run: RunState, have: Record<string, number>, signal: AbortSignal): AsyncGenerator<MetricsPart> {
    const followed = await this.storeOf(run);
    const sent = new Map(Object.entries(have));
    const generations = new Map<string, number>();
    let { reading } = followed;
    let wake = () => {};
    const listener = () => wake();
    followed.listeners.add(listener);
    signal.addEventListener('abort', listener);
    try {
      for (;;) {
        const news = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const isLast = followed.isEnded;
        if (reading !== followed.reading) {
          reading = followed.reading;
          sent.clear();
          generations.clear();
        }
        for (const { tag } of followed.store.tags(own)) {
          const part = followed.store.since(own, tag, sent.get(tag) ?? 0, generations.get(tag))!;
          generations.set(tag, part.generation);
          const { length, steps, wallTimes, values } = part.points;
          if (length === 0) continue;
          sent.set(tag, part.start + length);
          yield {
            tag,
            from: part.start,
            steps: [...steps],
            wallTimes: [...wallTimes],
            values: [...values].map(toFloat),
          };
          if (signal.aborted) return;
        }
        if (isLast || signal.aborted) return;
        await news;
      }
    } finally {
      followed.listeners.delete(listener);
      signal.removeEventListener('abort', listener);
    }
  }

  /** Reads the run's event files from their start and goes on as they grow. */
  #read(run: RunState, followed: Followed, abort: AbortController): void {
    const folder = runFolder(this.#context.folders.runs, run.spec.id);
    const signal = AbortSignal.any([abort.signal, this.#context.signal]);
    followed.abort = abort;
    followed.tails = [folder.logs, folder.work].map((logdir) => this.#tail(run, logdir, followed, signal));
    followed.caughtUp = Promise.all(followed.tails.map((tail) => tail.caughtUp));
  }

  #tail(run: RunState, logdir: string, followed: Followed, signal: AbortSignal): Tail {
    const { objective, id } = run.spec;
    const tail = tailLogdir(logdir, {
      signal,
      onDelivery: (delivery) => {
        if (signal.aborted) return;
        if (delivery.isReset) {
          followed.abort.abort();
          followed.store = new ScalarStore();
          followed.reading++;
          this.#read(run, followed, new AbortController());
          return;
        }
        // Several writers and sub-folders of one run are one set of curves; a sub-folder's tags carry its name only
        // where the program itself writes several (`train`, `validation`, as TensorFlow does).
        followed.store.apply({ run: own, isReset: false, scalars: delivery.scalars });
        followed.problems.push(...delivery.problems.slice(0, Math.max(0, 100 - followed.problems.length)));
        for (const { tag, steps, values } of delivery.scalars) {
          const last = values.length - 1;
          if (last < 0) continue;
          this.#live.noteMetric(id, tag, steps[last]!, toFloat(values[last]!));
          if (tag !== objective?.metric || hasEnded(run.status)) continue;
          for (let i = 0; i <= last; i++) this.onObjective(run, steps[i]!, values[i]!);
        }
        if (delivery.scalars.length > 0 && !hasEnded(run.status)) this.onFigures(id);
        for (const listener of followed.listeners) listener();
      },
    });
    tail.done.catch((error: unknown) => {
      this.#context.log('error', `the metrics of ${id} are not followed any more`, { logdir, error: String(error) });
    });
    return tail;
  }

  #forgetOld(): void {
    const ended = [...this.#runs].filter(([, followed]) => followed.isEnded && followed.listeners.size === 0);
    ended.sort(([, a], [, b]) => a.lastUsedAt - b.lastUsedAt);
    for (const [id, followed] of ended.slice(0, Math.max(0, ended.length - keptEnded))) {
      followed.abort.abort();
      this.#runs.delete(id);
    }
  }
}

/** The log of a run's latest attempt as text parts, from a byte offset on (negative: from the end). */
export async function* logParts(
  context: Context,
  run: RunState,
  request: { offset: number; follow: boolean; signal: AbortSignal },
): AsyncGenerator<LogPart> {
  const { signal, follow } = request;
  const begun = (state: RunState) => hasEnded(state.status) || state.status === 'running' || state.exit !== undefined;
  if (follow && !begun(run)) run = await waitForState<RunState>(context.engine, 'run', run.spec.id, begun, signal);
  const workload = workloadId(run.spec.id, run.attempt);
  const size = await logSize(context, workload);
  if (size === undefined) {
    yield { offset: 0, next: 0, text: '', ended: hasEnded(run.status) };
    return;
  }
  const start = request.offset < 0 ? Math.max(0, size + request.offset) : request.offset;
  const decoder = new StringDecoder('utf8');
  let next = start;
  for await (const { offset, bytes } of context.runtime.logs(workload, { offset: start, follow, signal })) {
    const text = decoder.write(Buffer.from(bytes));
    next = offset + bytes.length;
    yield { offset, next, text, ended: false };
  }
  if (signal.aborted) return;
  yield { offset: next, next, text: decoder.end(), ended: follow || hasEnded(run.status) };
}

/** Undefined where the workload never began. */
async function logSize(context: Context, workload: string): Promise<number | undefined> {
  return stat(join(context.folders.workloads, workload, 'log')).then(
    (stats) => stats.size,
    () => undefined,
  );
}
