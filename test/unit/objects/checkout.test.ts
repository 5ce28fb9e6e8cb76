import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout, FileStore, materialize, removeMaterialized } from '../../../server/objects/index.ts';
import { testFolder } from './testFolder.ts';

describe('checkout', () => {
  const folder = testFolder();
  const at = (name: string) => join(folder.path, name);

  async function store(files: Record<string, string>) {
    const objects = new FileStore(at('store'));
    return Promise.all(
      Object.entries(files).map(async ([relpath, content]) => ({
        relpath,
        md5: (await objects.put(Buffer.from(content))).digest,
      })),
    );
  }
  const checkOut = (entries: { relpath: string; md5: string }[], to = at('out')) =>
    checkout({ storeRoot: at('store'), entries, to, recordFolder: at('records') });
  const read = (name: string) => readFileSync(at(name), 'utf8');

  it("writes the version's files, and nothing else, as files of the user's own", async () => {
    await checkOut(await store({ a: '1', 'sub/한국어 😀\n': '2' }));
    assert.deepEqual(readdirSync(at('out'), { recursive: true }).sort(), ['a', 'sub', 'sub/한국어 😀\n']);
    assert.equal(read('out/sub/한국어 😀\n'), '2');
    writeFileSync(at('out/a'), 'changed');
    assert.equal(await new FileStore(at('store')).verify('c4ca4238a0b923820dcc509a6f75849b'), 'ok');
    assert.deepEqual(readdirSync(folder.path).sort(), ['out', 'records', 'store']);
  });

  it('replaces an untouched earlier checkout, also one with files removed', async () => {
    await checkOut(await store({ a: '1', b: '2' }));
    await checkOut(await store({ a: '11', c: '3' }));
    assert.deepEqual(readdirSync(at('out')), ['a', 'c']);
    assert.equal(read('out/a'), '11');
  });

  it('refuses, by name, a folder with files it did not write or that were changed since', async () => {
    const entries = await store({ a: '1' });
    folder.write({ 'mine/note.txt': 'mine' });
    await assert.rejects(checkOut(entries, at('mine')), { code: 'checkout.notOurs', message: /note\.txt/ });
    assert.equal(read('mine/note.txt'), 'mine');

    await checkOut(entries);
    writeFileSync(at('out/a'), '2');
    await assert.rejects(checkOut(entries), { code: 'checkout.notOurs', message: /"a"/ });
    assert.equal(read('out/a'), '2');
  });

  it('never writes outside its folder, whatever a manifest says', async () => {
    const { md5 } = (await store({ a: 'evil' }))[0]!;
    mkdirSync(at('elsewhere'));
    for (const relpath of ['../evil', '/tmp/slipway-evil', 'x/../../evil', 'a/./b', '', 'nul\0']) {
      await assert.rejects(checkOut([{ relpath, md5 }]), { code: 'dataset.manifest' }, relpath);
    }
    for (const twice of [
      ['a', 'a'],
      ['a', 'a/b'],
    ]) {
      await assert.rejects(checkOut(twice.map((relpath) => ({ relpath, md5 }))), { code: 'dataset.manifest' });
    }
    await assert.rejects(checkOut([{ relpath: 'a', md5: '../../../elsewhere' }]), { code: 'object.digest' });
    assert.ok(!existsSync(at('evil')) && !existsSync(at('out')));
    assert.deepEqual(readdirSync(folder.path).sort(), ['elsewhere', 'store']);
  });

  it('leaves nothing when an object is missing, and names the file', async () => {
    const entries = [...(await store({ a: '1' })), { relpath: 'b', md5: '0'.repeat(32) }];
    await assert.rejects(checkOut(entries), { code: 'object.missing', message: /"b"/ });
    assert.deepEqual(readdirSync(folder.path), ['store']);
  });

  it('writes to where a link points, and remembers it under one name', async () => {
    mkdirSync(at('real'));
    symlinkSync('real', at('link'));
    await checkOut(await store({ a: '1' }), at('link'));
    await checkOut(await store({ a: '2' }), at('real'));
    assert.equal(read('link/a'), '2');
  });

  it('builds a read-only folder once for all runs that ask at the same time', async () => {
    const entries = await store({ a: '1', 'sub/b': '2' });
    const digest = `${'1'.repeat(32)}.dir`;
    const folders = await Promise.all(
      Array.from({ length: 5 }, () => materialize(at('store'), entries, digest, at('cache'))),
    );
    assert.deepEqual(new Set(folders), new Set([at(`cache/${digest}`)]));
    assert.deepEqual(readdirSync(at('cache')), [digest]);
    const modes = ['', 'a', 'sub', 'sub/b'].map((name) => statSync(join(folders[0]!, name)).mode & 0o777);
    assert.deepEqual(modes, [0o555, 0o444, 0o555, 0o444]);
    await removeMaterialized(folders[0]!);
    assert.deepEqual(readdirSync(at('cache')), []);
    assert.equal(read('store/files/md5/c4/ca4238a0b923820dcc509a6f75849b'), '1');
  });
});
