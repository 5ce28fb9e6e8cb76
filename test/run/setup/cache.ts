// The cache folder of the test command: what takes long to install is kept here, outside the checkout, once per
// version. An entry is installed under a temporary name and renamed when complete: an interrupted install leaves no
// half entry, and two runs at the same time do not disturb each other.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { isAlive } from '../process.ts';

export const cacheRoot = path.join(process.env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache'), 'slipway-test');

/** Thrown when something is missing that this command may not install; the message says what to install, and how. */
export class Missing extends Error {}

/**
 * Returns the folder of cache entry `name`, installing it first if it is not there.
 * @param install fills the given empty folder, which is renamed afterwards: no absolute path of it may stay inside
 */
export async function cached(name: string, install: (folder: string) => Promise<void>): Promise<string> {
  const folder = path.join(cacheRoot, name);
  if (existsSync(folder)) return folder;
  mkdirSync(cacheRoot, { recursive: true });
  removeAbandoned();
  const partial = `${folder}.partial-${process.pid}`;
  mkdirSync(partial);
  console.log(`Installing ${name} into ${cacheRoot} (once)`);
  try {
    await install(partial);
    if (!existsSync(folder)) renameSync(partial, folder); // else another run was faster
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return folder;
}

function removeAbandoned(): void {
  for (const entry of readdirSync(cacheRoot)) {
    const pid = /\.partial-(\d+)$/.exec(entry)?.[1];
    if (pid && !isAlive(Number(pid))) rmSync(path.join(cacheRoot, entry), { recursive: true, force: true });
  }
}
