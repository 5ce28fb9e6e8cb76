import { useState } from 'preact/hooks';
import { type Loaded, useEvery, useInSight, useLoaded } from '../../store/hooks.ts';

const refreshMs = 2000;

/**
 * What a tag has by step, loaded once its card is in sight and again when more was written, at most every two seconds.
 * The last step is shown until somebody chooses another.
 */
export function useItems<T extends { items: readonly unknown[] }>(
  place: { current: HTMLElement | null },
  { tag, count }: { tag: string; count: number },
  load: () => Promise<T>,
): Loaded<T | undefined> & { at: number; move: (at: number) => void } {
  const isInSight = useInSight(place);
  const [round, setRound] = useState(count);
  const [chosen, setChosen] = useState<number>();
  useEvery(refreshMs, isInSight, () => setRound(count));
  const loaded = useLoaded<T | undefined>(
    () => (isInSight ? load() : Promise.resolve(undefined)),
    [tag, round, isInSight],
  );
  const length = loaded.value?.items.length ?? 0;
  return { ...loaded, at: Math.min(chosen ?? length - 1, length - 1), move: setChosen };
}
