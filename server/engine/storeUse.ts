/**
 * Who uses the object store: many may add and read at once; removing what nothing needs is alone with it, since an add
 * counts on objects that no version names yet. One control plane has one store, so that a lock in its memory is enough:
 * what an ended process was adding has no version, and nothing is removed by a process that has ended.
 */
export class StoreUse {
  #users = 0;
  #alone: Promise<void> | null = null;
  #free: (() => void)[] = [];

  /** Runs work that adds objects or counts on some. */
  async sharing<T>(work: () => Promise<T>): Promise<T> {
    while (this.#alone) await this.#alone;
    this.#users++;
    try {
      return await work();
    } finally {
      this.#users--;
      if (this.#users === 0) for (const tell of this.#free.splice(0)) tell();
    }
  }

  /** Runs work that removes objects, once nobody else uses the store; who comes later waits. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    while (this.#alone) await this.#alone;
    const ended = Promise.withResolvers<void>();
    this.#alone = ended.promise;
    try {
      if (this.#users > 0) await new Promise<void>((tell) => this.#free.push(tell));
      return await work();
    } finally {
      this.#alone = null;
      ended.resolve();
    }
  }
}
