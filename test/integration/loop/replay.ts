/** Reads the event log of a data folder and reduces it anew: the same events must give the same decisions. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { registerAggregates } from '../../../server/engine/aggregates.ts';
import type { Aggregate, AnyEvent, Engine } from '../../../server/engine/engine.ts';
import { LiveFigures } from '../../../server/engine/live.ts';

interface Row {
  kind: string;
  id: string;
  seq: number;
  event: string;
}

/** Kinds whose views show nothing but their state; runs, endpoints and nodes also show figures of the moment. */
const pureKinds = ['dataset', 'sweep', 'validation', 'model', 'pipeline', 'rollout'];

/**
 * Replays every state from its first event. It must be what the snapshot and the events after it give, and what the
 * API shows.
 * @returns how many states and events were replayed
 */
export function replay(data: string): { states: number; events: number } {
  const aggregates = new Map<string, Aggregate>();
  const collector = { register: (kind: string, aggregate: Aggregate) => aggregates.set(kind, aggregate) };
  registerAggregates(collector as unknown as Engine, new LiveFigures());
  const database = new DatabaseSync(join(data, 'slipway.db'), { readOnly: true });
  try {
    // One transaction: all of it as of one moment.
    database.exec('PRAGMA busy_timeout = 5000; BEGIN');
    const rows = database.prepare('SELECT kind, id, seq, event FROM event ORDER BY seq').all() as unknown as Row[];
    const histories = Map.groupBy(rows, ({ kind, id }) => `${kind}/${id}`);
    for (const history of histories.values()) {
      const { kind, id } = history[0]!;
      const aggregate = aggregates.get(kind)!;
      const state = reduceAll(aggregate, undefined, history);
      const snapshot = database.prepare('SELECT seq, state FROM snapshot WHERE kind = ? AND id = ?').get(kind, id);
      if (snapshot) {
        const since = history.filter(({ seq }) => seq > Number(snapshot['seq']));
        const resumed = reduceAll(aggregate, JSON.parse(String(snapshot['state'])), since);
        assert.deepEqual(plain(state), plain(resumed), `${kind} ${id}: its snapshot is not what its events give`);
      }
      if (!pureKinds.includes(kind)) continue;
      for (const view of aggregate.views(state, undefined, () => undefined)) {
        const shown = database
          .prepare('SELECT data, removed FROM entity WHERE topic = ? AND id = ?')
          .get(view.topic, view.id);
        assert.ok(shown, `${view.topic} ${view.id} is not shown`);
        if (view.data === null) {
          assert.equal(shown['removed'], 1, `${view.topic} ${view.id} was deleted and is shown`);
          continue;
        }
        const message = `${view.topic} ${view.id} is not what the events of ${kind} ${id} give`;
        assert.deepEqual(decision(JSON.parse(String(shown['data']))), decision(plain(view.data)), message);
      }
    }
    return { states: histories.size, events: rows.length };
  } finally {
    database.close();
  }
}

function reduceAll(aggregate: Aggregate, from: unknown, history: Row[]): unknown {
  return history.reduce((state, { event }) => aggregate.reduce(state, JSON.parse(event) as AnyEvent).state, from);
}

/** A state as the store keeps it. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/** Without the ids of receipts, which are given when an event is applied and not decided by it. */
function decision(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, one: unknown) => (key === 'receipt' ? undefined : one)));
}
