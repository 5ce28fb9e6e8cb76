import type { ServerMessage } from '../../server/protocol/events.ts';

/** Checks one object of a topic; undefined for what is not understood. */
export type ParseItem<T> = (value: unknown) => T | undefined;

/** The objects of one subscription, as the control plane last said they are. */
export class LiveCollection<T extends { id: string }> {
  private readonly parse: ParseItem<T>;
  private current = new Map<string, T>();
  private isComplete = false;
  /** After a resync: what came since. It takes the place of the old when it is complete, so that nothing flickers. */
  private replacement: Map<string, T> | undefined;
  private waiting: (() => void)[] = [];

  constructor(parse: ParseItem<T>) {
    this.parse = parse;
  }

  get items(): ReadonlyMap<string, T> {
    return this.current;
  }

  /** Whether everything there is has come at least once: tells an empty place from one not loaded yet. */
  get ready(): boolean {
    return this.isComplete;
  }

  whenReady(): Promise<void> {
    return this.isComplete ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Takes a message of the subscription in; returns whether something a reader sees has changed. */
  apply(message: ServerMessage): boolean {
    if (message.type === 'resync') {
      this.replacement = new Map();
      return false;
    }
    if (message.type !== 'changes') return false;
    const target = this.replacement ?? this.current;
    for (const value of message.changed) {
      const item = this.parse(value);
      if (item) target.set(item.id, item);
    }
    for (const id of message.removed) target.delete(id);
    const changed = message.changed.length > 0 || message.removed.length > 0;
    if (!message.ready) return changed && !this.replacement;
    const becomesReady = !this.isComplete;
    const replaces = this.replacement !== undefined;
    if (this.replacement) this.current = this.replacement;
    this.replacement = undefined;
    this.isComplete = true;
    for (const resolve of this.waiting.splice(0)) resolve();
    return changed || becomesReady || replaces;
  }
}
