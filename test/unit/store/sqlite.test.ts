import assert from 'node:assert/strict';
import { copyFileSync, existsSync, openSync, readSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { migrations } from '../../../server/store/migrations.ts';
import { checkDatabase, openSqliteStore } from '../../../server/store/sqlite.ts';
import { storeConformance } from './conformance.ts';

async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'slipway-store-'));
}

storeConformance('SQLite', async () => {
  const folder = await temporaryFolder();
  return {
    open: async () => openSqliteStore(join(folder, 'slipway.db')),
    remove: () => rm(folder, { recursive: true }),
  };
});

describe('SQLite file', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
    path = join(folder, 'slipway.db');
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** A database of many pages, closed. */
  async function fill(): Promise<void> {
    const store = openSqliteStore(path);
    await store.write(async (tx) => {
      for (let i = 0; i < 500; i++) await tx.appendEvent('run', `r${i}`, i, { text: 'x'.repeat(100) });
    });
    await store.close();
  }

  /** Overwrites the beginning of every page but the first. */
  function damagePages(): void {
    const file = openSync(path, 'r+');
    const header = Buffer.alloc(100);
    readSync(file, header, 0, 100, 0);
    const pageBytes = header.readUInt16BE(16);
    for (let page = 1; page < header.readUInt32BE(28); page++)
      writeSync(file, Buffer.alloc(16, 0xa5), 0, 16, page * pageBytes);
  }

  it('is found sound after use', async () => {
    await fill();
    checkDatabase(path);
  });

  it('is said to be damaged, with what to do, where a page is', async () => {
    await fill();
    damagePages();
    assert.throws(() => checkDatabase(path), { code: 'store.damaged', message: /slipway\.db/, hint: /backup/ });
  });

  it('is said to be damaged when a read or a write comes upon it', async () => {
    await fill();
    damagePages();
    const store = openSqliteStore(path);
    await assert.rejects(store.read.events('run', 'r1', 0), { code: 'store.damaged' });
    await assert.rejects(
      store.write((tx) => tx.appendEvent('run', 'r1', 0, {})),
      { code: 'store.damaged' },
    );
    await store.close();
  });

  it('is said to be damaged when it is no database, or cut short', async () => {
    writeFileSync(path, 'not a database, but long enough to be looked at'.repeat(100));
    assert.throws(() => openSqliteStore(path), { code: 'store.damaged' });
    await rm(path);
    await fill();
    truncateSync(path, 10_000);
    assert.throws(() => checkDatabase(path), { code: 'store.damaged' });
  });

  it('of a newer Slipway is refused and left as it is', async () => {
    await fill();
    const database = new DatabaseSync(path);
    database.exec(`PRAGMA user_version = ${migrations.length + 1}`);
    database.close();
    assert.throws(() => openSqliteStore(path), { code: 'store.newer', hint: /Update Slipway/ });
    const after = new DatabaseSync(path);
    assert.equal(after.prepare('PRAGMA user_version').get()!['user_version'], migrations.length + 1);
    after.close();
  });

  it('is copied beside itself, with everything committed, before a migration', async () => {
    await fill();
    // What kill -9 leaves: commits that stand in the write-ahead log only.
    const killed = join(folder, 'killed.db');
    const running = openSqliteStore(path);
    await running.write((tx) => tx.setValue('key', 'value'));
    for (const end of ['', '-wal']) copyFileSync(`${path}${end}`, `${killed}${end}`);
    await running.close();
    const steps = migrations as string[];
    steps.push('CREATE TABLE added (x TEXT)');
    try {
      const store = openSqliteStore(killed);
      await store.close();
      const copy = new DatabaseSync(`${killed}.schema-${steps.length - 1}`);
      assert.equal(copy.prepare("SELECT value FROM value WHERE key = 'key'").get()!['value'], 'value');
      assert.equal(copy.prepare('SELECT count(*) AS n FROM event').get()!['n'], 500);
      assert.throws(() => copy.prepare('SELECT * FROM added'), /no such table/);
      copy.close();
    } finally {
      steps.pop();
    }
  });

  it('is as before when a migration fails', async () => {
    await fill();
    const steps = migrations as string[];
    steps.push('CREATE TABLE added (x TEXT); CREATE TABLE event (x TEXT)');
    try {
      assert.throws(() => openSqliteStore(path), /already exists/);
    } finally {
      steps.pop();
    }
    const store = openSqliteStore(path);
    assert.equal((await store.read.events('run', 'r1', 0)).length, 1);
    await store.close();
  });

  it('is not copied when there is nothing to migrate', async () => {
    await fill();
    await openSqliteStore(path).close();
    assert.ok(!existsSync(`${path}.schema-${migrations.length}`));
  });

  it('is complete in a copy of its files that is taken at any moment after a commit', async () => {
    const store = openSqliteStore(path);
    await store.write((tx) => tx.setValue('key', 'value'));
    for (const end of ['', '-wal']) copyFileSync(`${path}${end}`, join(folder, `copy.db${end}`));
    const copy = openSqliteStore(join(folder, 'copy.db'));
    assert.equal(await copy.read.value('key'), 'value');
    await Promise.all([copy.close(), store.close()]);
  });
});
