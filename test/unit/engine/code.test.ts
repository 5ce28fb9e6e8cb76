import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readFolder } from '../../../server/engine/bytes.ts';
import { captureCode, readCapturedFile, readCapturedText, readProjectFile } from '../../../server/engine/code.ts';
import { FileStore } from '../../../server/objects/index.ts';

describe('captured code', () => {
  let root: string;
  let folder: string;
  let objects: FileStore;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'slipway-code-'));
    folder = join(root, 'project');
    mkdirSync(folder);
    objects = new FileStore(join(root, 'objects'));
  });
  afterEach(() => rm(root, { recursive: true }));

  function write(files: Record<string, string>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
  }
  function git(...args: string[]): string {
    const as = ['-c', 'user.name=u', '-c', 'user.email=u@example.org', '-c', 'init.defaultBranch=main'];
    return execFileSync('git', ['-C', folder, ...as, ...args], { encoding: 'utf8' }).trim();
  }
  async function captured(leaveOut: string[] = []): Promise<string[]> {
    const { md5 } = await captureCode(objects, folder, leaveOut);
    return (await readFolder(objects, md5)).map(({ relpath }) => relpath).sort();
  }

  for (const isRepository of [true, false]) {
    describe(isRepository ? 'in a git repository' : 'without git', () => {
      beforeEach(() => {
        if (isRepository) git('init', '-q');
      });

      it('leaves out what .gitignore names, and the dataset, and nothing that only begins like it', async () => {
        const code = { 'train.py': 'x', 'data.py': 'x', 'data2/y': 'y', '.gitignore': '*.log\nout/\n' };
        write({ ...code, 'a.log': 'x', 'out/b': 'x', 'data/cat.png': 'x' });
        assert.deepEqual(await captured(['data']), ['.gitignore', 'data.py', 'data2/y', 'train.py']);
      });

      it('obeys the .gitignore of every folder, the nearest one first', async () => {
        write({ '.gitignore': '*.log\n/top.txt\n', 'lib/.gitignore': '!keep.log\n/cache/\nlocal.py\n' });
        write({ 'a.log': 'x', 'top.txt': 'x', 'lib/keep.log': 'x', 'lib/other.log': 'x', 'lib/top.txt': 'x' });
        write({ 'lib/cache/a.py': 'x', 'lib/deep/cache/b.py': 'x', 'lib/deep/local.py': 'x', 'local.py': 'x' });
        assert.deepEqual(await captured(), [
          '.gitignore',
          'lib/.gitignore',
          'lib/deep/cache/b.py',
          'lib/keep.log',
          'lib/top.txt',
          'local.py',
        ]);
      });

      it('follows a link to a file, and leaves out links to folders and to nowhere', async () => {
        write({ 'train.py': 'x', 'lib/a.py': 'a' });
        writeFileSync(join(root, 'shared.py'), 'shared');
        symlinkSync('../shared.py', join(folder, 'shared.py'));
        symlinkSync('lib', join(folder, 'linked'));
        symlinkSync('nowhere', join(folder, 'broken'));
        assert.deepEqual(await captured(), ['lib/a.py', 'shared.py', 'train.py']);
        const { md5 } = await captureCode(objects, folder);
        assert.equal(await readCapturedText(objects, md5, 'shared.py'), 'shared');
      });

      it('takes names in any script, with spaces and line breaks', async () => {
        const names = ['a b.py', 'line\nbreak.py', '훈련.py', '🙂.py'].sort();
        write(Object.fromEntries(names.map((name) => [name, 'x'])));
        assert.deepEqual(await captured(), names);
      });

      it('refuses a name that is not UTF-8, rather than leaving the file out', async () => {
        write({ 'train.py': 'x' });
        writeFileSync(Buffer.concat([Buffer.from(`${folder}/bad`), Buffer.from([0xff]), Buffer.from('.py')]), 'x');
        await assert.rejects(captured(), { code: 'code.badName', message: /bad.\.py/ });
      });

      it('refuses more than 100 MB and names the largest files', async () => {
        write({ 'train.py': 'x', 'small.bin': '', 'big/weights.bin': '' });
        truncateSync(join(folder, 'big/weights.bin'), 90e6);
        truncateSync(join(folder, 'small.bin'), 20e6);
        await assert.rejects(captured(), {
          code: 'code.tooLarge',
          message: /110 MB; the largest files are big\/weights\.bin \(90 MB\), small\.bin \(20 MB\)/,
        });
      });

      it('refuses a folder without code', async () => {
        await assert.rejects(captured(), { code: 'code.empty' });
      });
    });
  }

  it('names the commit, and whether the files differ from it', async () => {
    write({ 'train.py': 'x' });
    git('init', '-q');
    assert.equal((await captureCode(objects, folder)).commit, undefined);
    git('add', '.');
    git('commit', '-qm', 'first');
    const clean = await captureCode(objects, folder);
    assert.deepEqual([clean.commit, clean.changed], [git('rev-parse', 'HEAD'), false]);
    write({ 'train.py': 'y' });
    const changed = await captureCode(objects, folder);
    assert.deepEqual([changed.commit, changed.changed], [clean.commit, true]);
    assert.notEqual(changed.md5, clean.md5);
  });

  it('is captured from a folder inside a repository with names relative to the folder, without deleted files', async () => {
    write({ 'top.py': 'x', 'sub/train.py': 'x', 'sub/gone.py': 'x' });
    git('init', '-q');
    git('add', '.');
    await rm(join(folder, 'sub/gone.py'));
    folder = join(folder, 'sub');
    assert.deepEqual(await captured(), ['train.py']);
  });

  it('has the digest that sha256sum gives for the listing of its files', async () => {
    write({ 'a.py': 'x', 'lib/b\\c.py': 'y' });
    const { sha256 } = await captureCode(objects, folder);
    const list = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1";
    assert.equal(sha256, execFileSync('/bin/sh', ['-c', list], { cwd: folder, encoding: 'utf8' }).trim());
  });

  it('is the same for the same bytes, wherever they lie', async () => {
    write({ 'a.py': 'x', 'b.py': 'y' });
    const first = await captureCode(objects, folder);
    folder = join(root, 'elsewhere');
    write({ 'b.py': 'y', 'a.py': 'x' });
    assert.deepEqual(await captureCode(objects, folder), first);
  });

  it('gives its slipway.yaml back, or says that it has none', async () => {
    write({ 'slipway.yaml': 'project: digits\n' });
    const { md5 } = await captureCode(objects, folder);
    assert.equal((await readCapturedFile(objects, md5)).project, 'digits');
    assert.equal((await readProjectFile(folder)).project, 'digits');
    await assert.rejects(readProjectFile(root), { code: 'yaml.missing', status: 404 });
  });
});
