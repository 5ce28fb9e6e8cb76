// Live data by subscription, shared: two views of one topic cause one subscription. A subscription ends a moment after
// its last view, so that going from page to page does not load everything again.
import type { EntityOf, Topic } from '../../server/protocol/entities.ts';
import type { ErrorBody } from '../../server/protocol/errors.ts';
import type { ServerMessage } from '../../server/protocol/events.ts';
import type { MediaSummary, SeriesKey, TagSummary, TagsMessage } from '../../server/protocol/metrics.ts';
import { asErrorBody, type Client, type Subscription } from './client.ts';
import { applyChanges, applyResync, type Collection, emptyCollection } from './collection.ts';
import { appendText, beginAtEnd, emptyLogPages, type LogEnd, type LogPages, pageLines } from './logPages.ts';
import { emptySeries, type Series, seriesId, takePart } from './series.ts';

const lingerMs = 10_000;

/** One shared piece of live data; `version` counts its changes. */
export interface Live<T> {
  readonly value: T;
  readonly version: number;
  readonly error: ErrorBody | undefined;
  listen(listener: () => void): () => void;
}

/** What a run has written so far, by tag. */
export interface RunTags {
  readonly scalars: ReadonlyMap<string, TagSummary>;
  readonly media: ReadonlyMap<string, MediaSummary>;
  readonly problems: TagsMessage['problems'];
  readonly ended: boolean;
  /** Whether the server has answered; before, an empty place means nothing. */
  readonly ready: boolean;
}

export interface LiveStore {
  topic<T extends Topic>(topic: T, of?: string): Live<Collection<EntityOf<T>>>;
  logs(run: string): Live<LogPages>;
  tags(run: string): Live<RunTags>;
  /** By run and tag, as `seriesId` names them. */
  series(keys: readonly SeriesKey[], buckets: number, points: 'shown' | 'all'): Live<ReadonlyMap<string, Series>>;
}

export function createLiveStore(client: Client): LiveStore {
  const shared = new Map<string, Live<unknown>>();

  function share<T>(key: string, make: () => Live<T>): Live<T> {
    const existing = shared.get(key) as Live<T> | undefined;
    const live = existing ?? make();
    if (!existing) shared.set(key, live);
    return live;
  }

  return {
    topic: (topic, of) => share(`topic ${topic} ${of ?? ''}`, () => liveTopic(client, topic, of)),
    logs: (run) => share(`logs ${run}`, () => liveLogs(client, run)),
    tags: (run) => share(`tags ${run}`, () => liveTags(client, run)),
    series: (keys, buckets, points) =>
      share(`series ${buckets} ${points} ${JSON.stringify(keys)}`, () => liveSeries(client, keys, buckets, points)),
  };
}

function liveTopic<T extends Topic>(client: Client, topic: T, of?: string): Live<Collection<EntityOf<T>>> {
  const subscription: Subscription = { type: 'subscribe', topic, of };
  return subscribed(client, subscription, emptyCollection<EntityOf<T>>, (collection, message) => {
    if (message.type === 'resync') return applyResync(collection);
    if (message.type !== 'changes') return collection;
    // The server made them by the topic's schema; the host has checked the message around them.
    const changed = message.changed as EntityOf<T>[];
    return applyChanges(collection, { ...message, changed });
  });
}

/** The log from its end on: first its last page is read, then what is written after it comes by itself. */
function liveLogs(client: Client, run: string): Live<LogPages> {
  return live(emptyLogPages, ({ update, fail }) => {
    let end = () => {};
    let isOver = false;
    const begin = async () => {
      const last = await lastPage(client, run);
      if (isOver) return;
      update((log) => {
        beginAtEnd(log, last);
        return log;
      });
      end = client.subscribe({ type: 'logs', run, offset: last.bytes }, (message) => {
        if (message.type === 'error') fail(message);
        if (message.type !== 'logs') return;
        update((log) => {
          if (!appendText(log, message)) {
            end();
            begin().catch(fail);
          }
          return log;
        });
      });
    };
    begin().catch(fail);
    return () => {
      isOver = true;
      end();
    };
  });
}

