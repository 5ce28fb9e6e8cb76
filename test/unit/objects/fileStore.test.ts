import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { FileStore, verifyObjects } from '../../../server/objects/index.ts';
import { listOf, testFolder } from './testFolder.ts';

describe('file store', () => {
  const folder = testFolder();
  const newStore = () => new FileStore(join(folder.path, 'store'));
  /** printf hello | md5sum; sha256sum */
  const hello = {
    digest: '5d41402abc4b2a76b9719d911017c592',
    sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    bytes: 5,
  };

  it('keeps bytes, a stream and a file under the same digest, read-only, where DVC 3 would', async () => {
    const store = newStore();
    folder.write({ 'hello.txt': 'hello' });
    assert.deepEqual(await store.put(Buffer.from('hello')), hello);
    assert.deepEqual(await store.put(Readable.from([Buffer.from('hel'), Buffer.from('lo')])), hello);
    assert.deepEqual(await store.putFile(join(folder.path, 'hello.txt')), hello);
    const path = join(folder.path, 'store/files/md5/5d/41402abc4b2a76b9719d911017c592');
    assert.equal(readFileSync(path, 'utf8'), 'hello');
    assert.equal(statSync(path).mode & 0o777, 0o444);
    assert.equal(store.localPath(hello.digest), path);
    assert.deepEqual(readdirSync(join(folder.path, 'store/tmp')), []);
  });

  it('names a manifest by its md5 and .dir', async () => {
    const { digest } = await newStore().put(Buffer.from('[]'), 'dir');
    assert.equal(digest, 'd751713988987e9331980363e24189ce.dir');
    assert.ok(await newStore().has(digest));
  });

  it('stores the same bytes many times at once, as one object', async () => {
    const store = newStore();
    await Promise.all(Array.from({ length: 20 }, () => store.put(Buffer.from('hello'))));
    assert.deepEqual(await listOf(store), [{ digest: hello.digest, bytes: 5 }]);
    assert.equal(await store.verify(hello.digest), 'ok');
  });

  it('leaves nothing behind when a stream breaks off', async () => {
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from('hel');
        throw new Error('the connection broke');
      })(),
    );
    await assert.rejects(newStore().put(broken), /connection broke/);
    assert.deepEqual(await listOf(newStore()), []);
    assert.deepEqual(readdirSync(join(folder.path, 'store/tmp')), []);
  });

  it('does not share bytes with the file that was stored', async () => {
    folder.write({ 'mine.txt': 'hello' });
    await newStore().putFile(join(folder.path, 'mine.txt'));
    writeFileSync(join(folder.path, 'mine.txt'), 'HELLO');
    assert.equal(await newStore().verify(hello.digest), 'ok');
  });

  it('opens, measures and deletes objects, and says when one is missing', async () => {
    const store = newStore();
    await store.put(Buffer.from('hello'));
    assert.equal((await buffer(await store.open(hello.digest))).toString(), 'hello');
    assert.equal(await store.size(hello.digest), 5);
    assert.equal(await store.delete(hello.digest), true);
    assert.equal(await store.delete(hello.digest), false);
    assert.equal(await store.size(hello.digest), null);
    await assert.rejects(store.open(hello.digest), { code: 'object.missing' });
  });

  it('takes no digest that is a path', async () => {
    for (const digest of ['../../../../etc/passwd', '', '5D41402ABC4B2A76B9719D911017C592', `${hello.digest}/x`]) {
      await assert.rejects(newStore().has(digest), { code: 'object.digest' }, digest);
    }
  });

  it('replaces an object of the wrong size, as a power cut may leave one', async () => {
    const store = newStore();
    await store.put(Buffer.from('hello'));
    chmodSync(store.localPath(hello.digest), 0o644);
    writeFileSync(store.localPath(hello.digest), '');
    await store.put(Buffer.from('hello'));
    assert.equal(await store.verify(hello.digest), 'ok');
  });

  it('verify reads every byte and names each file whose object is wrong or missing', async () => {
    const store = newStore();
    const [good, bad] = [await store.put(Buffer.from('good')), await store.put(Buffer.from('evil'))];
    chmodSync(store.localPath(bad.digest), 0o644);
    writeFileSync(store.localPath(bad.digest), 'liar');
    const missing = '0'.repeat(32);
    const problems = await verifyObjects(store, [
      { relpath: 'a', digest: good.digest },
      { relpath: 'b', digest: bad.digest },
      { relpath: 'c', digest: missing },
      { relpath: 'd', digest: bad.digest },
    ]);
    assert.deepEqual(
      problems.map(({ relpath, state }) => [relpath, state]),
      [
        ['b', 'wrong'],
        ['c', 'missing'],
        ['d', 'wrong'],
      ],
    );
    assert.equal(problems[0]!.objectPath, store.localPath(bad.digest));
  });
});
