/** Tells topic subscriptions that there is something new for them. What it is, they read from the feed themselves. */
import type { ControlPlane } from '../engine/services.ts';
import type { Topic } from '../protocol/entities.ts';

export type Feed = ControlPlane['feed'];
type Changed = Awaited<ReturnType<Feed['after']>>[number];

interface Watch {
  of: string | undefined;
  wake: () => void;
}

export class ChangeHub {
  readonly #watches = new Map<string, Set<Watch>>();
  readonly #stop: () => void;

  constructor(feed: Feed) {
    this.#stop = feed.onChange((changed) => this.#tell(changed));
  }

  /** Calls `wake` after each commit that changed an object of the topic. Returns how to stop. */
  watch(topic: Topic, of: string | undefined, wake: () => void): () => void {
    const watch = { of, wake };
    const watches = this.#watches.get(topic) ?? new Set();
    this.#watches.set(topic, watches.add(watch));
    return () => watches.delete(watch);
  }

  close(): void {
    this.#stop();
  }

  #tell(changed: readonly Changed[]): void {
    const woken = new Set<Watch>();
    for (const entity of changed) {
      for (const watch of this.#watches.get(entity.topic) ?? []) {
        if (!woken.has(watch) && concerns(watch.of, entity)) woken.add(watch);
      }
    }
    for (const watch of woken) watch.wake();
  }
}

/** The filter of `feed.after`, for one object. */
function concerns(of: string | undefined, { id, project, parent }: Changed): boolean {
  return of === undefined || id === of || project === of || parent === of;
}
