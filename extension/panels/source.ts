import { stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * Where a file that a stack trace names lies for its reader. Runs execute a snapshot of the project, so that the same
 * file of an open folder, found by the longest common end of the path, comes before the snapshot's own.
 * @param folders the folders that are open
 * @returns an absolute path, or undefined if no such file is there
 */
export async function findSource(file: string, folders: string[]): Promise<string | undefined> {
  const normal = path.normalize(file);
  const inside = folders.some((folder) => normal.startsWith(folder + path.sep));
  if (path.isAbsolute(normal) && inside && (await isFile(normal))) return normal;
  const parts = normal.split(path.sep).filter((part) => part !== '' && part !== '..');
  for (let first = 0; first < parts.length; first++) {
    for (const folder of folders) {
      const candidate = path.join(folder, ...parts.slice(first));
      if (await isFile(candidate)) return candidate;
    }
  }
  return path.isAbsolute(normal) && (await isFile(normal)) ? normal : undefined;
}

async function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
}
