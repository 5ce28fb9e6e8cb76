/**
 * GPUs of this host are leased: one lock file for each in a folder that all users share, held by the launcher for as long
 * as its work runs. So two users' control planes never hand out the same GPU, and a lease ends with its holder, however it
 * dies. A note beside the lock says whose it is; it means nothing while the lock is free.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SlipwayError } from '../../protocol/errors.ts';
import { type Lock, tryLock } from './lock.ts';

/** The leases that a workload needs, as its folder says. */
export interface Leases {
  folder: string;
  /** UUIDs of GPUs. */
  gpus: string[];
  /** Whose they are: the root of the runtime. */
  owner: string;
}

/** Whoever looks at a lease holds it for a moment. */
const LEASE_WAIT_MS = 2000;
const LOOK_WAIT_MS = 100;

/** The folder of this host: `$SLIPWAY_GPU_LEASES`, else below the lock folder of the system, which a restart empties. */
export async function leaseFolder(env: NodeJS.ProcessEnv): Promise<string> {
  const named = env['SLIPWAY_GPU_LEASES'];
  if (named) return named;
  const isThere = await stat('/run/lock').then(
    (found) => found.isDirectory(),
    () => false,
  );
  return join(isThere ? '/run/lock' : '/tmp', 'slipway-gpus');
}

/**
 * Takes all leases or none.
 * @returns the UUID of the first one that somebody else has
 * @throws SlipwayError `lock.failed`
 */
export async function takeLeases({ folder, gpus, owner }: Leases): Promise<Lock | { taken: string }> {
  const locks: Lock[] = [];
  const release = () => {
    for (const lock of locks) lock.release();
  };
  try {
    // In one order for all, so that two who want the same two do not take one each.
    for (const gpu of gpus.toSorted()) {
      const lock = tryLock(await lockFile(folder, gpu), LEASE_WAIT_MS);
      if (!lock) {
        release();
        return { taken: gpu };
      }
      locks.push(lock);
    }
    for (const gpu of gpus) await writeNote(folder, gpu, owner);
  } catch (error) {
    release();
    throw error;
  }
  return { release };
}

/** Whether somebody else than the owner of `root` has the lease of a GPU. */
export async function isLeasedToOthers(folder: string, gpu: string, root: string): Promise<boolean> {
  const path = join(folder, `${gpu}.lock`);
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  if (!exists) return false;
  const lock = tryLock(path, LOOK_WAIT_MS);
  if (lock) {
    lock.release();
    return false;
  }
  const note = await readFile(join(folder, `${gpu}.owner`), 'utf8').catch(() => '');
  return note !== root;
}

/** The lock file of a GPU; it and its folder are made so that every user can lock them. */
async function lockFile(folder: string, gpu: string): Promise<string> {
  if (!/^[\w.-]+$/.test(gpu)) throw new SlipwayError('gpus.badId', `${gpu} is no UUID of a GPU.`, 'See nvidia-smi -L.');
  const path = join(folder, `${gpu}.lock`);
  // Not sticky: in sticky folders the kernel keeps users from opening each other's files (fs.protected_regular).
  if (await mkdir(folder, { recursive: true })) await chmod(folder, 0o777);
  try {
    const file = await open(path, 'wx', 0o666);
    await file.chmod(0o666);
    await file.close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return path;
}

async function writeNote(folder: string, gpu: string, owner: string): Promise<void> {
  const path = join(folder, `${gpu}.owner`);
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(temporary, owner, { mode: 0o644 });
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
