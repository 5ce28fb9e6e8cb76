import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Walk, walkDataset } from '../../../server/objects/walk.ts';
import { testFolder } from './testFolder.ts';

describe('dataset walk', () => {
  const folder = testFolder();
  const namesOf = ({ files }: Walk) => Array.from({ length: files.count }, (_, row) => files.name(row)).sort();
  const walked = (path = 'data') => namesOf(walkDataset(join(folder.path, path)));

  it('lists the files of a folder, hidden ones too, and no empty folders', () => {
    folder.write({ 'data/a': '1', 'data/.hidden': '2', 'data/sub/b': '3' });
    mkdirSync(join(folder.path, 'data/empty'));
    assert.deepEqual(walked(), ['.hidden', 'a', 'sub/b']);
  });

  it('takes a single file as a dataset', () => {
    folder.write({ 'table.csv': '1' });
    const walk = walkDataset(join(folder.path, 'table.csv'));
    assert.deepEqual([walk.isSingleFile, namesOf(walk)], [true, ['table.csv']]);
  });

  it('never takes version control, DVC itself, or a DVC repository inside for data', () => {
    folder.write({ 'data/a': '1', 'data/.git/x': '', 'data/.dvc/x': '', 'data/.hg/x': '' });
    folder.write({ 'data/repository/.dvc/config': '', 'data/repository/b': '' });
    assert.deepEqual(walked(), ['a']);
  });

  it('obeys .dvcignore from the repository root down, the nearest file with a say', () => {
    folder.write({ '.dvc/config': '', '.dvcignore': '*.tmp\n/data/raw\nbuild/\n' });
    folder.write({ 'data/a': '', 'data/b.tmp': '', 'data/B.TMP': '', 'data/raw/c': '', 'data/build/d': '' });
    folder.write({
      'data/keep/.dvcignore': '!e.tmp\n',
      'data/keep/e.tmp': '',
      'data/keep/f.tmp': '',
      'data/x/build': '',
    });
    assert.deepEqual(walked(), ['B.TMP', 'a', 'keep/e.tmp', 'x/build']);
  });

  it('follows a link to a file inside, does not enter a link to a folder, refuses links that lead out or nowhere', () => {
    folder.write({ 'data/sub/a': '1', secret: 's' });
    symlinkSync('sub/a', join(folder.path, 'data/inside'));
    symlinkSync('sub', join(folder.path, 'data/folder'));
    assert.deepEqual(walked(), ['inside', 'sub/a']);
    assert.deepEqual(walkDataset(join(folder.path, 'data')).folderLinks, ['folder']);
    symlinkSync('../secret', join(folder.path, 'data/outside'));
    assert.throws(() => walked(), { code: 'dataset.link', message: /data\/outside .*secret/ });
  });

  it('refuses a link that leads nowhere, by name', () => {
    folder.write({ 'data/a': '1' });
    symlinkSync('gone', join(folder.path, 'data/dangling'));
    assert.throws(() => walked(), { message: /data\/dangling/ });
  });

  it('refuses a name that is not UTF-8, by its bytes', () => {
    folder.write({ 'data/a': '1' });
    writeFileSync(Buffer.concat([Buffer.from(join(folder.path, 'data/bad-')), Buffer.from([0xff])]), '');
    assert.throws(() => walked(), { code: 'dataset.fileName', message: /bad-\\xff in .*data/ });
  });

  it('refuses what is neither file nor folder, what is empty, and what is not there', () => {
    folder.write({ 'pipes/a': '1', 'ignored/.dvcignore': '*' });
    execFileSync('mkfifo', [join(folder.path, 'pipes/fifo')]);
    mkdirSync(join(folder.path, 'empty/sub'), { recursive: true });
    assert.throws(() => walked('pipes'), { code: 'dataset.specialFile', message: /fifo/ });
    assert.throws(() => walked('empty'), { code: 'dataset.empty' });
    assert.throws(() => walked('ignored'), { code: 'dataset.empty' });
    assert.throws(() => walked('gone'), { code: 'dataset.notFound', message: /gone/ });
  });
});
