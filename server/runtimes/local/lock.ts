/**
 * A lock that the kernel gives back when its holder dies, however it dies: an exclusive SQLite transaction, which is
 * a POSIX record lock (https://sqlite.org/lockingv3.html). No native module, no stale lock files.
 * The holder must never open and close the lock file by other means: POSIX drops a process's locks with any close.
 */
import { DatabaseSync } from 'node:sqlite';
import { SlipwayError } from '../../protocol/errors.ts';

export interface Lock {
  release(): void;
}

/** https://sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;

/**
 * Takes the lock on a file, which is created when missing; its folder must exist and lie on a local disk.
 * @param waitMs how long to wait (blocking the thread) while somebody else holds it
 * @returns undefined when somebody else holds it, in this process or another
 * @throws SlipwayError `lock.failed` when the file cannot be used as a lock
 */
export function tryLock(path: string, waitMs = 0): Lock | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec(`PRAGMA busy_timeout = ${Math.trunc(waitMs)}`);
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined;
    throw new SlipwayError(
      'lock.failed',
      `The lock file ${path} cannot be used: ${(error as Error).message}`,
      'Check that its folder exists, is writable and has room.',
      500,
      { cause: error },
    );
  }
  const held = database;
  return { release: () => held.close() };
}
