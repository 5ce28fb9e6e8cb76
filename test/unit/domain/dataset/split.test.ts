import assert from 'node:assert/strict';
import fc from 'fast-check';
import { findLeakage } from '../../../../server/domain/dataset/leakage.ts';
import type { DirEntry } from '../../../../server/domain/dataset/manifest.ts';
import { splitDataset } from '../../../../server/domain/dataset/split.ts';
import type { SplitSpec } from '../../../../server/protocol/slipwayFile.ts';

const distinct = (...names: string[]): DirEntry[] =>
  names.map((relpath) => ({ relpath, md5: Buffer.from(relpath).toString('hex').padStart(32, '0').slice(-32) }));
const numbered = (folder: string, count: number) =>
  distinct(...Array.from({ length: count }, (_, i) => `${folder}/${String(i).padStart(4, '0')}.png`));

/** Datasets of some classes, in which several files may have the same bytes. */
const datasets = fc
  .array(fc.record({ label: fc.constantFrom('ant', 'bee', 'cat'), content: fc.nat(60) }), {
    minLength: 4,
    maxLength: 60,
  })
  .map((items) =>
    items.map(({ label, content }, i) => ({ relpath: `${label}/${i}`, md5: content.toString(16).padStart(32, '0') })),
  )
  .filter((files) => new Set(files.map(({ md5 }) => md5)).size > 3);

const random: SplitSpec = { strategy: 'random', test: 0.2, seed: 7 };
const stratified: SplitSpec = { strategy: 'stratified', by: 'label', test: 0.2, seed: 7 };

