// Where the pointer is on the x axis, shared by all charts of a page: each draws its own line there.

export interface Crosshair {
  readonly x: number | undefined;
  set(x: number | undefined): void;
  listen(listener: () => void): () => void;
}

export function createCrosshair(): Crosshair {
  const listeners = new Set<() => void>();
  let x: number | undefined;
  return {
    get x() {
      return x;
    },
    set(next) {
      if (next === x) return;
      x = next;
      for (const listener of listeners) listener();
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
