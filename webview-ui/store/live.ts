// Live data by subscription, shared: two views of one topic cause one subscription. A subscription ends a moment after
// its last view, so that going from page to page does not load everything again.
import type { EntityOf, Topic } from '../../server/protocol/entities.ts';
import type { ServerMessage } from '../../server/protocol/events.ts';
import type { Client, Refusal, Subscription } from './client.ts';
import { applyChanges, applyResync, type Collection, emptyCollection } from './collection.ts';
import { appendPiece, emptyLogLines, type LogLines } from './logLines.ts';
import { emptySeries, type Series, writePoints } from './series.ts';

const lingerMs = 10_000;
/** How much of a long log is read at first, from its end. */
const firstLogBytes = 4 * 2 ** 20;

/** One shared piece of live data; `version` counts its changes. */
export interface Live<T> {
  readonly value: T;
  readonly version: number;
  readonly error?: Pick<Refusal, 'code' | 'message' | 'hint'>;
  listen(listener: () => void): () => void;
}

export interface LiveStore {
  topic<T extends Topic>(topic: T, of?: string): Live<Collection<EntityOf<T>>>;
  logs(run: string): Live<LogLines>;
  metrics(run: string): Live<ReadonlyMap<string, Series>>;
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
    metrics: (run) => share(`metrics ${run}`, () => liveMetrics(client, run)),
  };
}

function liveTopic<T extends Topic>(client: Client, topic: T, of?: string): Live<Collection<EntityOf<T>>> {
  const subscription: Subscription = { type: 'subscribe', topic, of };
  return live(
    client,
    () => subscription,
    emptyCollection<EntityOf<T>>,
    (collection, message) => {
      if (message.type === 'resync') return applyResync(collection);
      if (message.type !== 'changes') return collection;
      // The server made them by the topic's schema; the host has checked the message around them.
      const changed = message.changed as EntityOf<T>[];
      return applyChanges(collection, { ...message, changed });
    },
  );
}

function liveLogs(client: Client, run: string): Live<LogLines> {
  const subscription: Subscription = { type: 'logs', run, offset: -firstLogBytes };
  return live(
    client,
    () => subscription,
    emptyLogLines,
    (log, message) => {
      if (message.type === 'logs') appendPiece(log, message);
      return log;
    },
  );
}

function liveMetrics(client: Client, run: string): Live<ReadonlyMap<string, Series>> {
  const subscription: Subscription = { type: 'metrics', run, have: {} };
  return live(
    client,
    () => subscription,
    () => new Map<string, Series>(),
    (all, message, again) => {
      if (message.type !== 'metrics') return all;
      const held = all.get(message.tag);
      const series = held ?? emptySeries(message.tag);
      if (!writePoints(series, message)) {
        again();
        return all;
      }
      return held ? all : new Map([...all, [message.tag, series]]);
    },
  );
}

/** Subscribes while somebody listens; `again` asks for everything from the start, while what is there stays. */
function live<T>(
  client: Client,
  subscription: () => Subscription,
  empty: () => T,
  reduce: (value: T, message: ServerMessage, again: () => void) => T,
): Live<T> {
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
  const begin = () => {
    end = client.subscribe(subscription(), (message) => {
      error = message.type === 'error' ? message : undefined;
      value = reduce(value, message, again);
      changed();
    });
  };
  const again = () => {
    end?.();
    begin();
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
      if (!end) begin();
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) lingering = setTimeout(stop, lingerMs);
      };
    },
  };
}
