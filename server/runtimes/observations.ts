/** Hands observed states to everyone who watches: what has been reached already first, then each new state once. */
import type { Observed } from './runtime.ts';

/** Ended workloads remembered for those who begin to watch later; the files of each tell the rest for ever. */
const KEPT_ENDED = 1000;

interface Watcher {
  /** Two states a workload, and its conditions since the watcher looked last. */
  queue: Observed[];
  wake: () => void;
}

export class Observations {
  readonly #states = new Map<string, Observed[]>();
  readonly #watchers = new Set<Watcher>();

  has(id: string, type: Observed['type']): boolean {
    return this.#states.get(id)?.some((state) => state.type === type) ?? false;
  }

  /** A state that is known already is not told again; a condition replaces the one before it. */
  publish(observed: Observed): void {
    const states = this.#states.get(observed.id) ?? [];
    const isKnown = (one: Observed) =>
      one.type === observed.type && (observed.type !== 'condition' || isSameCondition(one, observed));
    if (states.some(isKnown)) return;
    const kept = states.filter((one) => one.type !== observed.type);
    this.#states.set(observed.id, [...kept, observed]);
    for (const watcher of this.#watchers) {
      watcher.queue.push(observed);
      watcher.wake();
    }
    if (this.#watchers.size > 0) this.#forgetOldEnded();
  }

  /** Makes the workload unknown, so that its states are told anew. */
  forget(id: string): void {
    this.#states.delete(id);
  }

  async *watch(signal: AbortSignal): AsyncGenerator<Observed> {
    const watcher: Watcher = { queue: [...this.#states.values()].flat(), wake: () => {} };
    const onAbort = () => watcher.wake();
    this.#watchers.add(watcher);
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted) {
        const next = watcher.queue.shift();
        if (next) yield next;
        else await new Promise<void>((resolve) => (watcher.wake = resolve));
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#watchers.delete(watcher);
    }
  }

  #forgetOldEnded(): void {
    if (this.#states.size <= KEPT_ENDED) return;
    for (const id of this.#states.keys()) {
      if (this.#states.size <= KEPT_ENDED) return;
      if (this.has(id, 'ended')) this.#states.delete(id);
    }
  }
}

type Condition = Extract<Observed, { type: 'condition' }>;

function isSameCondition(one: Observed, other: Condition): boolean {
  return one.type === 'condition' && one.code === other.code && one.detail === other.detail;
}
