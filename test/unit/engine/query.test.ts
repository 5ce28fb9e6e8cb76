import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { listPage, requireEntity } from '../../../server/engine/query.ts';
import type { Run } from '../../../server/protocol/entities.ts';
import type { Store } from '../../../server/store/index.ts';
import { openSqliteStore } from '../../../server/store/sqlite.ts';

describe('lists', () => {
  let folder: string;
  let store: Store;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slipway-query-'));
    store = openSqliteStore(join(folder, 'slipway.db'));
    await store.write(async (tx) => {
      for (let i = 0; i < 23; i++) {
        const data = { id: `r${i}`, status: i % 5 === 0 ? 'failed' : 'succeeded' };
        await tx.putEntity({ topic: 'runs', id: `r${i}`, project: '', parent: '', data });
      }
    });
  });
  after(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  const pages = async (limit: number, keep?: (run: Run) => boolean): Promise<string[][]> => {
    const all: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = await listPage(store.read, 'runs', { cursor, limit }, {}, keep);
      all.push(page.items.map(({ id }) => id));
      cursor = page.next;
    } while (cursor !== undefined);
    return all;
  };

  it('give every object once, newest first, in full pages, whatever the size of a page', async () => {
    const newestFirst = Array.from({ length: 23 }, (_, i) => `r${22 - i}`);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 30 }), async (limit) => {
        const all = await pages(limit);
        assert.deepEqual(all.flat(), newestFirst);
        assert.ok(all.slice(0, -1).every((page) => page.length === limit));
      }),
    );
  });

  it('fill a page also where a filter leaves most out', async () => {
    assert.deepEqual(await pages(2, ({ status }) => status === 'failed'), [['r20', 'r15'], ['r10', 'r5'], ['r0']]);
  });

  it('refuse a cursor that is none', async () => {
    for (const cursor of ['x', '-1', '1.5', 'NaN', '1e400']) {
      await assert.rejects(listPage(store.read, 'runs', { cursor }), { code: 'request.badCursor' });
    }
  });

  it('name what does not exist', async () => {
    const missing = { code: 'modelVersions.unknown', status: 404, message: 'There is no model version m@v1.' };
    await assert.rejects(requireEntity(store.read, 'modelVersions', 'm@v1'), missing);
  });
});
