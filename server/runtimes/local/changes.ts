/** Notices changes in a workload's folder. */
import { watch } from 'node:fs';

/**
 * Calls back with the name of what changed, until the returned function is called. Where the kernel has no watch left
 * (ENOSPC, EMFILE), or the file system none at all, it never calls: callers look again by a slow timer as well.
 */
export function onFolderChange(folder: string, changed: (name: string) => void): () => void {
  try {
    const watcher = watch(folder, { persistent: false }, (_type, name) => changed(name ?? ''));
    watcher.on('error', () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => {};
  }
}
