import { chmod, lstat, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isNoEntry } from './fileStore.ts';
import { objectPath } from './layout.ts';
import { type CheckoutEntry, siblingOf, writeFiles } from './writeFiles.ts';

/**
 * The folder with a version's files for runs to read: built once for each digest, read-only, shared by all that ask.
 *
 * @param digest the version's, as DVC names it
 * @returns its path, `CACHE_FOLDER/<digest>`
 * @throws SlipwayError `object.digest`, `dataset.manifest`, `object.missing`, `checkout.noRoom`
 */
export async function materialize(
  storeRoot: string,
  entries: readonly CheckoutEntry[],
  digest: string,
  cacheFolder: string,
  signal?: AbortSignal,
): Promise<string> {
  objectPath(storeRoot, digest);
  const folder = join(cacheFolder, digest);
  if (await isFolder(folder)) return folder;
  const temporary = siblingOf(folder);
  try {
    await writeFiles(storeRoot, entries, temporary, 0o444, signal);
    await chmodFolders(temporary, 0o555);
    await rename(temporary, folder);
  } catch (error) {
    // Another one was faster: rename(2) refuses to replace a folder that is not empty.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  } finally {
    await removeMaterialized(temporary);
  }
  return folder;
}

/** Removes a folder of {@link materialize}; nothing happens when it is not there. */
export async function removeMaterialized(folder: string): Promise<void> {
  if (!(await isFolder(folder))) return;
  await chmodFolders(folder, 0o755);
  await rm(folder, { recursive: true, force: true });
}

async function chmodFolders(folder: string, mode: number): Promise<void> {
  // Opened before and closed after its contents, since a folder without x hides them.
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await chmodFolders(join(folder, entry.name), mode);
  }
  await chmod(folder, mode);
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (isNoEntry(error)) return false;
    throw error;
  }
}
