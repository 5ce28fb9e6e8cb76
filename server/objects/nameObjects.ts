import { mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncManyFiles } from './durability.ts';

/**
 * Gives whole copies their objects' names: first their bytes go to the disk, so that an object under its name is whole
 * also after a power cut, then the names.
 * @param folder where the copies lie
 * @returns the folders that got names; syncing the file system once more makes the names durable
 */
export async function renameToObjects(
  folder: string,
  copies: readonly { temporary: string; object: string }[],
  made: Set<string> = new Set(),
): Promise<Set<string>> {
  if (copies.length === 0) return made;
  await syncManyFiles(
    folder,
    copies.map(({ temporary }) => temporary),
  );
  for (const { temporary, object } of copies) {
    const parent = dirname(object);
    if (!made.has(parent)) mkdirSync(parent, { recursive: true });
    made.add(parent);
    renameSync(temporary, object);
  }
  return made;
}

/** As {@link renameToObjects}, and the names are durable too. */
export async function nameObjects(
  folder: string,
  copies: readonly { temporary: string; object: string }[],
): Promise<void> {
  if (copies.length > 0) await syncManyFiles(folder, await renameToObjects(folder, copies));
}
