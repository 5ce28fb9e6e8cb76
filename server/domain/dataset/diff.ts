import { type DirEntry, sortByRelpath } from './manifest.ts';

/** What happened to a dataset's files between two versions; every list in code-point order of the (new) name. */
export interface ManifestDiff {
  added: string[];
  changed: string[];
  removed: string[];
  moved: { from: string; to: string }[];
}

/**
 * Compares two versions of a dataset by name and digest. A name that is gone while its bytes appear under a new name
 * is a move; of several files with the same bytes the first gone goes with the first new.
 */
export function diffManifests(before: readonly DirEntry[], after: readonly DirEntry[]): ManifestDiff {
  const old = new Map(before.map((entry) => [entry.relpath, entry.md5]));
  const now = new Map(after.map((entry) => [entry.relpath, entry.md5]));
  const diff: ManifestDiff = { added: [], changed: [], removed: [], moved: [] };

  const goneByDigest = new Map<string, string[]>();
  for (const { relpath, md5 } of sortByRelpath(before)) {
    if (now.has(relpath)) continue;
    const gone = goneByDigest.get(md5);
    if (gone) gone.push(relpath);
    else goneByDigest.set(md5, [relpath]);
  }
  const movedFrom = new Set<string>();
  for (const { relpath, md5 } of sortByRelpath(after)) {
    const oldDigest = old.get(relpath);
    if (oldDigest === md5) continue;
    if (oldDigest !== undefined) {
      diff.changed.push(relpath);
      continue;
    }
    const from = goneByDigest.get(md5)?.shift();
    if (from === undefined) {
      diff.added.push(relpath);
    } else {
      diff.moved.push({ from, to: relpath });
      movedFrom.add(from);
    }
  }
  for (const { relpath } of sortByRelpath(before)) {
    if (!now.has(relpath) && !movedFrom.has(relpath)) diff.removed.push(relpath);
  }
  return diff;
}
