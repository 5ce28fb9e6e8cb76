import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { folderDigests } from '../../../server/domain/dataset/manifest.ts';
import {
  type AddProgress,
  type AddRequest,
  addedFiles,
  addFolder,
  FileStore,
  verifyObjects,
} from '../../../server/objects/index.ts';
import { listOf, testFolder } from '../../unit/objects/testFolder.ts';

describe('adding a dataset', function () {
  this.timeout(60_000);
  const folder = testFolder();
  const request = (changes: Partial<AddRequest> = {}): AddRequest => ({
    path: join(folder.path, 'data'),
    storeRoot: join(folder.path, 'store'),
    statIndexFolder: join(folder.path, 'index'),
    workerPath: resolve('server/objects/addWorker.ts'),
    ...changes,
  });
  const add = async (changes?: Partial<AddRequest>) => {
    const result = await addFolder(request(changes));
    return { ...result, entries: addedFiles(result.files) };
  };
  const writeMany = (count: number) =>
    folder.write(Object.fromEntries(Array.from({ length: count }, (_, i) => [`data/${i % 10}/${i}`, `file ${i}`])));

  async function assertStoreIsSound(): Promise<void> {
    const store = new FileStore(join(folder.path, 'store'));
    const objects = await listOf(store);
    const problems = await verifyObjects(
      store,
      objects.map(({ digest }) => ({ relpath: digest, digest })),
    );
    assert.deepEqual(problems, []);
  }

  it('stores every file, small and large, under the digests of its bytes', async () => {
    folder.write({ 'data/a': 'hello', 'data/empty': '', 'data/large': Buffer.alloc(3 * 2 ** 20 + 1, 'x') });
    const { entries, bytes, hashedFiles } = await add();
    const byName = Object.fromEntries(entries.map((entry) => [entry.relpath, entry]));
    assert.equal(byName['a']!.md5, '5d41402abc4b2a76b9719d911017c592');
    assert.equal(byName['a']!.sha256, '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824');
    assert.equal(byName['empty']!.md5, 'd41d8cd98f00b204e9800998ecf8427e');
    assert.deepEqual([bytes, hashedFiles], [5 + 3 * 2 ** 20 + 1, 3]);
    const store = new FileStore(join(folder.path, 'store'));
    for (const { md5 } of entries) assert.equal(await store.verify(md5), 'ok');
    assert.deepEqual(readdirSync(join(folder.path, 'store/tmp')), []);
  });

  it('reads no file again that the stat index knows, unless asked to', async () => {
    writeMany(20);
    const old = new Date(Date.now() - 60_000);
    await add();
    for (let i = 0; i < 20; i++) utimesSync(join(folder.path, `data/${i % 10}/${i}`), old, old);
    // The ctime is now; two seconds later it is old enough for the next hashing to be trusted.
    const isTrusted = async () => (await add()).hashedFiles === 0;
    while (!(await isTrusted()));
    writeFileSync(join(folder.path, 'data/0/0'), 'FILE 0');
    const changed = await add();
    assert.equal(changed.hashedFiles, 1);
    assert.equal((await add({ rehash: true })).hashedFiles, 20);
  });

  it('stores again what the index knows and the store lost', async () => {
    folder.write({ 'data/a': 'hello' });
    while ((await add()).hashedFiles > 0);
    rmSync(join(folder.path, 'store'), { recursive: true });
    await add();
    assert.equal(await new FileStore(join(folder.path, 'store')).verify('5d41402abc4b2a76b9719d911017c592'), 'ok');
  });

  it('gives the digests without a copy when no store is named', async () => {
    folder.write({ 'data/a': 'hello' });
    const { entries } = await add({ storeRoot: null });
    assert.equal(entries[0]!.md5, '5d41402abc4b2a76b9719d911017c592');
    assert.deepEqual(
      readdirSync(folder.path).filter((name) => name === 'store'),
      [],
    );
  });

  it('makes no version of files that change meanwhile, and says which', async () => {
    writeMany(500);
    const log = join(folder.path, 'data/0/still-written.log');
    writeFileSync(log, '');
    const writer = setInterval(() => appendFileSync(log, 'line\n'), 1);
    try {
      await assert.rejects(add(), { code: 'dataset.changedDuringAdd', message: /still-written\.log/ });
    } finally {
      clearInterval(writer);
    }
    await assertStoreIsSound();
    await add();
  });

  it('makes no version of a folder in which files appear meanwhile, and says which', async () => {
    writeMany(500);
    let count = 0;
    const writer = setInterval(() => folder.write({ [`data/0/new-${count++}`]: '' }), 1);
    try {
      await assert.rejects(add(), { code: 'dataset.changedDuringAdd', message: /new-\d+/ });
    } finally {
      clearInterval(writer);
    }
  });

  it('passes on what the walk refuses', async () => {
    await assert.rejects(add(), { code: 'dataset.notFound' });
  });

  it('tells how far it is, up to the end, without blocking the caller', async () => {
    writeMany(2000);
    const seen: AddProgress[] = [];
    let turns = 0;
    const ticking = setInterval(() => turns++, 1);
    await add({ onProgress: (progress) => seen.push(progress) });
    clearInterval(ticking);
    const { files, bytes, totalFiles, totalBytes } = seen.at(-1)!;
    assert.deepEqual([files, totalFiles], [2000, 2000]);
    assert.equal(bytes, totalBytes);
    assert.ok(turns > 3, `the caller had ${turns} turns`);
  });

  it('can be cancelled, leaves no temporary files, and goes on the next time', async () => {
    writeMany(2000);
    const controller = new AbortController();
    const cancelled = add({ signal: controller.signal, onProgress: () => controller.abort(), threads: 1 });
    await assert.rejects(cancelled, { code: 'dataset.cancelled' });
    assert.deepEqual(readdirSync(join(folder.path, 'store/tmp')), []);
    assert.equal((await add()).entries.length, 2000);
  });

  it('gives the same when several add at once', async () => {
    writeMany(600);
    const results = await Promise.all([add(), add(), add()]);
    const digests = results.map(({ entries }) => folderDigests(entries).digest);
    assert.equal(new Set(digests).size, 1);
    await assertStoreIsSound();
  });

  it('after kill -9 in the middle, the store is sound and the next add is right', async () => {
    writeMany(3000);
    const expected = folderDigests((await add({ storeRoot: null })).entries).digest;
    const script = `
      import { addFolder } from ${JSON.stringify(resolve('server/objects/index.ts'))};
      await addFolder({ ...${JSON.stringify(request({ rehash: true }))}, onProgress: () => process.stdout.write('.') });`;
    const file = join(folder.path, 'add.mjs');
    writeFileSync(file, script);
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    await assertStoreIsSound();
    const { entries } = await add();
    assert.equal(folderDigests(entries).digest, expected);
    await assertStoreIsSound();
    assert.equal((await listOf(new FileStore(join(folder.path, 'store')))).length, 3000);
  });
});
