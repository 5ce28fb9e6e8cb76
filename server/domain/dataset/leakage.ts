import type { Split as SplitFacts } from '../../protocol/entities.ts';
import { fileKey } from './fileKey.ts';
import type { DirEntry } from './manifest.ts';
import type { Split } from './split.ts';

/** At most this many examples of each sort are named; the counts count all. */
const MAX_NAMED = 20;

/**
 * Looks for the same bytes and, with `by` (see {@link fileKey}), for the same group on both sides of a split.
 * @throws SlipwayError `split.by`
 */
export function findLeakage(files: readonly DirEntry[], split: Split, by?: string): SplitFacts['leakage'] {
  const exact = sameBytesOnBothSides(files, split);
  const groups = by === undefined ? [] : groupsOnBothSides(split, by);
  return {
    verdict: exact.length + groups.length === 0 ? 'none' : 'leaks',
    exact: exact.length,
    groups: groups.length,
    examples: [...exact.slice(0, MAX_NAMED), ...groups.slice(0, MAX_NAMED)],
  };
}

function sameBytesOnBothSides(files: readonly DirEntry[], split: Split): string[] {
  const digests = new Map(files.map(({ relpath, md5 }) => [relpath, md5]));
  const trained = new Map<string, string>();
  for (const relpath of split.train) {
    const md5 = digests.get(relpath);
    if (md5 !== undefined && !trained.has(md5)) trained.set(md5, relpath);
  }
  return split.test.flatMap((test) => {
    const train = trained.get(digests.get(test) ?? '');
    return train === undefined ? [] : [`${test} (test) has the bytes of ${train} (train)`];
  });
}

function groupsOnBothSides(split: Split, by: string): string[] {
  const key = fileKey(by);
  const counts = new Map<string, { train: number; test: number }>();
  for (const side of ['train', 'test'] as const) {
    for (const relpath of split[side]) {
      const group = key(relpath);
      if (group === null) continue;
      const count = counts.get(group) ?? { train: 0, test: 0 };
      count[side] += 1;
      counts.set(group, count);
    }
  }
  return [...counts]
    .filter(([, { train, test }]) => train > 0 && test > 0)
    .map(([group, { train, test }]) => `group ${group} has ${train} files in train and ${test} in test`);
}
