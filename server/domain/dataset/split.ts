// Divides a dataset version into train and test, the same way on every machine: files are put in the order of a hash
// of the seed and their digest, and dealt out in that order. Pure. Called by the engine (`dataset split`, runs).
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { SlipwayError } from '../../protocol/errors.ts';
import type { SplitSpec } from '../../protocol/slipwayFile.ts';
import { type FileKey, fileKey } from './fileKey.ts';
import { compareCodePoints, type DirEntry, sortByRelpath } from './manifest.ts';

/** The sides of a split: names in code-point order. Fold i: validate on `folds[i]`, train on the rest of `train`. */
export interface Split {
  train: string[];
  test: string[];
  folds?: string[][];
}

export interface SplitResult extends Split {
  spec: SplitSpec;
  /** Files of each class (stratified) on each side. */
  classes: Record<string, { train: number; test: number }>;
  /** Files that were in the previous version of the dataset and are now on the other side. */
  moved: { relpath: string; from: Side; to: Side }[];
  /** SHA-256 of the RFC 8785 JSON of {@link splitDocument}. */
  sha256: string;
}

export type Side = 'train' | 'test';

/** The version before and how it was split: its files keep their side. */
export interface PreviousSplit {
  files: readonly DirEntry[];
  split: Split;
}

/**
 * Splits a dataset version.
 *
 * - `random`, `stratified`: exactly `round(test · files)` go to test; stratified, each class gets its share by the
 *   largest remainder. Files with the same bytes stay together, so no test file is also trained on; only where that
 *   leaves no other way do the counts differ from the share.
 * - `group`: whole groups, as many as fit into the share.
 * - `time`: the files with the highest keys, as text; the same key stays on one side.
 *
 * With a previous split, a file keeps its side (by its bytes, else by its name) and only new files are dealt out. What
 * was trained on is never tested on: if both sides knew the bytes, train has them. By `time` the border moves on
 * instead, and the files it passed are in `moved`.
 *
 * Classes, groups and times are read from the names by `spec.by` (see {@link fileKey}): by default `label`, for time
 * `name`. With `folds`, the train side is dealt into that many folds.
 *
 * @throws SlipwayError `split.test`, `split.folds`, `split.by`, `split.noKey`, `split.tooSmall`
 */
export function splitDataset(files: readonly DirEntry[], spec: SplitSpec, previous?: PreviousSplit): SplitResult {
  checkSpec(spec);
  const sorted = sortByRelpath(files);
  const keys = spec.strategy === 'random' ? sorted.map(() => '') : readKeys(sorted, spec);
  const bundles = bundleFiles(sorted, keys, spec);
  const before = previous && sidesBefore(previous);
  const test = spec.strategy === 'time' ? latest(bundles, sorted, spec) : dealOut(bundles, sorted, keys, spec, before);

  const side = (index: number): Side => (test.has(index) ? 'test' : 'train');
  const split: Split = { train: [], test: [] };
  sorted.forEach((file, index) => void split[side(index)].push(file.relpath));
  if (split.train.length === 0 || split.test.length === 0) {
    throw new SlipwayError(
      'split.tooSmall',
      `The ${files.length} files cannot be split: one side would be empty.`,
      'Add files, choose another share for `test`, or another `by`.',
    );
  }
  if (spec.folds !== undefined) split.folds = makeFolds(bundles, sorted, spec, test);

  const moved = sorted.flatMap(({ relpath }, index) => {
    const from = before?.byName.get(relpath);
    return from !== undefined && from !== side(index) ? [{ relpath, from, to: side(index) }] : [];
  });
  const classes = spec.strategy === 'stratified' ? countClasses(keys, side) : {};
  const sha256 = createHash('sha256').update(splitDocument(spec, split)).digest('hex');
  return { ...split, spec, classes, moved, sha256 };
}

/** The split as RFC 8785 JSON: what its digest covers and what is stored. */
export function splitDocument(spec: SplitSpec, { train, test, folds }: Split): string {
  return canonicalize({ spec, train, test, ...(folds && { folds }) })!;
}

/** Files that go to one side together, as indexes; `rank` is the hash that orders them. */
interface Bundle {
  rank: string;
  key: string;
  members: number[];
}

