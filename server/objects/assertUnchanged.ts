import { statSync } from 'node:fs';
import { SlipwayError } from '../protocol/errors.ts';
import { isSameState } from './fileTable.ts';
import { isRacilyClean } from './statIndex.ts';
import { changedDuringAdd } from './storeFile.ts';
import { visitDataset, type Walk } from './walk.ts';

/**
 * A version is what the files were at one moment, the end of the walk: nothing may have come, gone or changed since.
 *
 * Files that were read were seen unchanged after that moment, by the reading. The others were last seen in the walk and
 * are looked at again; only when nothing at all was read the moment may as well be the walk's beginning, at which they
 * were what they were still at their turn. Names come and go with their folder's mtime, so folders are looked at, not
 * listed; but one that was written to just before it was listed may have been so once more in the same tick of the
 * clock. Then everything is listed again.
 *
 * @param isRead whether a row was read after the walk
 * @throws SlipwayError `dataset.changedDuringAdd`
 */
export function assertUnchanged(
  walk: Walk,
  isRead: (row: number) => boolean,
  startedAtMs: number,
  checkpoint: () => void,
): void {
  const { files, folders, root, isSingleFile } = walk;
  const canCompareFolders = folders.every(
    ({ path, state }) => !isRacilyClean(state, startedAtMs) && isSameStateNow(path, state),
  );
  if (!canCompareFolders || isSingleFile) {
    assertSameListing(walk, checkpoint);
    return;
  }
  let hasRead = false;
  for (let row = 0; row < files.count && !hasRead; row++) hasRead = isRead(row);
  if (!hasRead) return;
  for (let row = 0; row < files.count; row++) {
    if (isRead(row)) continue;
    const path = `${root}/${files.name(row)}`;
    if (!isSameStateNow(path, files.state(row))) throw changedDuringAdd(path);
  }
}

function isSameStateNow(path: string, state: Parameters<typeof isSameState>[0]): boolean {
  const now = statSync(path, { throwIfNoEntry: false });
  return now !== undefined && isSameState(now, state);
}

function assertSameListing(walk: Walk, checkpoint: () => void): void {
  const { files, root, isSingleFile } = walk;
  let rows: Map<string, number> | null = null;
  let next = 0;
  let count = 0;
  const rowOf = (relpath: string): number | undefined => {
    if (next < files.count && files.name(next) === relpath) return next++;
    // The order differs: something came or went, or the file system gives another order each time.
    rows ??= new Map(Array.from({ length: files.count }, (_, row) => [files.name(row), row]));
    return rows.get(relpath);
  };
  const seen = new Uint8Array(files.count);
  const pathOf = (relpath: string) => (isSingleFile ? root : `${root}/${relpath}`);
  try {
    visitDataset(root, {
      onFile: (relpath, state) => {
        const row = rowOf(relpath);
        if (row === undefined || !files.isInState(row, state)) throw changedDuringAdd(pathOf(relpath));
        seen[row] = 1;
        count++;
      },
      checkpoint,
    });
  } catch (error) {
    // A folder that is gone by now is a change like any other.
    const isChange = error instanceof SlipwayError && !/cancelled|changedDuringAdd/.test(error.code);
    throw isChange ? changedDuringAdd(root, error) : error;
  }
  if (count < files.count) throw changedDuringAdd(pathOf(files.name(seen.indexOf(0))));
}
