import { forEachBounded } from './bounded.ts';
import type { ObjectStore } from './objectStore.ts';

/** Bytes that are not what a version says: not there, or other ones. */
export interface ObjectProblem {
  relpath: string;
  digest: string;
  /** Where the object should lie, null in a store elsewhere. */
  objectPath: string | null;
  state: 'missing' | 'wrong';
}

/** Objects read at once. */
const CONCURRENCY = 8;

/**
 * Reads every byte of a version's objects, each object once, and returns what is wrong by name, in the order of the
 * entries. The manifest is an object too: give it as an entry, with the name to show.
 * @param onChecked called after each object
 */
export async function verifyObjects(
  store: ObjectStore,
  entries: readonly { relpath: string; digest: string }[],
  options: { signal?: AbortSignal; onChecked?: (objects: number, totalObjects: number) => void } = {},
): Promise<ObjectProblem[]> {
  const digests = new Set(entries.map(({ digest }) => digest));
  const problems = new Map<string, 'missing' | 'wrong'>();
  let checked = 0;
  await forEachBounded(digests, CONCURRENCY, options.signal, async (digest) => {
    const state = await store.verify(digest);
    if (state !== 'ok') problems.set(digest, state);
    options.onChecked?.(++checked, digests.size);
  });
  return entries.flatMap(({ relpath, digest }) => {
    const state = problems.get(digest);
    return state ? [{ relpath, digest, objectPath: store.localPath(digest), state }] : [];
  });
}
