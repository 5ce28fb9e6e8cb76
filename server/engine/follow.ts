/** Following runs while they write: metrics from event files into columns on disk, and who is told. */
import { hasEnded, type RunSpec, type RunState } from '../domain/run/run.ts';
import { RunSeries, type Tail, type TailDelivery, tailLogdir } from '../metrics/index.ts';
import type { Context } from './context.ts';
import { toFloat } from './floats.ts';
import type { LiveFigures } from './live.ts';
import { runFolder } from './runFolder.ts';

/** What a listener is told: tags that changed; undefined when everything is void, or the run has ended. */
export type OnTags = (tags: readonly string[] | undefined) => void;

/** What of a run is needed to follow it: runs that an MLflow client began have no more. */
export interface Traced {
  status: RunState['status'];
  spec: Pick<RunSpec, 'id' | 'objective' | 'sweep' | 'trial'>;
}

/** A run whose series are open. */
export interface Followed {
  run: string;
  series: RunSeries;
  /** Fulfilled when all that was written before the follow began is in the series. */
  caughtUp: Promise<unknown>;
  listeners: Set<OnTags>;
  /** No more will come. */
  isEnded: boolean;
}

interface Following extends Followed {
  tails: Tail[];
  abort: AbortController;
  lastUsedAt: number;
}

/** Runs that have ended and stay open because somebody may look again. */
const keptEnded = 32;

/**
 * The scalars and other values of runs: of running ones as they are written, of ended ones on demand. Everything here
 * can be read anew from the event files.
 */
export class RunMetrics {
  readonly #context: Context;
  readonly #live: LiveFigures;
  readonly #runs = new Map<string, Following>();
  /** Called with each new point of a run's objective. */
  onObjective: (run: Traced, step: number, value: number) => void = () => {};
  /** Called when a run's figures have changed. */
  onFigures: (run: string) => void = () => {};

