import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';

/** Is told the folder (relative, `.` for the root) and the name in it that was made, removed or written to. */
export type OnChange = (folder: string, name: string, isNewOrGone: boolean) => void;

/**
 * Watches folders under a root, one kernel watch each (a recursive fs.watch would watch every file on Linux). Where
 * the kernel cannot (a network file system, no watches left) there are no events: the caller looks again by itself.
 */
export class FolderWatch {
  private readonly watchers = new Map<string, FSWatcher>();
  private readonly root: string;
  private readonly onChange: OnChange;

  constructor(root: string, onChange: OnChange) {
    this.root = root;
    this.onChange = onChange;
  }

  /** Starts watching a folder; does nothing where it is watched or cannot be. */
  add(folder: string): void {
    if (this.watchers.has(folder)) return;
    let watcher: FSWatcher;
    try {
      watcher = watch(path.join(this.root, folder));
    } catch {
      return; // the caller's slow look covers it
    }
    watcher.on('change', (kind, name) => {
      if (name !== null) this.onChange(folder, String(name), kind === 'rename');
    });
    watcher.on('error', () => this.drop(folder, watcher));
    this.watchers.set(folder, watcher);
  }

  /** Ends watching a folder and all below it: what comes back under that name is another folder. */
  removeTree(folder: string): void {
    for (const [watched, watcher] of this.watchers) {
      if (folder === '.' || watched === folder || watched.startsWith(`${folder}/`)) this.drop(watched, watcher);
    }
  }

  close(): void {
    this.removeTree('.');
  }

  private drop(folder: string, watcher: FSWatcher): void {
    watcher.close();
    if (this.watchers.get(folder) === watcher) this.watchers.delete(folder);
  }
}
