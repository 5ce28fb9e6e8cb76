import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import type { Engine } from '../../../server/engine/engine.ts';
import { waitForState } from '../../../server/engine/wait.ts';
import { openSqliteStore } from '../../../server/store/sqlite.ts';
import { add, type Counter, done, openEngine } from './counters.ts';

describe('engine', () => {
  let folder: string;
  let path: string;
  const opened: Engine[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slipway-engine-'));
    path = join(folder, 'slipway.db');
  });
  afterEach(async () => {
    for (const engine of opened.splice(0)) await close(engine);
    await rm(folder, { recursive: true });
  });

  function open(...more: Parameters<typeof openEngine> extends [string, ...infer Rest] ? Rest : never): Engine {
    const engine = openEngine(path, ...more);
    opened.push(engine);
    return engine;
  }
  async function close(engine: Engine): Promise<void> {
    engine.stop();
    await engine.store.close().catch(() => {});
  }
  const counter = (engine: Engine, id = 'a') => engine.state<Counter>('counter', id);
  const heard = (engine: Engine, count: number, id = 'a') =>
    waitForState<Counter>(engine, 'counter', id, (state) => state.heard.length >= count, AbortSignal.timeout(5000));
  async function everything(engine: Engine) {
    const { read } = engine.store;
    const receipts = await read.receipts({});
    const entities = await read.entities({ topic: 'runs', limit: 99 });
    return { receipts, entities, commands: await read.pendingCommands(), events: await read.events('counter', 'a', 0) };
  }

  describe('one transaction', () => {
    it('stores event, view, receipt, command and what follows in other states together', async () => {
      const engine = open({ work: () => new Promise(() => {}) });
      await engine.send(
        'counter',
        'a',
        add('a', 1, { ask: ['work'], isOnRecord: true, tell: [{ id: 'b', event: add('b', 5) }] }),
      );
      const { receipts, entities, commands, events } = await everything(engine);
      assert.deepEqual([receipts.length, commands.length, events.length], [1, 1, 1]);
      const sums = entities.map(({ id, data }) => [id, (data as { sum: number }).sum]);
      assert.deepEqual(sums, [
        ['b', 5],
        ['a', 1],
      ]);
    });

    it('stores nothing at all when a reducer throws in the middle of a cascade, and forgets what it had seen', async () => {
      const engine = open({ work: async () => [] });
      const changes: unknown[] = [];
      engine.onChange((changed) => changes.push(changed));
      const bad = add('c', 1, { isBad: true });
      const cascade = add('a', 1, {
        ask: ['work'],
        isOnRecord: true,
        tell: [{ id: 'b', event: add('b', 5, { isOnRecord: true, tell: [{ id: 'c', event: bad }] }) }],
      });
      await assert.rejects(engine.send('counter', 'a', cascade), /a bug in a reducer/);
      assert.deepEqual(await everything(engine), { receipts: [], entities: [], commands: [], events: [] });
      assert.deepEqual([await counter(engine, 'a'), await counter(engine, 'b'), changes], [undefined, undefined, []]);
      await engine.send('counter', 'a', add('a', 2));
      assert.equal((await counter(engine))!.sum, 2);
    });

    it('goes on from the stored state when a commit fails', async () => {
      const store = openSqliteStore(path);
      let fails = false;
      const failing = {
        ...store,
        write: <T>(work: Parameters<typeof store.write<T>>[0]) =>
          store.write(async (tx) => {
            const value = await work(tx);
            if (fails) throw new Error('disk full');
            return value;
          }),
      };
      const engine = open({}, { store: failing });
      await engine.send('counter', 'a', add('a', 1));
      fails = true;
      const lost = engine.send('counter', 'a', add('a', 10));
      await assert.rejects(lost, /disk full/);
      fails = false;
      await engine.send('counter', 'a', add('a', 100));
      assert.equal((await counter(engine))!.sum, 101);
    });

    it('goes on from the stored state although the next transaction waits already when a commit fails', async () => {
      const store = openSqliteStore(path);
      let writes = 0;
      const failing = {
        ...store,
        write: <T>(work: Parameters<typeof store.write<T>>[0]) => {
          const number = ++writes;
          return store.write(async (tx) => {
            const value = await work(tx);
            if (number === 1) throw new Error('disk full');
            return value;
          });
        },
      };
      const engine = open({}, { store: failing });
      const lost = engine.send('counter', 'a', add('a', 10));
      const kept = engine.send('counter', 'a', add('a', 1));
      await assert.rejects(lost, /disk full/);
      await kept;
      assert.equal((await counter(engine))!.sum, 1);
    });

    it('stores no event that changes nothing', async () => {
      const engine = open();
      await engine.send('counter', 'a', add('a', 1));
      await engine.send('counter', 'a', { type: 'nothing' });
      assert.equal((await engine.store.read.events('counter', 'a', 0)).length, 1);
    });

    it('chains the receipts of a project, also those of one cascade', async () => {
      const engine = open();
      const told = { id: 'b', event: add('b', 1, { isOnRecord: true }) };
      await engine.send('counter', 'a', add('a', 1, { isOnRecord: true, tell: [told] }));
      const by = { kind: 'deleted', subject: { name: 'run:a' }, inputs: [], decision: '', evidence: { at: 1 } };
      await engine.appendReceipt('digits', by);
      const receipts = (await engine.store.read.receipts({ project: 'digits' })).reverse();
      const links = receipts.map(({ id, envelope }) => {
        const { payload } = JSON.parse(envelope) as { payload: string };
        const { predicate } = JSON.parse(Buffer.from(payload, 'base64').toString()) as {
          predicate: { prev: string | null };
        };
        return [predicate.prev, id];
      });
      assert.deepEqual(
        links.map(([prev]) => prev),
        [null, links[0]![1], links[1]![1]],
      );
    });
  });

  describe('commands', () => {
    it('are carried out, and their results come back as events', async () => {
      const engine = open({ work: async (command, { id }) => [done(id, command.type)] });
      await engine.send('counter', 'a', add('a', 1, { ask: ['work'] }));
      assert.deepEqual((await heard(engine, 1)).heard, ['work']);
      assert.deepEqual(await engine.store.read.pendingCommands(), []);
    });

    it('of one lane are carried out in order, each after the one before; of different lanes side by side', async () => {
      const log: string[] = [];
      let release = () => {};
      const gate = new Promise<void>((resolve) => (release = resolve));
      const engine = open({
        slow: async (_, { id }) => {
          await gate;
          log.push('slow');
          return [done(id, 'slow')];
        },
        quick: async (_, { id }) => {
          log.push('quick');
          return [done(id, 'quick')];
        },
        other: async (_, { id }) => {
          log.push('other');
          release();
          return [done(id, 'other')];
        },
      });
      await engine.send('counter', 'a', add('a', 1, { ask: ['slow', 'quick', 'x/other'] }));
      await heard(engine, 3);
      assert.deepEqual(log, ['other', 'slow', 'quick']);
    });

    it('that fail are tried again, and say so after five attempts', async () => {
      let attempts = 0;
      const engine = open({ work: () => Promise.reject(new Error(`no ${++attempts}`)) });
      await withoutPauses(async () => {
        await engine.send('counter', 'a', add('a', 1, { ask: ['work'] }));
        assert.deepEqual((await heard(engine, 1)).heard, ['commandFailed work']);
      });
      assert.equal(attempts, 5);
      const [, event] = await engine.store.read.events('counter', 'a', 0);
      assert.equal((event!.event as { message: string }).message, 'no 5');
      assert.deepEqual(await engine.store.read.pendingCommands(), []);
    });

    it('that nobody handles fail, rather than being forgotten', async () => {
      const engine = open();
      await withoutPauses(async () => {
        await engine.send('counter', 'a', add('a', 1, { ask: ['unheard'] }));
        assert.deepEqual((await heard(engine, 1)).heard, ['commandFailed unheard']);
      });
    });

    it('that were not completed are carried out by the next control plane, in their order', async () => {
      const first = open({ one: () => new Promise(() => {}) });
      await first.send('counter', 'a', add('a', 1, { ask: ['one', 'two'] }));
      await close(first);
      const log: string[] = [];
      const handler = async (command: { type: string }, { id }: { id: string }) => {
        log.push(command.type);
        return [done(id, command.type)];
      };
      const second = open({ one: handler, two: handler });
      assert.deepEqual(log, []);
      await second.start();
      assert.deepEqual((await heard(second, 2)).heard, ['one', 'two']);
      assert.deepEqual(log, ['one', 'two']);
    });

    it('that events gave before the start are carried out once', async () => {
      let count = 0;
      const work = async (_: unknown, { id }: { id: string }) => {
        count++;
        return [done(id, 'work')];
      };
      const engine = open({ work });
      await engine.send('counter', 'a', add('a', 1, { ask: ['work', 'work'] }));
      await engine.start();
      await heard(engine, 2);
      assert.equal(count, 2);
    });

    it('whose result comes twice change the state once', async () => {
      const engine = open({ work: () => new Promise(() => {}) });
      await engine.send('counter', 'a', add('a', 1, { ask: ['work'] }));
      const [command] = await engine.store.read.pendingCommands();
      await engine.deliver([done('a', 'work')], command!.id);
      await engine.deliver([done('a', 'work')], command!.id);
      assert.deepEqual((await counter(engine))!.heard, ['work']);
    });

    it('of a control plane that is killed in the middle of one are carried out again: nothing lost, nothing doubled', async () => {
      const journal = join(folder, 'journal');
      const child = spawn(process.execPath, [join(import.meta.dirname, 'killed.ts'), path, journal], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await once(child, 'exit');
      assert.equal(readFileSync(journal, 'utf8'), 'quick\nslow\n');
      const engine = open({
        slow: async (_, { id }) => [done(id, 'slow')],
        quick: async (_, { id }) => [done(id, 'again')],
      });
      await engine.start();
      assert.deepEqual((await heard(engine, 2)).heard, ['quick', 'slow']);
      assert.deepEqual([(await counter(engine))!.sum, (await everything(engine)).receipts.length], [7, 1]);
    }).timeout(20_000);
  });

  describe('states', () => {
    it('are the same from a snapshot and the events after it as from all events', async () => {
      const engine = open();
      fc.sample(fc.integer(), 100).forEach((n) => void engine.send('counter', 'a', add('a', n)));
      const live = (await counter(engine))!;
      await close(engine);
      const fromSnapshot = open();
      assert.deepEqual(await counter(fromSnapshot), live);
      await close(fromSnapshot);
      const database = new DatabaseSync(path);
      assert.equal(database.prepare('DELETE FROM snapshot').run().changes, 1);
      database.close();
      assert.deepEqual(await counter(open()), live);
    });

    it('are snapshotted, so that a restart replays few events', async () => {
      const engine = open();
      for (let i = 0; i < 130; i++) await engine.send('counter', 'a', add('a', 1));
      const snapshot = (await engine.store.read.snapshot('counter', 'a'))!;
      assert.equal((snapshot.state as Counter).sum, 128);
      assert.equal((await engine.store.read.events('counter', 'a', snapshot.seq)).length, 2);
      await close(engine);
      const next = open();
      for (let i = 0; i < 62; i++) await next.send('counter', 'a', add('a', 1));
      const { state } = (await next.store.read.snapshot('counter', 'a'))!;
      assert.equal((state as Counter).sum, 192);
    });

    it('are dropped from memory beyond a limit, the longest unused first, and read again when they are wanted', async () => {
      const engine = open({}, { keptStates: 3 });
      const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
      const read: string[] = [];
      await engine.store.write(async (tx) => {
        const { snapshot } = tx;
        tx.snapshot = (kind, id) => {
          read.push(id);
          return snapshot.call(tx, kind, id);
        };
      });
      for (const id of ids) {
        await engine.send('counter', id, add(id, 1));
        await engine.send('counter', 'a', add('a', 1));
      }
      assert.deepEqual(read, ids, 'what is in use is not read again');
      for (const id of ids) assert.equal((await engine.state<Counter>('counter', id))!.sum, id === 'a' ? 7 : 1, id);
      assert.ok(read.length > ids.length, 'what was dropped is');
    });

    it('can be waited for, whether the condition holds already or comes to hold, or the wait is given up', async () => {
      const engine = open();
      const waiting = waitForState<Counter>(engine, 'counter', 'a', ({ sum }) => sum >= 2, AbortSignal.timeout(5000));
      await engine.send('counter', 'a', add('a', 1));
      await engine.send('counter', 'a', add('a', 1));
      assert.equal((await waiting).sum, 2);
      assert.equal((await waitForState<Counter>(engine, 'counter', 'a', () => true, AbortSignal.timeout(5000))).sum, 2);
      const given = waitForState<Counter>(
        engine,
        'counter',
        'a',
        () => false,
        AbortSignal.abort(new Error('given up')),
      );
      await assert.rejects(given, /given up/);
    });
  });

  describe('feed', () => {
    it('tells every change once, in strictly rising cursors, removed objects as tombstones', async () => {
      const engine = open();
      const feed: { id: string; cursor: number; removed: boolean }[] = [];
      engine.onChange((changed) => feed.push(...changed.filter(({ topic }) => topic === 'runs')));
      const sends = Array.from({ length: 20 }, (_, i) => {
        const id = `c${i % 3}`;
        return engine.send('counter', id, add(id, 1, { tell: [{ id: 'd', event: add('d', 1) }] }));
      });
      await Promise.all([
        ...sends,
        engine.putViews([{ topic: 'runs', id: 'live', project: '', data: { id: 'live' } }]),
      ]);
      await engine.send('counter', 'c0', { type: 'removed' });
      const cursors = feed.map(({ cursor }) => cursor);
      assert.deepEqual(
        cursors,
        cursors.toSorted((a, b) => a - b),
      );
      assert.equal(new Set(cursors).size, 42);
      assert.deepEqual([feed.at(-1)!.id, feed.at(-1)!.removed], ['c0', true]);
      const stored = await engine.store.read.entities({ topic: 'runs', after: 0, limit: 99 });
      assert.deepEqual(stored.find(({ removed }) => removed)!.id, 'c0');
    });

    it('tells nothing when a view is as before', async () => {
      const engine = open();
      await engine.send('counter', 'a', add('a', 1));
      let calls = 0;
      engine.onChange(() => calls++);
      await engine.send('counter', 'a', add('a', 0));
      assert.equal(calls, 0);
    });

    it('keeps the receipt of a view that a later event does not write', async () => {
      const engine = open();
      await engine.send('counter', 'a', add('a', 1, { isOnRecord: true }));
      await engine.send('counter', 'a', add('a', 1));
      const data = (await engine.store.read.entity('runs', 'a'))!.data as { sum: number; receipt: string };
      assert.deepEqual([data.sum, data.receipt], [2, (await engine.store.read.head('digits'))!.id]);
    });
  });
});

/** Lets timers end at once: what is tested are attempts, not the pauses between them. */
async function withoutPauses(work: () => Promise<void>): Promise<void> {
  const { setTimeout: real } = globalThis;
  globalThis.setTimeout = ((callback: () => void) => real(callback, 0)) as unknown as typeof setTimeout;
  try {
    await work();
  } finally {
    globalThis.setTimeout = real;
  }
}
