// Both digests of random trees with the nastiest names: DVC's as DVC's own code computes it, the other as a shell does.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import fc from 'fast-check';
import { folderDigests } from '../../../server/domain/dataset/manifest.ts';
import { addedFiles, addFolder } from '../../../server/objects/index.ts';
import { testFolder } from '../../unit/objects/testFolder.ts';

const python = process.env['SLIPWAY_TEST_PYTHON'];

/** Digests of folders, one a line, by the code of `dvc add`. */
const byDvc = `
import sys
from dvc_objects.fs.local import LocalFileSystem
from dvc_data.hashfile.build import build
from dvc_data.hashfile.db import HashFileDB
fs = LocalFileSystem()
odb = HashFileDB(fs, sys.argv[1])
for folder in sys.argv[2:]:
    print(build(odb, folder, fs, "md5", dry_run=True)[2].hash_info.value)
`;

const nastyUnits = [
  '\u{1F600}',
  '\uFF21',
  '\uE000',
  '\uFFFD',
  '\\',
  '\n',
  '\r',
  '"',
  "'",
  ' ',
  '한',
  'é',
  'e\u0301',
  '\t',
  '\u007f',
  '-',
  '.',
  '{',
  'a',
  'b',
  'Z',
  '0',
];
const part = fc
  .array(fc.constantFrom(...nastyUnits), { minLength: 1, maxLength: 12 })
  .map((units) => units.join(''))
  .filter((name) => !/^\.{1,2}$|^\.(git|hg|dvc|dvcignore)$/.test(name));
const tree = fc.dictionary(
  fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
  fc.string({ maxLength: 40 }),
  {
    minKeys: 1,
    maxKeys: 25,
  },
);

describe('digests of random trees', function () {
  this.timeout(120_000);
  const folder = testFolder();

  before(function () {
    if (!python) {
      console.log('      SLIPWAY_TEST_PYTHON names no Python with dvc');
      this.skip();
    }
  });

  /** Leaves out files whose name is another one's folder. */
  function writeTree(root: string, files: Record<string, string>): void {
    const names = Object.keys(files);
    for (const name of names) {
      if (names.some((other) => other.startsWith(`${name}/`))) continue;
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), files[name]!);
    }
  }

  it('are those of DVC and of the shell', async () => {
    const trees = fc.sample(tree, { numRuns: 40, seed: fc.readConfigureGlobal().seed });
    const roots = trees.map((files, i) => {
      const root = join(folder.path, 'trees', `tree-${i}`);
      writeTree(root, files);
      return root;
    });
    const dvc = execFileSync(python!, ['-c', byDvc, join(folder.path, 'odb'), ...roots], { encoding: 'utf8' })
      .trim()
      .split('\n');
    // Added as one folder, which starts one thread and not forty.
    const { files } = await addFolder({
      ...{ path: join(folder.path, 'trees'), storeRoot: null, statIndexFolder: null },
      workerPath: resolve('server/objects/addWorker.ts'),
    });
    const all = addedFiles(files);
    for (const [i, root] of roots.entries()) {
      const prefix = `tree-${i}/`;
      const own = all.filter(({ relpath }) => relpath.startsWith(prefix));
      const { digest, sha256 } = folderDigests(
        own.map((file) => ({ ...file, relpath: file.relpath.slice(prefix.length) })),
      );
      assert.equal(digest, dvc[i], `DVC's digest of ${JSON.stringify(trees[i])}`);
      const command = 'find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum';
      const shell = execFileSync('sh', ['-c', command], { cwd: root, encoding: 'utf8' }).slice(0, 64);
      assert.equal(sha256, shell, `the shell's digest of ${JSON.stringify(trees[i])}`);
    }
  });
});
