import assert from 'node:assert/strict';
import pg from 'pg';
import { openPostgresStore } from '../../../server/store/postgres.ts';
import { storeConformance } from '../../unit/store/conformance.ts';
import { makePostgresServer, type PostgresServer } from './postgresServer.ts';

describe('with a PostgreSQL server', () => {
  let server: PostgresServer;
  before(async function () {
    const made = await makePostgresServer();
    if (!made) return this.skip();
    server = made;
  });
  after(() => server?.remove());

  storeConformance('PostgreSQL', async () => {
    const url = await server.database();
    return { open: () => openPostgresStore({ url }), remove: async () => {} };
  });

  describe('PostgreSQL store', () => {
    it('is written to by one control plane at a time, and free again after it', async () => {
      const url = await server.database();
      const first = await openPostgresStore({ url });
      await assert.rejects(openPostgresStore({ url }), { code: 'store.inUse' });
      await first.close();
      await (await openPostgresStore({ url })).close();
    });

    it('of a newer Slipway is refused', async () => {
      const url = await server.database();
      await (await openPostgresStore({ url })).close();
      const client = new pg.Client(url);
      await client.connect();
      await client.query('UPDATE schema_version SET steps = steps + 1');
      await client.end();
      await assert.rejects(openPostgresStore({ url }), { code: 'store.newer' });
    });

    it('loses nothing that was committed when the server is killed, and goes on when it is back', async () => {
      const store = await openPostgresStore({ url: await server.database() });
      await store.write((tx) => tx.setValue('a', '1'));
      await server.stop('SIGQUIT');
      const reading = store.read.value('a');
      const writing = store.write((tx) => tx.setValue('b', '2'));
      await server.start();
      assert.equal(await reading, '1');
      await writing;
      assert.equal(await store.read.value('b'), '2');
      await store.close();
    });

    it('stores nothing of a transaction in whose middle the server is killed', async () => {
      const store = await openPostgresStore({ url: await server.database() });
      const cut = store.write(async (tx) => {
        await tx.setValue('a', '1');
        await server.stop('SIGQUIT');
        await tx.setValue('b', '2');
      });
      await assert.rejects(cut, { code: 'store.unreachable' });
      await server.start();
      assert.deepEqual([await store.read.value('a'), await store.read.value('b')], [undefined, undefined]);
      await store.write((tx) => tx.setValue('c', '3'));
      assert.equal(await store.read.value('c'), '3');
      await store.close();
    });
  });
});
