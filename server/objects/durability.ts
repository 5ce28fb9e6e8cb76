import { spawn } from 'node:child_process';
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
 * faster than one fsync a file; elsewhere, or where there is no `sync`, by an fsync each.
 */
export async function syncManyFiles(folder: string, paths: Iterable<string>): Promise<void> {
  if (process.platform === 'linux' && (await syncFileSystem(folder))) return;
  for (const path of paths) {
    const fd = openSync(path, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}

function syncFileSystem(folder: string): Promise<boolean> {
  return new Promise((settle) => {
    const sync = spawn('sync', ['-f', '--', folder], { stdio: 'ignore' });
    sync.on('error', () => settle(false));
    sync.on('exit', (status) => settle(status === 0));
  });
}