function checkSpec({ strategy, test, folds }: SplitSpec): void {
  if (!(test > 0 && test < 1)) {
    throw new SlipwayError('split.test', `The split's test share is ${test}.`, 'Use a share between 0 and 1, as 0.2.');
  }
  if (folds !== undefined && !(Number.isInteger(folds) && folds >= 2)) {
    throw new SlipwayError('split.folds', `The split has ${folds} folds.`, 'Use a whole number from 2 on.');
  }
  if (folds !== undefined && strategy === 'time') {
    throw new SlipwayError(
      'split.folds',
      'A split by time has no folds: a model would be trained on files later than those it is checked with.',
      'Leave `folds` out, or choose another strategy.',
    );
  }
}

function readKeys(files: readonly DirEntry[], spec: SplitSpec): string[] {
  const by = spec.by ?? (spec.strategy === 'time' ? 'name' : 'label');
  const key: FileKey = fileKey(by);
  const keys = files.map(({ relpath }) => key(relpath));
  const keyless = files.filter((_, index) => keys[index] === null);
  if (keyless.length > 0) {
    const names = keyless.slice(0, 3).map(({ relpath }) => JSON.stringify(relpath));
    throw new SlipwayError(
      'split.noKey',
      `${keyless.length} of ${files.length} files have no "${by}" in their name: ${names.join(', ')}.`,
      'Put them into folders named by it, leave them out by .dvcignore, or choose another `by`.',
    );
  }
  return keys as string[];
}

/** Group and time: by key. Otherwise by digest, so that equal files stay together. In the order of their ranks. */
function bundleFiles(files: readonly DirEntry[], keys: readonly string[], spec: SplitSpec): Bundle[] {
  const isByKey = spec.strategy === 'group' || spec.strategy === 'time';
  const bundles = new Map<string, Bundle>();
  files.forEach(({ md5 }, index) => {
    const id = isByKey ? keys[index]! : md5;
    const bundle = bundles.get(id);
    if (bundle) bundle.members.push(index);
    else bundles.set(id, { rank: rank(spec.seed, id), key: keys[index]!, members: [index] });
  });
  return [...bundles.values()].sort((a, b) => (a.rank < b.rank ? -1 : 1));
}

function rank(seed: number, id: string): string {
  return createHash('sha256').update(`${seed}\0${id}`).digest('hex');
}

interface SidesBefore {
  byName: Map<string, Side>;
  byDigest: Map<string, Side>;
}

function sidesBefore({ files, split }: PreviousSplit): SidesBefore {
  const digests = new Map(files.map(({ relpath, md5 }) => [relpath, md5]));
  const byName = new Map<string, Side>();
  const byDigest = new Map<string, Side>();
  for (const side of ['test', 'train'] as const) {
    for (const relpath of split[side]) {
      byName.set(relpath, side);
      const md5 = digests.get(relpath);
      if (md5 !== undefined) byDigest.set(md5, side);
    }
  }
  return { byName, byDigest };
}

/** The side a bundle's files were on before. A group goes by its names, or by its bytes if it was renamed as a whole. */
function pinnedSide(bundle: Bundle, files: readonly DirEntry[], spec: SplitSpec, before: SidesBefore): Side | null {
  const sidesOf = (sides: (Side | undefined)[]) => sides.filter((side) => side !== undefined);
  const byName = sidesOf(bundle.members.map((index) => before.byName.get(files[index]!.relpath)));
  const byDigest = sidesOf(bundle.members.map((index) => before.byDigest.get(files[index]!.md5)));
  const isRenamedGroup = byName.length === 0 && byDigest.length * 2 > bundle.members.length;
  const known = spec.strategy === 'group' ? (isRenamedGroup ? byDigest : byName) : [...byDigest, ...byName];
  if (known.length === 0) return null;
  if (spec.strategy === 'group') return known.includes('train') ? 'train' : 'test';
  return byDigest[0] ?? (byName.includes('train') ? 'train' : 'test');
}