/** The last page of a log, from where pages begin; a log that grows meanwhile is read on. */
async function lastPage(client: Client, run: string): Promise<LogEnd> {
  const read = (from: number, limit: number) =>
    client.call('listRunLogLines', { params: { id: run }, query: { from, limit } });
  let { total } = await read(-1, 1);
  for (;;) {
    const from = Math.floor(Math.max(0, total - 1) / pageLines) * pageLines;
    const end = await read(from, pageLines);
    if (end.total <= from + pageLines) return end;
    total = end.total;
  }
}

function liveTags(client: Client, run: string): Live<RunTags> {
  const subscription: Subscription = { type: 'tags', run };
  return subscribed(
    client,
    subscription,
    () => noTags,
    (held, message) => {
      if (message.type !== 'tags') return held;
      const before = message.reset ? noTags : held;
      return {
        scalars: merged(before.scalars, message.tags),
        media: merged(before.media, message.media),
        problems: message.problems,
        ended: message.ended,
        ready: true,
      };
    },
  );
}

const noTags: RunTags = { scalars: new Map(), media: new Map(), problems: [], ended: false, ready: false };

function merged<T extends { tag: string }>(held: ReadonlyMap<string, T>, told: readonly T[]): ReadonlyMap<string, T> {
  return told.length === 0 ? held : new Map([...held, ...told.map((each) => [each.tag, each] as const)]);
}

function liveSeries(
  client: Client,
  keys: readonly SeriesKey[],
  buckets: number,
  points: 'shown' | 'all',
): Live<ReadonlyMap<string, Series>> {
  const subscription: Subscription = { type: 'series', series: [...keys], buckets, points };
  return subscribed(
    client,
    subscription,
    () => new Map<string, Series>(),
    (all, message) => {
      if (message.type !== 'series') return all;
      const id = seriesId(message.series);
      const held = all.get(id);
      const series = held ?? emptySeries(message.series);
      takePart(series, message.series, message);
      return held ? all : new Map([...all, [id, series]]);
    },
  );
}

interface Source<T> {
  update(change: (value: T) => T): void;
  fail(error: unknown): void;
}

/** A subscription whose messages change a value one by one. */
function subscribed<T>(
  client: Client,
  subscription: Subscription,
  empty: () => T,
  reduce: (value: T, message: ServerMessage) => T,
): Live<T> {
  return live(empty, ({ update, fail }) =>
    client.subscribe(subscription, (message) => {
      if (message.type === 'error') fail(message);
      else update((value) => reduce(value, message));
    }),
  );
}

/**
 * Runs while somebody listens, and a moment longer.
 * @param begin starts what updates the value; returns what ends it
 */
function live<T>(empty: () => T, begin: (source: Source<T>) => () => void): Live<T> {
  const listeners = new Set<() => void>();
  let value = empty();
  let version = 0;
  let error: Live<T>['error'];
  let end: (() => void) | undefined;
  let lingering: ReturnType<typeof setTimeout> | undefined;

  const changed = () => {
    version += 1;
    for (const listener of listeners) listener();
  };
  const source: Source<T> = {
    update(change) {
      error = undefined;
      value = change(value);
      changed();
    },
    fail(refusal) {
      error = asErrorBody(refusal);
      changed();
    },
  };
  const stop = () => {
    end?.();
    end = undefined;
    value = empty();
    version += 1;
  };

  return {
    get value() {
      return value;
    },
    get version() {
      return version;
    },
    get error() {
      return error;
    },
    listen(listener) {
      clearTimeout(lingering);
      listeners.add(listener);
      end ??= begin(source);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) lingering = setTimeout(stop, lingerMs);
      };
    },
  };
}
