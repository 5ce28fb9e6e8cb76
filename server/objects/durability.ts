import { spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';

/** Has a file or folder written to the disk. A folder's sync makes the names in it durable. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Has many new files written to the disk: on Linux by one `sync -f` (syncfs(2)) of their file system, which is much
 * faster than one fsync a file; elsewhere, or where there is no `sync`, by an fsync each. Blocks: for threads only.
 */
export function syncManyFiles(folder: string, paths: Iterable<string>): void {
  if (process.platform === 'linux' && spawnSync('sync', ['-f', '--', folder], { stdio: 'ignore' }).status === 0) return;
  for (const path of paths) {
    const fd = openSync(path, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}
