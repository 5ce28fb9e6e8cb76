import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { dirManifest, fileDigests, folderDigests } from '../../../server/domain/dataset/manifest.ts';
import { addedFiles, addFolder, FileStore, findDvcRepository, writeDvcFile } from '../../../server/objects/index.ts';
import { testFolder } from '../../unit/objects/testFolder.ts';

/** The `dvc` of DVC 3 to compare with, as `/path/to/venv/bin/dvc`. */
const DVC = process.env['SLIPWAY_TEST_DVC'];

describe('compatibility with DVC 3', function () {
  this.timeout(120_000);
  const folder = testFolder();
  const at = (name: string) => join(folder.path, name);
  const run = (program: string, ...args: string[]) =>
    execFileSync(program, args, { cwd: folder.path, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const dvc = (...args: string[]) => run(DVC!, ...args);

  before(function () {
    if (!DVC) {
      console.log('      SLIPWAY_TEST_DVC names no dvc to compare with');
      this.skip();
    }
  });
  beforeEach(() => {
    run('git', 'init', '-q', '.');
    dvc('init', '-q');
  });

  /** What `slipway dataset add` does inside a DVC repository. */
  async function addAsSlipway(name: string, cacheFolder: string) {
    const { files: table, isSingleFile } = await addFolder({
      path: at(name),
      storeRoot: cacheFolder,
      statIndexFolder: at('.slipway-index'),
      workerPath: resolve('server/objects/addWorker.ts'),
    });
    const entries = addedFiles(table);
    if (!isSingleFile) await new FileStore(cacheFolder).put(Buffer.from(dirManifest(entries)), 'dir');
    const { digest, files, bytes } = isSingleFile ? fileDigests(entries[0]!) : folderDigests(entries);
    return { digest, bytes, files: isSingleFile ? null : files };
  }

  function writeNastyFolder(): void {
    const names = [
      '\u{1F600}',
      '\uFF21',
      'back\\slash',
      'new\nline',
      'cr\r',
      '"q"',
      '한국어/가',
      'x'.repeat(250),
      'a-b/c',
      'a/c',
    ];
    const files = [...names, 'e\u0301', 'é', 'del\u007f', 'tab\t', '.hidden', '-n', 'skip.tmp', 'raw/no'];
    folder.write(Object.fromEntries(files.map((name) => [`data/${name}`, `content of ${name}`])));
    folder.write({ '.dvcignore': '*.tmp\n/data/raw/\n' });
    mkdirSync(at('data/empty'));
    symlinkSync('a/c', at('data/link'));
    symlinkSync('a', at('data/folder-link'));
  }

  it('makes the same digest and the same manifest as `dvc add`, for nasty names, ignored files and links', async () => {
    writeNastyFolder();
    dvc('add', '-q', 'data');
    const { digest } = await addAsSlipway('data', at('store'));
    assert.match(readFileSync(at('data.dvc'), 'utf8'), new RegExp(`md5: ${digest}\n`));
    const manifest = (root: string) => readFileSync(new FileStore(at(root)).localPath(digest), 'utf8');
    assert.equal(manifest('store'), manifest('.dvc/cache'));
  });

  it("adds into DVC's own cache so that DVC sees nothing left to do and can restore the data", async () => {
    writeNastyFolder();
    dvc('config', 'cache.dir', '../my cache');
    const repository = (await findDvcRepository(at('data')))!;
    assert.equal(repository.cacheFolder, dvc('cache', 'dir').trimEnd());
    await writeDvcFile(at('data'), await addAsSlipway('data', repository.cacheFolder), repository);
    assert.equal(dvc('status', '--json').trim(), '{}');
    run('rm', '-rf', 'data');
    dvc('checkout', '-q');
    assert.equal(readFileSync(at('data/\u{1F600}'), 'utf8'), 'content of \u{1F600}');
    assert.equal(dvc('status', '--json').trim(), '{}');
  });

  for (const name of ['data', 'with space/#odd[1]', '한국', 'yes', '123']) {
    it(`writes the .dvc file and the .gitignore of ${name} as DVC does`, async () => {
      folder.write({ [`${name}/a`]: '1', [`${name}.csv`]: 'a,b\n' });
      const repository = (await findDvcRepository(at(name)))!;
      const written = async (use: () => Promise<unknown> | unknown) => {
        await use();
        return [`${name}.dvc`, `${name}.csv.dvc`, join(dirname(name), '.gitignore')].map((file) =>
          readFileSync(at(file), 'utf8'),
        );
      };
      const byDvc = await written(() => dvc('add', '-q', name, `${name}.csv`));
      run('rm', `${name}.dvc`, `${name}.csv.dvc`, join(dirname(name), '.gitignore'));
      const bySlipway = await written(async () => {
        for (const path of [name, `${name}.csv`]) {
          await writeDvcFile(at(path), await addAsSlipway(path, repository.cacheFolder), repository);
        }
      });
      const unquoted = (texts: string[]) => texts.map((text) => text.replaceAll("'", ''));
      assert.deepEqual(unquoted(bySlipway), unquoted(byDvc));
      assert.equal(dvc('status', '--json').trim(), '{}');
    });
  }

  it('keeps what else stands in a .dvc file, adds no second line to .gitignore, and refuses a foreign file', async () => {
    folder.write({ 'data/a': '1', 'data.dvc': '# ours\nouts:\n- md5: x\n  path: data\nmeta:\n  owner: me\n' });
    const repository = (await findDvcRepository(at('data')))!;
    const output = await addAsSlipway('data', repository.cacheFolder);
    await writeDvcFile(at('data'), output, repository);
    await writeDvcFile(at('data'), output, repository);
    assert.match(readFileSync(at('data.dvc'), 'utf8'), /^# ours\nouts:\n[\s\S]*meta:\n {2}owner: me\n$/);
    assert.equal(readFileSync(at('.gitignore'), 'utf8'), '/data\n');
    assert.equal(dvc('status', '--json').trim(), '{}');
    writeFileSync(at('data.dvc'), 'something: else\n');
    await assert.rejects(writeDvcFile(at('data'), output, repository), { code: 'dvc.file' });
  });
});