describe('dataset split', function () {
  this.timeout(30_000);
  it('puts every file on exactly one side, the same way in whatever order the files come', () => {
    fc.assert(
      fc.property(datasets, fc.constantFrom(random, stratified), fc.nat(), (files, spec, rotation) => {
        const at = rotation % files.length;
        const split = splitDataset(files, spec);
        assert.deepEqual([...split.train, ...split.test].sort(), files.map(({ relpath }) => relpath).sort());
        assert.deepEqual(splitDataset([...files.slice(at), ...files.slice(0, at)], spec), split);
      }),
    );
  });

  it('never has the same bytes on both sides', () => {
    fc.assert(
      fc.property(datasets, fc.constantFrom(random, stratified), (files, spec) => {
        assert.equal(findLeakage(files, splitDataset(files, spec)).verdict, 'none');
      }),
    );
  });

  it('gives the exact share, at random and for each class by the largest remainder', () => {
    assert.equal(splitDataset(numbered('a', 30), { ...random, test: 0.1 }).test.length, 3);
    const files = [...numbered('ant', 11), ...numbered('bee', 13), ...numbered('cat', 6)];
    // 2.2 + 2.6 + 1.2 = 6 files: 2 + 2 + 1, and the last one to the largest remainder.
    assert.deepEqual(splitDataset(files, stratified).classes, {
      ant: { train: 9, test: 2 },
      bee: { train: 10, test: 3 },
      cat: { train: 5, test: 1 },
    });
  });

  it('takes another selection for another seed, and has a digest that tells them apart', () => {
    const files = numbered('a', 100);
    const one = splitDataset(files, random);
    const other = splitDataset(files, { ...random, seed: 8 });
    assert.notDeepEqual(one.test, other.test);
    assert.notEqual(one.sha256, other.sha256);
    assert.equal(one.sha256, splitDataset(files, random).sha256);
  });

  it('is fixed for all time: the same files and seed give this digest', () => {
    const { sha256, test } = splitDataset(numbered('a', 5), random);
    assert.deepEqual(
      { sha256, test },
      {
        sha256: '0403fc92f977f1869e9548dd93af60620f99674625e95913a93bd42f8b01a03d',
        test: ['a/0003.png'],
      },
    );
  });

  it('keeps the side of every old file in a new version, by its bytes if it was renamed', () => {
    fc.assert(
      fc.property(datasets, fc.constantFrom(random, stratified), (files, spec) => {
        const first = splitDataset(files, spec);
        const renamed = files.map(({ relpath, md5 }) => ({ relpath: `${relpath}.renamed`, md5 }));
        const grown = [...renamed, ...numbered('ant', 20)];
        const second = splitDataset(grown, spec, { files, split: first });
        const oldTest = second.test.filter((name) => name.endsWith('.renamed'));
        assert.deepEqual(oldTest.map((name) => name.replace('.renamed', '')).sort(), [...first.test].sort());
      }),
    );
  });

  it('keeps a file whose bytes changed on its side, and reports one that had to go to where its bytes are', () => {
    const files = numbered('a', 20);
    const first = splitDataset(files, random);
    const [tested, trained] = [first.test[0]!, first.train[0]!];
    const changed = files.map((file) => (file.relpath === tested ? { ...file, md5: 'f'.repeat(32) } : file));
    assert.ok(splitDataset(changed, random, { files, split: first }).test.includes(tested));

    const trainedBytes = files.find(({ relpath }) => relpath === trained)!.md5;
    const copied = files.map((file) => (file.relpath === tested ? { ...file, md5: trainedBytes } : file));
    const second = splitDataset(copied, random, { files, split: first });
    assert.deepEqual(second.moved, [{ relpath: tested, from: 'test', to: 'train' }]);
  });

  it('fills the share with new files when there is a previous split', () => {
    const files = numbered('a', 50);
    const split = splitDataset(files, random);
    const second = splitDataset([...files, ...numbered('b', 50)], random, { files, split });
    assert.equal(second.test.length, 20);
  });

  it('keeps whole groups together', () => {
    const files = ['p1', 'p2', 'p3', 'p4', 'p5'].flatMap((patient) =>
      distinct(`scans/${patient}_a.png`, `scans/${patient}_b.png`),
    );
    const split = splitDataset(files, { strategy: 'group', by: 'scans/{patient}_*.png', test: 0.4, seed: 1 });
    assert.equal(split.test.length, 4);
    assert.equal(findLeakage(files, split, 'scans/{patient}_*').groups, 0);
  });

  it('by time tests on the latest, with equal times on one side, and moves the border on', () => {
    const by = '{day}.csv';
    const spec: SplitSpec = { strategy: 'time', by, test: 0.25, seed: 1 };
    const files = distinct('2024-01.csv', '2024-02.csv', '2024-03.csv', '2024-04.csv');
    const first = splitDataset(files, spec);
    assert.deepEqual(first.test, ['2024-04.csv']);
    const later = splitDataset([...files, ...distinct('2024-05.csv')], spec, { files, split: first });
    assert.deepEqual(later.moved, [{ relpath: '2024-04.csv', from: 'test', to: 'train' }]);
    const days = distinct('a/1', 'b/2', 'c/2', 'd/2');
    assert.deepEqual(splitDataset(days, { ...spec, by: 'name' }).test, ['b/2', 'c/2', 'd/2']);
  });

  it('deals the train side into folds of nearly equal size, each class evenly', () => {
    const files = [...numbered('ant', 50), ...numbered('bee', 25)];
    const { train, folds } = splitDataset(files, { ...stratified, folds: 4 });
    assert.deepEqual(folds!.flat().sort(), train);
    for (const fold of folds!) {
      assert.equal(fold.filter((name) => name.startsWith('ant')).length, 10);
      assert.equal(fold.filter((name) => name.startsWith('bee')).length, 5);
    }
  });

  it('refuses what cannot be split, by name', () => {
    const code = (files: DirEntry[], spec: SplitSpec) => {
      try {
        splitDataset(files, spec);
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    assert.equal(code(numbered('a', 10), { ...random, test: 1 }), 'split.test');
    assert.equal(code(numbered('a', 10), { ...random, test: Number.NaN }), 'split.test');
    assert.equal(code(numbered('a', 10), { ...random, folds: 1 }), 'split.folds');
    assert.equal(code(numbered('a', 10), { ...random, folds: 20 }), 'split.tooSmall');
    assert.equal(code(numbered('a', 10), { strategy: 'time', test: 0.2, seed: 1, folds: 2 }), 'split.folds');
    assert.equal(code(distinct('one'), random), 'split.tooSmall');
    assert.equal(code(distinct('no-folder', 'a/b'), stratified), 'split.noKey');
    assert.equal(code(numbered('a', 10), { ...stratified, by: '*/{a}_{b}' }), 'split.by');
    assert.equal(code(numbered('only', 10), { ...stratified, strategy: 'group' }), 'split.tooSmall');
  });
});

describe('leakage check', () => {
  it('names the same bytes and the same group on both sides', () => {
    const files = [...distinct('p1/a', 'p1/b', 'p2/a'), { relpath: 'p3/copy', md5: distinct('p1/a')[0]!.md5 }];
    const verdict = findLeakage(files, { train: ['p1/a', 'p2/a'], test: ['p1/b', 'p3/copy'] }, 'label');
    assert.deepEqual(verdict, {
      verdict: 'leaks',
      exact: 1,
      groups: 1,
      examples: ['p3/copy (test) has the bytes of p1/a (train)', 'group p1 has 1 files in train and 1 in test'],
    });
  });

  it('counts all offenders and names only some', () => {
    const train = Array.from({ length: 100 }, (_, i) => ({ relpath: `train/${i}`, md5: 'a'.repeat(32) }));
    const test = train.map(({ relpath, md5 }) => ({ relpath: relpath.replace('train', 'test'), md5 }));
    const names = (files: DirEntry[]) => files.map(({ relpath }) => relpath);
    const { exact, examples } = findLeakage([...train, ...test], { train: names(train), test: names(test) });
    assert.equal(exact, 100);
    assert.equal(examples.length, 20);
  });
});