/** The indexes of the test files: what was there before, then bundle after bundle while all its classes have room. */
function dealOut(
  bundles: readonly Bundle[],
  files: readonly DirEntry[],
  keys: readonly string[],
  spec: SplitSpec,
  before: SidesBefore | undefined,
): Set<number> {
  const classes = spec.strategy === 'stratified' ? keys : keys.map(() => '');
  const room = testQuotas(classes, spec.test);
  const test = new Set<number>();
  const take = (bundle: Bundle) => {
    for (const index of bundle.members) {
      test.add(index);
      room.set(classes[index]!, room.get(classes[index]!)! - 1);
    }
  };

  const free: Bundle[] = [];
  for (const bundle of bundles) {
    const side = before ? pinnedSide(bundle, files, spec, before) : null;
    if (side === 'test') take(bundle);
    if (side === null) free.push(bundle);
  }
  for (const bundle of free) {
    if ([...countBy(bundle.members, (index) => classes[index]!)].every(([key, n]) => n <= room.get(key)!)) take(bundle);
  }
  if (test.size === 0 && free.length > 0) {
    take(free.reduce((least, bundle) => (bundle.members.length < least.members.length ? bundle : least)));
  }
  return test;
}

/** How many files of each class go to test: the exact share rounded down, then one more by the largest remainder. */
function testQuotas(classes: readonly string[], share: number): Map<string, number> {
  const counts = [...countBy(classes, (key) => key)].map(([key, n]) => ({ key, exact: exactShare(n, share) }));
  const quotas = new Map(counts.map(({ key, exact }) => [key, Math.floor(exact)]));
  let left = testTotal(classes.length, share) - [...quotas.values()].reduce((sum, n) => sum + n, 0);
  const byRemainder = counts.sort((a, b) => (b.exact % 1) - (a.exact % 1) || compareCodePoints(a.key, b.key));
  for (const { key } of byRemainder) {
    if (left-- <= 0) break;
    quotas.set(key, quotas.get(key)! + 1);
  }
  return quotas;
}

/** Of n files: the share, at least one on each side. */
function testTotal(n: number, share: number): number {
  return Math.min(Math.max(Math.round(exactShare(n, share)), 1), n - 1);
}

/** n · share without the dust of binary fractions (30 · 0.1 is 3.0000000000000004). */
function exactShare(n: number, share: number): number {
  return Math.round(n * share * 1e9) / 1e9;
}

/** The bundles with the highest keys, until the share is reached; never all of them. */
function latest(bundles: readonly Bundle[], files: readonly DirEntry[], spec: SplitSpec): Set<number> {
  const total = testTotal(files.length, spec.test);
  const test = new Set<number>();
  const descending = [...bundles].sort((a, b) => compareCodePoints(b.key, a.key));
  for (const bundle of descending.slice(0, -1)) {
    if (test.size >= total) break;
    for (const index of bundle.members) test.add(index);
  }
  return test;
}

/** Deals the train side's bundles to the fold that has the fewest files of the bundle's class, then the fewest files. */
function makeFolds(
  bundles: readonly Bundle[],
  files: readonly DirEntry[],
  spec: SplitSpec,
  test: ReadonlySet<number>,
): string[][] {
  const folds = Array.from({ length: spec.folds! }, () => ({
    files: 0,
    ofClass: new Map<string, number>(),
    at: [] as number[],
  }));
  for (const bundle of bundles) {
    if (test.has(bundle.members[0]!)) continue;
    const key = spec.strategy === 'stratified' ? bundle.key : '';
    const fold = folds.reduce((best, other) => {
      const fewer = (other.ofClass.get(key) ?? 0) - (best.ofClass.get(key) ?? 0) || other.files - best.files;
      return fewer < 0 ? other : best;
    });
    fold.at.push(...bundle.members);
    fold.files += bundle.members.length;
    fold.ofClass.set(key, (fold.ofClass.get(key) ?? 0) + bundle.members.length);
  }
  if (folds.some((fold) => fold.files === 0)) {
    throw new SlipwayError(
      'split.tooSmall',
      `The train side is too small for ${spec.folds} folds.`,
      'Use fewer folds.',
    );
  }
  return folds.map((fold) => fold.at.sort((a, b) => a - b).map((index) => files[index]!.relpath));
}

function countClasses(keys: readonly string[], side: (index: number) => Side): SplitResult['classes'] {
  const counts: SplitResult['classes'] = Object.create(null);
  keys.forEach((key, index) => {
    counts[key] ??= { train: 0, test: 0 };
    counts[key][side(index)] += 1;
  });
  return { ...counts };
}

function countBy<Item>(items: readonly Item[], key: (item: Item) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}
