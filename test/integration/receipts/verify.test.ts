// `slipway receipts verify` on a data folder that no control plane runs on, and on exports.
import assert from 'node:assert/strict';
import { chmod, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { runCli } from '../../unit/cli/memoryShell.ts';
import { draft, newKey, seal } from '../../unit/domain/lineage/chains.ts';
import { type DataFolder, fill, newDataFolder, storeFiles } from './dataFolder.ts';

interface Result {
  ok: boolean;
  signer: string;
  objects: number | null;
  count: number;
  problems: { seq: number; subject: string; message: string; relpath?: string; objectPath?: string }[];
  deleted: { subject: string }[];
}

describe('slipway receipts verify', () => {
  let folder: DataFolder;
  const folders: string[] = [];
  beforeEach(async () => {
    folder = await newDataFolder();
    folders.push(folder.root);
    await fill(folder);
  });
  after(() => Promise.all(folders.map((root) => rm(root, { recursive: true }))));

  async function verify(...line: string[]): Promise<{ status: number; result: Result }> {
    const { status, stdout } = await runCli(['receipts', 'verify', '--data', folder.root, '--json', ...line]);
    return { status, result: JSON.parse(stdout) as Result };
  }

  async function overwrite(file: string, content: string): Promise<void> {
    await chmod(file, 0o644);
    await writeFile(file, content);
  }

  it('finds nothing wrong with what was left in order, and reads each object once', async () => {
    const { status, result } = await verify();
    assert.deepEqual(result.problems, []);
    assert.deepEqual([status, result.ok, result.signer, result.count], [0, true, 'known', 6]);
    // Four files and two manifests of the dataset, the split, a manifest and a file of the model, the table.
    assert.equal(result.objects, 10);
  });

  it('changes nothing in the data folder', async () => {
    const before = await readFile(path.join(folder.root, 'slipway.db'));
    await verify();
    assert.deepEqual(await readFile(path.join(folder.root, 'slipway.db')), before);
  });

  it('names the version, the file and the object of every damaged byte', async () => {
    const file = folder.objectOf('one');
    await overwrite(file, 'onf');
    const { status, result } = await verify();
    assert.equal(status, 1);
    assert.deepEqual(
      result.problems.map(({ seq, subject, relpath, objectPath }) => [seq, subject, relpath, objectPath]),
      [
        [1, 'dataset:digits@v1', 'a/one.txt', file],
        [2, 'dataset:digits@v2', 'a/one.txt', file],
      ],
    );
    assert.match(
      result.problems[0]!.message,
      /^the file "a\/one.txt": the object .* is damaged: its bytes have the md5/,
    );
    const { stdout } = await runCli(['receipts', 'verify', '--data', folder.root]);
    assert.ok(stdout.includes('✗ digits/1 dataset:digits@v1: the file "a/one.txt"') && stdout.includes(file), stdout);
  });

  it('names what is gone: a file, a split, a single-file dataset, a model', async () => {
    for (const content of ['two', '{"train":[],"test":[]}', 'x,y\n', 'weights']) await rm(folder.objectOf(content));
    const { result } = await verify();
    assert.deepEqual(
      result.problems.map(({ subject, relpath }) => [subject, relpath]),
      [
        ['dataset:digits@v1', 'a/two\n.txt'],
        ['split:digits@v2', undefined],
        ['output:r1/model', 'weights.bin'],
        ['model:digits@v1', 'weights.bin'],
        ['dataset:table@v1', undefined],
      ],
    );
    for (const { message } of result.problems) assert.match(message, /is not there$/);
  });

  it('finds a manifest that is gone or damaged', async () => {
    const { md5 } = await storeFiles(folder.objects, { 'weights.bin': 'weights' });
    const manifest = folder.objects.localPath(`${md5}.dir`);
    await overwrite(manifest, '[]');
    assert.match((await verify()).result.problems[0]!.message, /^the manifest .* is damaged/);
    await rm(manifest);
    const { result } = await verify();
    assert.match(result.problems[0]!.message, /^the manifest .*\.dir is not there$/);
  });

  it('finds a folder whose manifest has its md5, but whose files do not have the sha256 of the receipt', async () => {
    const { md5 } = await storeFiles(folder.objects, { x: 'x' });
    const other = await storeFiles(folder.objects, { x: 'y' });
    await folder.append([
      draft('dataset.added', 'dataset:odd@v1', { digest: { md5, sha256: other.sha256 }, evidence: { folder: true } }),
    ]);
    const { result } = await verify();
    assert.deepEqual(
      result.problems.map(({ subject }) => subject),
      ['dataset:odd@v1'],
    );
    assert.match(result.problems[0]!.message, /^the folder has the sha256 [0-9a-f]{64} by its bytes, its receipt says/);
  });

  it('finds a single file that has its md5, but not the sha256 of the receipt', async () => {
    const { digest: md5 } = await folder.objects.put(Buffer.from('a,b\n'));
    const { sha256 } = await folder.objects.put(Buffer.from('c,d\n'));
    await folder.append([
      draft('dataset.added', 'dataset:odd@v1', { digest: { md5, sha256 }, evidence: { folder: false } }),
    ]);
    const { result } = await verify();
    assert.match(result.problems[0]!.message, /^the file has the sha256 [0-9a-f]{64} by its bytes, its receipt says/);
  });

  it('takes no file for the manifest of a folder, even if it has the same bytes', async () => {
    const { md5 } = await storeFiles(folder.objects, { 'weights.bin': 'weights' });
    const manifest = folder.objects.localPath(`${md5}.dir`);
    await folder.objects.putFile(manifest);
    await rm(manifest);
    await folder.append([
      draft('dataset.added', 'dataset:odd@v1', { digest: { md5, sha256: 'a'.repeat(64) }, evidence: { folder: true } }),
    ]);
    const { result } = await verify();
    assert.match(
      result.problems.find(({ subject }) => subject === 'dataset:odd@v1')!.message,
      /^the manifest .*\.dir is not there$/,
    );
  });

  it('finds the last receipts gone where their number is remembered beside the database', async () => {
    const [added] = await folder.append([draft('run.finished', 'run:r2')]);
    await writeFile(path.join(folder.root, 'heads.json'), JSON.stringify({ digits: { seq: 7, id: added!.id } }));
    assert.equal((await verify()).status, 0);
    const database = new DatabaseSync(path.join(folder.root, 'slipway.db'));
    database.exec('DELETE FROM receipt WHERE seq = 7');
    database.close();
    const { status, result } = await verify();
    assert.equal(status, 1);
    assert.match(
      result.problems[0]!.message,
      /^The last receipt of digits that was written, number 7 .* is not in the database/,
    );
  });

  it('expects no bytes of what was deleted, and says who deleted it', async () => {
    await folder.append([draft('deleted', 'dataset:table@v1')]);
    await rm(folder.objectOf('x,y\n'));
    const { status, result } = await verify();
    assert.equal(status, 0);
    assert.deepEqual(
      result.deleted.map(({ subject }) => subject),
      ['dataset:table@v1'],
    );
    const { stdout } = await runCli(['receipts', 'verify', '--data', folder.root]);
    assert.match(stdout, /^dataset:table@v1: deleted by digits\/7$/m);
  });

  it('finds a receipt that was taken out of the database, and one that was changed in it', async () => {
    const database = new DatabaseSync(path.join(folder.root, 'slipway.db'));
    const { envelope } = database.prepare('SELECT envelope FROM receipt WHERE seq = 4').get() as { envelope: string };
    const parsed = JSON.parse(envelope) as { payload: string };
    const payload = Buffer.from(Buffer.from(parsed.payload, 'base64').toString().replace('"done"', '"fine"')).toString(
      'base64',
    );
    database.prepare('UPDATE receipt SET envelope = ? WHERE seq = 4').run(JSON.stringify({ ...parsed, payload }));
    database.prepare('DELETE FROM receipt WHERE seq = 2').run();
    database.close();
    const { status, result } = await verify();
    const told = result.problems.map(({ seq, message }) => `${seq} ${message}`);
    assert.equal(status, 1);
    assert.ok(told.includes('3 receipt 2 before it is missing'), told.join('\n'));
    assert.ok(told.includes('4 the signature is wrong'), told.join('\n'));
    assert.ok(told.includes('5 the receipt before it (4) is not the one that it names'), told.join('\n'));
  });

  it('tells a damaged, an empty and a missing database as such', async () => {
    const file = path.join(folder.root, 'slipway.db');
    // A page of a table that no receipt is in.
    const database = new DatabaseSync(file);
    const { rootpage } = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'event'").get() as {
      rootpage: number;
    };
    const { page_size: pageSize } = database.prepare('PRAGMA page_size').get() as { page_size: number };
    database.close();
    const bytes = await readFile(file);
    await writeFile(file, bytes.fill(0xa5, (rootpage - 1) * pageSize, rootpage * pageSize));
    const code = async () =>
      (JSON.parse((await runCli(['receipts', 'verify', '--data', folder.root, '--json'])).stdout) as { code: string })
        .code;
    assert.equal(await code(), 'store.damaged');
    await truncate(file, 0);
    assert.equal(await code(), 'store.damaged');
    await rm(file);
    assert.equal(await code(), 'store.missing');
  });

  describe('of an export', () => {
    let file = '';
    beforeEach(async () => {
      file = path.join(folder.root, 'receipts.jsonl');
      const sealed = seal([draft('run.finished', 'run:r1'), draft('run.finished', 'run:r2')], folder.key);
      const { keyid, spki } = folder.key;
      const lines = [{ keys: [{ keyid, spki }] }, ...sealed.map((one) => one.envelope)];
      await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    });

    const run = (...line: string[]) => runCli(['receipts', 'verify', file, ...line]);

    it('is consistent with status 3 while nobody says whose signature to expect', async () => {
      const { status, stdout } = await run();
      assert.equal(status, 3);
      assert.match(stdout, /2 receipts in 1 chain: consistent, signer not checked, bytes not checked/);
    });

    it('has status 0 for the expected key, by file or id, and 1 for another', async () => {
      const pem = path.join(folder.root, 'keys', 'receipts.pub.pem');
      assert.equal((await run('--key', pem)).status, 0);
      assert.equal((await run('--keyid', folder.key.keyid)).status, 0);
      await writeFile(pem, newKey().pem);
      const { status, stdout } = await run('--key', pem);
      assert.equal(status, 1);
      assert.match(stdout, /which is not the expected key/);
      assert.equal((await run('--keyid', newKey().keyid)).status, 1);
      assert.equal((await run('--keyid', 'abc')).status, 2);
    });

    it('has status 1 for a line that was changed, cut off or taken out', async () => {
      const text = await readFile(file, 'utf8');
      const lines = text.trimEnd().split('\n');
      for (const broken of [text.replace('"sig":"', '"sig":"A'), text.slice(0, -20), [lines[0], lines[2]].join('\n')]) {
        await writeFile(file, broken);
        assert.equal((await run()).status, 1, broken);
      }
    });

    it('is refused when it does not begin with keys, or is not there', async () => {
      await writeFile(file, '');
      assert.match((await run()).stderr, /does not begin with a line of keys/);
      await rm(file);
      assert.match((await run()).stderr, /cannot be read/);
    });
  });
});
