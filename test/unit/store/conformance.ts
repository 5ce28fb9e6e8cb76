/**
 * What every relational store does. A store's own test file calls {@link storeConformance} with a way to open the
 * same data again, so that what is committed and what is not shows.
 */
import assert from 'node:assert/strict';
import type { Store, StoredReceipt, WriteTransaction } from '../../../server/store/index.ts';

/** One database. `open` gives a store over it; what an earlier one committed is there. */
export interface StorePlace {
  open(): Promise<Store>;
  remove(): Promise<void>;
}

export function storeConformance(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${name} store`, () => {
    let place: StorePlace;
    let store: Store;

    beforeEach(async () => {
      place = await makePlace();
      store = await place.open();
    });
    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    async function reopen(): Promise<void> {
      await store.close();
      store = await place.open();
    }

    const put = (id: string, data: unknown = {}, more: { project?: string; parent?: string; topic?: string } = {}) =>
      store.write((tx) => tx.putEntity({ topic: 'runs', id, project: 'digits', parent: '', data, ...more }));
    const remove = (id: string) => store.write((tx) => tx.removeEntity('runs', id));

    it('keeps what was committed', async () => {
      await store.write(async (tx) => {
        await tx.appendEvent('run', 'r1', 5, { type: 'created', title: '한국어 🙂' });
        await tx.putSnapshot('run', 'r1', 1, { n: 0.1 });
        await tx.setValue('key', 'value');
      });
      await reopen();
      const [event] = await store.read.events('run', 'r1', 0);
      assert.deepEqual([event!.at, event!.event], [5, { type: 'created', title: '한국어 🙂' }]);
      assert.deepEqual(await store.read.snapshot('run', 'r1'), { seq: 1, state: { n: 0.1 } });
      assert.equal(await store.read.value('key'), 'value');
    });

    it('stores all of a transaction or nothing', async () => {
      await put('before');
      const failing = store.write(async (tx) => {
        await tx.appendEvent('run', 'r1', 1, {});
        await tx.putSnapshot('run', 'r1', 1, {});
        await tx.addCommand({ id: 'c1', kind: 'run', subject: 'r1', command: { type: 'x' } });
        await tx.putEntity({ topic: 'runs', id: 'r1', project: '', parent: '', data: {} });
        await tx.removeEntity('runs', 'before');
        await tx.appendReceipt(receipt('digits', 1), [{ name: 's', digest: { md5: 'm' } }]);
        await tx.setValue('key', 'value');
        throw new Error('in the middle');
      });
      await assert.rejects(failing, /in the middle/);
      assert.deepEqual(await store.read.events('run', 'r1', 0), []);
      assert.equal(await store.read.snapshot('run', 'r1'), undefined);
      assert.deepEqual(await store.read.pendingCommands(), []);
      assert.deepEqual(
        (await store.read.entities({ topic: 'runs', limit: 9 })).map(({ id }) => id),
        ['before'],
      );
      assert.equal(await store.read.head('digits'), undefined);
      assert.equal(await store.read.receiptOfDigest('md5', 'm'), undefined);
      assert.deepEqual([await store.read.value('key'), await store.read.cursor()], [undefined, 1]);
    });

    it('goes on after a failed transaction', async () => {
      await assert.rejects(store.write(() => Promise.reject(new Error('no'))));
      await put('r1');
      assert.ok(await store.read.entity('runs', 'r1'));
    });

    it('runs one transaction at a time, in the order of the calls', async () => {
      const log: string[] = [];
      const work = (id: string) => async (tx: WriteTransaction) => {
        log.push(`${id} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        await tx.appendEvent('run', id, 0, {});
        log.push(`${id} ends`);
      };
      await Promise.all([store.write(work('a')), store.write(work('b'))]);
      assert.deepEqual(log, ['a begins', 'a ends', 'b begins', 'b ends']);
    });

    it('shows readers nothing before the commit', async () => {
      await store.write(async (tx) => {
        await tx.putEntity({ topic: 'runs', id: 'r1', project: '', parent: '', data: {} });
        assert.ok(await tx.entity('runs', 'r1'));
        assert.equal(await store.read.entity('runs', 'r1'), undefined);
      });
      assert.ok(await store.read.entity('runs', 'r1'));
    });

    it('gives the events of one thing in their order, after a number', async () => {
      const [, second] = await store.write(async (tx) => {
        const first = await tx.appendEvent('run', 'r1', 1, { n: 1 });
        await tx.appendEvent('run', 'r2', 1, { n: 9 });
        return [first, await tx.appendEvent('run', 'r1', 1, { n: 2 }), await tx.appendEvent('run', 'r1', 1, { n: 3 })];
      });
      assert.deepEqual(
        (await store.read.events('run', 'r1', 0)).map(({ event }) => event),
        [{ n: 1 }, { n: 2 }, { n: 3 }],
      );
      assert.deepEqual(
        (await store.read.events('run', 'r1', second!)).map(({ event }) => event),
        [{ n: 3 }],
      );
    });

    it('gives commands that are not done in the order they came, each once', async () => {
      const add = (id: string) =>
        store.write((tx) => tx.addCommand({ id, kind: 'run', subject: 'r', command: { type: id } }));
      for (const id of ['z', 'a', 'm', 'a']) await add(id);
      assert.equal(await store.write((tx) => tx.completeCommand('a')), true);
      assert.equal(await store.write((tx) => tx.completeCommand('a')), false);
      assert.equal(await store.write((tx) => tx.completeCommand('unknown')), false);
      await add('a');
      await reopen();
      assert.deepEqual(
        (await store.read.pendingCommands()).map(({ id }) => id),
        ['z', 'm'],
      );
    });

    it('pages newest first without gaps or doubles while objects are added and changed', async () => {
      for (let i = 0; i < 10; i++) await put(`r${i}`);
      const seen: string[] = [];
      let before: number | undefined;
      for (let page = 0; page < 10; page++) {
        const rows = await store.read.entities({ topic: 'runs', before, limit: 3 });
        seen.push(...rows.map(({ id }) => id));
        before = rows.at(-1)?.created ?? before;
        await put(`new${page}`);
        await put('r1', { page });
      }
      assert.deepEqual(seen, ['r9', 'r8', 'r7', 'r6', 'r5', 'r4', 'r3', 'r2', 'r1', 'r0']);
    });

    it('gives every change a higher cursor, also after a restart', async () => {
      const cursors = [(await put('r1')).cursor, (await put('r2')).cursor, (await put('r1', { n: 2 })).cursor];
      await reopen();
      cursors.push((await remove('r2'))!.cursor, (await put('r3')).cursor);
      assert.deepEqual(
        cursors,
        cursors.toSorted((a, b) => a - b),
      );
      assert.equal(new Set(cursors).size, 5);
      assert.equal(await store.read.cursor(), cursors.at(-1));
    });

    it('lists what changed after a cursor, oldest change first, removed objects as tombstones', async () => {
      const { cursor } = await put('r1');
      await put('r2');
      await put('r3');
      await put('r1', { n: 2 });
      await remove('r2');
      const changes = await store.read.entities({ topic: 'runs', after: cursor, limit: 9 });
      assert.deepEqual(
        changes.map(({ id, removed, data }) => [id, removed, data]),
        [
          ['r3', false, {}],
          ['r1', false, { n: 2 }],
          ['r2', true, null],
        ],
      );
    });

    it('does not show what was removed, and shows it again when it comes back', async () => {
      await put('r1');
      await remove('r1');
      assert.equal(await store.read.entity('runs', 'r1'), undefined);
      assert.deepEqual(await store.read.entities({ topic: 'runs', limit: 9 }), []);
      assert.equal(await remove('r1'), undefined);
      await put('r1', { n: 2 });
      assert.deepEqual((await store.read.entity('runs', 'r1'))!.data, { n: 2 });
    });

    it('filters by project, by parent, and by being of something', async () => {
      await put('a', {}, { project: 'p1', parent: 'w1' });
      await put('b', {}, { project: 'p2', parent: 'w1' });
      await put('c', {}, { project: 'p2', parent: 'a' });
      await put('a', {}, { topic: 'sweeps' });
      const ids = async (filter: object) =>
        (await store.read.entities({ topic: 'runs', limit: 9, ...filter })).map(({ id }) => id);
      assert.deepEqual(await ids({ project: 'p2' }), ['c', 'b']);
      assert.deepEqual(await ids({ parent: 'w1' }), ['b', 'a']);
      assert.deepEqual(await ids({ of: 'a' }), ['c', 'a']);
      assert.deepEqual(await ids({ of: 'p2', after: 0 }), ['b', 'c']);
    });

    it('keeps one chain of receipts a project: no number and no id twice', async () => {
      const append = (one: StoredReceipt) => store.write((tx) => tx.appendReceipt(one, []));
      await append(receipt('digits', 1));
      await append(receipt('digits', 2));
      await append(receipt('other', 1));
      await assert.rejects(append({ ...receipt('digits', 2), id: 'another' }));
      await assert.rejects(append({ ...receipt('digits', 3), id: 'digits-2' }));
      assert.deepEqual(await store.read.head('digits'), { seq: 2, id: 'digits-2' });
      assert.deepEqual(await store.read.receiptProjects(), ['digits', 'other']);
    });

    it('finds receipts by id, subject and digest, newest first, and pages them', async () => {
      const subject = (n: number) => [{ name: 'model:m@v1', digest: { sha256: `s${n}`, md5: 'same' } }];
      for (const n of [1, 2, 3]) await store.write((tx) => tx.appendReceipt(receipt('digits', n), subject(n)));
      const seqs = async (filter: object) => (await store.read.receipts(filter)).map(({ seq }) => seq);
      assert.deepEqual(await seqs({ project: 'digits', limit: 2 }), [3, 2]);
      assert.deepEqual(await seqs({ project: 'digits', beforeSeq: 2 }), [1]);
      assert.deepEqual(await seqs({ subject: 'model:m@v1' }), [3, 2, 1]);
      assert.deepEqual(await seqs({ id: 'digits-2' }), [2]);
      assert.equal((await store.read.receiptOfDigest('md5', 'same'))!.seq, 3);
      assert.equal((await store.read.receiptOfDigest('sha256', 's1'))!.seq, 1);
      assert.equal(await store.read.receiptOfDigest('sha256', 'same'), undefined);
    });

    it('tells what came to be in a project from what came to be elsewhere', async () => {
      const subject = [{ name: 'dataset:d@v1', digest: { sha256: 's' } }];
      await store.write((tx) => tx.appendReceipt(receipt('digits', 1), subject));
      const has = (project: string, algorithm: string) => store.read.hasSubject(project, algorithm, 's');
      assert.deepEqual(
        [await has('digits', 'sha256'), await has('digits', 'md5'), await has('other', 'sha256')],
        [true, false, false],
      );
    });

    it('waits with closing for what is being written', async () => {
      const writing = store.write(async (tx) => {
        await new Promise((resolve) => setImmediate(resolve));
        await tx.setValue('key', 'value');
      });
      await Promise.all([writing, store.close()]);
      store = await place.open();
      assert.equal(await store.read.value('key'), 'value');
    });
  });
}

function receipt(project: string, seq: number): StoredReceipt {
  return { project, seq, id: `${project}-${seq}`, kind: 'run.finished', subject: 'run:r1', envelope: '{}' };
}
