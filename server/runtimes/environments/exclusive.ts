import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { cancelled } from './failure.ts';

/** SQLITE_BUSY, https://www.sqlite.org/rescode.html#busy */
const busy = 5;
const retryMs = 200;

/**
 * Does `work` while no other process, nor another call in this one, does work under the same lock file. The lock is an
 * exclusive SQLite transaction: the kernel frees it when its holder dies, however it dies.
 *
 * @param onWaiting called once if somebody else holds the lock
 * @throws SlipwayError `environment.cancelled` when `signal` is aborted while waiting
 */
export async function exclusively<T>(
  lockFile: string,
  work: () => Promise<T>,
  onWaiting?: () => void,
  signal?: AbortSignal,
): Promise<T> {
  const database = new DatabaseSync(lockFile);
  try {
    for (let tries = 0; !tryLock(database); tries += 1) {
      if (tries === 0) onWaiting?.();
      if (signal?.aborted) throw cancelled();
      await delay(retryMs);
    }
    return await work();
  } finally {
    database.close();
  }
}

function tryLock(database: DatabaseSync): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === busy) return false;
    throw error;
  }
}
