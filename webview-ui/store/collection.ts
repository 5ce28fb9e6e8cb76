// The objects of one topic as the page holds them: pure reducers over the messages of the event stream.

export interface Collection<T extends { id: string }> {
  /** What is shown, by id. */
  readonly items: ReadonlyMap<string, T>;
  /** After a resync: what has come so far, while the old objects stay in sight until it is complete. */
  readonly incoming?: ReadonlyMap<string, T>;
  /** Whether the server has said that nothing is missing; before, an empty place means nothing. */
  readonly ready: boolean;
}

/** Before anything has come. */
export function emptyCollection<T extends { id: string }>(): Collection<T> {
  return { items: new Map(), ready: false };
}

/** Takes a `changes` message in; its objects replace those of the same id, the removed ones leave. */
export function applyChanges<T extends { id: string }>(
  collection: Collection<T>,
  message: { changed: readonly T[]; removed: readonly string[]; ready: boolean },
): Collection<T> {
  const next = new Map(collection.incoming ?? collection.items);
  for (const id of message.removed) next.delete(id);
  for (const item of message.changed) next.set(item.id, item);
  if (collection.incoming && !message.ready) return { ...collection, incoming: next };
  return { items: next, ready: collection.ready || message.ready };
}

/** Takes a `resync` in: everything comes again; what is shown stays until it has. */
export function applyResync<T extends { id: string }>(collection: Collection<T>): Collection<T> {
  return { ...collection, incoming: new Map() };
}