  constructor(context: Context, live: LiveFigures) {
    this.#context = context;
    this.#live = live;
    context.signal.addEventListener('abort', () => {
      for (const id of [...this.#runs.keys()]) this.forget(id);
    });
  }

  /** An attempt of a run has begun: it is followed until {@link finish}. A second call changes nothing. */
  begin(run: Traced): void {
    const known = this.#runs.get(run.spec.id);
    if (known?.isEnded) {
      // A further attempt writes on in the same folders.
      known.isEnded = false;
      this.#read(run, known);
    } else this.#follow(run);
  }

  /** The attempt has ended: what is left is read, then the follow ends. */
  async finish(run: string): Promise<void> {
    const followed = this.#runs.get(run);
    if (!followed || followed.isEnded) return;
    // A file that was cut makes the tails begin again while they finish.
    for (let tails: Tail[] = []; tails !== followed.tails; ) {
      tails = followed.tails;
      await Promise.all(tails.map((tail) => tail.finish()));
    }
    if (followed.isEnded || this.#runs.get(run) !== followed) return;
    followed.isEnded = true;
    followed.series.checkpoint();
    for (const listener of followed.listeners) listener(undefined);
    this.#forgetOld();
  }

  /** The series of a run: live while it runs, read to their end when it has ended. */
  async of(run: Traced): Promise<Followed> {
    const followed = this.#follow(run);
    await followed.caughtUp;
    if (hasEnded(run.status)) await this.finish(run.spec.id);
    return followed;
  }

  /** Reads what is in the files of a run that is followed at this moment, without waiting for notice of a change. */
  async catchUp(run: string): Promise<void> {
    const followed = this.#runs.get(run);
    if (followed && !followed.isEnded) await Promise.all(followed.tails.map((tail) => tail.look()));
  }

  /** Closes a run's series; nobody may use them afterwards. */
  forget(run: string): void {
    const followed = this.#runs.get(run);
    if (!followed) return;
    this.#runs.delete(run);
    followed.abort.abort();
    followed.isEnded = true;
    for (const listener of followed.listeners) listener(undefined);
    followed.series.close();
  }

  #follow(run: Traced): Following {
    const { id } = run.spec;
    const known = this.#runs.get(id);
    if (known) {
      known.lastUsedAt = this.#context.now();
      return known;
    }
    const followed: Following = {
      run: id,
      series: new RunSeries(runFolder(this.#context.folders.runs, id).series),
      tails: [],
      caughtUp: Promise.resolve(),
      listeners: new Set(),
      abort: new AbortController(),
      isEnded: false,
      lastUsedAt: this.#context.now(),
    };
    this.#runs.set(id, followed);
    this.#tellStored(run, followed);
    this.#read(run, followed);
    return followed;
  }

  /** What an earlier control plane read is news to those who keep it in memory only. */
  #tellStored(run: Traced, { series }: Following): void {
    if (hasEnded(run.status)) return;
    for (const { tag, lastStep, lastValue } of series.all()) this.#note(run, tag, lastStep, lastValue);
    const objective = run.spec.objective && series.get(run.spec.objective.metric);
    if (!objective) return;
    const { length, steps, values } = objective.slice(0);
    for (let i = 0; i < length; i++) this.onObjective(run, steps[i]!, values[i]!);
  }

  /** Reads the run's event files on from where its series end, and goes on as they grow. */
  #read(run: Traced, followed: Following): void {
    const folder = runFolder(this.#context.folders.runs, run.spec.id);
    followed.abort = new AbortController();
    const signal = AbortSignal.any([followed.abort.signal, this.#context.signal]);
    const logdirs = { logs: folder.logs, work: folder.work, system: folder.system };
    followed.tails = Object.entries(logdirs).map(([name, path]) => this.#tail(run, followed, name, path, signal));
    followed.caughtUp = Promise.all(followed.tails.map((tail) => tail.caughtUp));
  }

  #tail(run: Traced, followed: Following, name: string, logdir: string, signal: AbortSignal): Tail {
    const tail = tailLogdir(logdir, {
      signal,
      cursors: followed.series.cursorsOf(name),
      onDelivery: (delivery) => {
        if (!signal.aborted) this.#take(run, followed, name, delivery);
      },
    });
    tail.done.catch((error: unknown) => {
      const { id } = run.spec;
      this.#context.log('error', `the metrics of ${id} are not followed any more`, { logdir, error: String(error) });
    });
    return tail;
  }

  #take(run: Traced, followed: Following, logdir: string, delivery: TailDelivery): void {
    const { series, listeners } = followed;
    const { id, objective } = run.spec;
    if (delivery.isReset) {
      followed.abort.abort();
      series.reset();
      this.#live.forget(id);
      this.#read(run, followed);
      for (const listener of listeners) listener(undefined);
      return;
    }
    series.append(logdir, delivery);
    if (!hasEnded(run.status)) {
      for (const { tag, steps, values } of delivery.scalars) {
        const last = values.length - 1;
        if (last < 0) continue;
        this.#note(run, tag, steps[last]!, values[last]!);
        if (tag !== objective?.metric) continue;
        for (let i = 0; i <= last; i++) this.onObjective(run, steps[i]!, values[i]!);
      }
      if (delivery.scalars.length > 0) this.onFigures(id);
    }
    const changed = [...series.changed];
    series.changed.clear();
    for (const listener of listeners) listener(changed);
  }

  #note({ spec: { id, objective } }: Traced, tag: string, step: number, value: number): void {
    if (!tag.startsWith('system/')) this.#live.noteMetric(id, tag, step, toFloat(value), tag === objective?.metric);
  }

  #forgetOld(): void {
    const ended = [...this.#runs.values()].filter(({ isEnded, listeners }) => isEnded && listeners.size === 0);
    ended.sort((a, b) => a.lastUsedAt - b.lastUsedAt);
    for (const { run } of ended.slice(0, Math.max(0, ended.length - keptEnded))) this.forget(run);
  }
}
