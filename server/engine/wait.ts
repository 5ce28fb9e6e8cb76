import type { Engine } from './engine.ts';

/** Resolves with the first state that satisfies the condition, whether it holds already or comes to hold. */
export async function waitForState<S>(
  engine: Engine,
  kind: string,
  id: string,
  holds: (state: S) => boolean,
  signal: AbortSignal,
): Promise<S> {
  return new Promise<S>((resolve, reject) => {
    const finish = (settle: () => void) => {
      unsubscribe();
      signal.removeEventListener('abort', aborted);
      settle();
    };
    const look = async () => {
      const state = await engine.state<S>(kind, id);
      if (state !== undefined && holds(state)) finish(() => resolve(state));
    };
    const aborted = () => finish(() => reject(signal.reason));
    const unsubscribe = engine.onChange((changed) => {
      if (changed.some((entity) => entity.id === id)) look().catch((error: unknown) => finish(() => reject(error)));
    });
    signal.addEventListener('abort', aborted);
    if (signal.aborted) aborted();
    else look().catch((error: unknown) => finish(() => reject(error)));
  });
}
