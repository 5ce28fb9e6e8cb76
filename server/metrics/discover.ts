import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';

/** What a log folder holds: its event files by run, and what could not be listed. */
export interface LogdirListing {
  /** All folders, as paths relative to the log folder with `/`; `.` is the log folder itself. */
  folders: string[];
  /** Event files by run (a folder with event files; `.` is the log folder itself), both in byte order of names. */
  runs: Map<string, string[]>;
  /** Folders that exist and cannot be read. */
  unreadable: { folder: string; error: Error }[];
}

/** Whether TensorBoard would read a file of this name. */
export function isEventFile(name: string): boolean {
  return name.includes('tfevents') && !name.endsWith('.profile-empty');
}

/** The path of a name in a run's folder, relative to the log folder. */
export function pathInRun(run: string, name: string): string {
  return run === '.' ? name : `${run}/${name}`;
}

/**
 * Lists a log folder, or what is below its folder `from`. Links to folders are followed, as TensorBoard does, but not
 * around in a circle.
 * @param onFolder is told of every folder before it is read
 */
export async function listLogdir(
  logdir: string,
  from = '.',
  onFolder: (folder: string) => void = () => {},
): Promise<LogdirListing> {
  const listing: LogdirListing = { folders: [], runs: new Map(), unreadable: [] };
  const parts = from === '.' ? [] : from.split('/');
  const above = await Promise.all(
    parts.map((_, i) => realpath(path.join(logdir, ...parts.slice(0, i))).catch(() => '')),
  );
  await listFolder(logdir, from, above, listing, onFolder);
  listing.runs = new Map([...listing.runs].sort(([a], [b]) => byteOrder(a, b)));
  return listing;
}

async function listFolder(
  logdir: string,
  folder: string,
  above: string[],
  listing: LogdirListing,
  onFolder: (folder: string) => void,
): Promise<void> {
  const full = path.join(logdir, folder);
  let entries: Dirent[];
  let real: string;
  try {
    real = await realpath(full);
    if (above.includes(real)) return;
    onFolder(folder);
    entries = await readdir(full, { withFileTypes: true });
  } catch (error) {
    // Removed while its parent was read, or no folder: nothing to report.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') listing.unreadable.push({ folder, error: error as Error });
    return;
  }
  listing.folders.push(folder);
  const files: string[] = [];
  for (const entry of entries) {
    const kind = entry.isSymbolicLink() ? await linkTarget(path.join(full, entry.name)) : entry;
    if (kind === undefined) continue;
    if (kind.isDirectory())
      await listFolder(logdir, pathInRun(folder, entry.name), [...above, real], listing, onFolder);
    else if (kind.isFile() && isEventFile(entry.name)) files.push(entry.name);
  }
  if (files.length > 0) listing.runs.set(folder, files.sort(byteOrder));
}

async function linkTarget(link: string) {
  try {
    return await stat(link);
  } catch {
    return undefined; // a link to nowhere names no file
  }
}

/** The order of names in a listing of a shell with LC_ALL=C, and of TensorBoard. */
export function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
