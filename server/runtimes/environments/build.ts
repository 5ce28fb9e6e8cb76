import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import type { SlipwayError } from '../../protocol/errors.ts';
import { writeAtomically } from '../writeAtomically.ts';
import { exclusively } from './exclusive.ts';
import { environmentFailure } from './failure.ts';
import { readIfPresent } from './files.ts';
import { isRunnable } from './interpreter.ts';
import type { EnvironmentContext, EnvironmentLock } from './lock.ts';
import { runUv } from './uv.ts';

/** An environment that can be used. */
export interface BuiltEnvironment {
  /** The interpreter's path. */
  python: string;
  /** The folder to put first on PATH: `python` in it is that interpreter. */
  bin: string;
  digest: string;
  /** How long the build took, when it was built. */
  seconds: number;
  /** Whether it was there already. */
  cached: boolean;
}

const markerSchema = z.object({ digest: z.string(), folder: z.string(), seconds: z.number() });

/**
 * Builds a locked environment under `root/<digest>/`, or finds it there. Two processes that ask for the same build it
 * once. A virtual environment cannot be moved, so it is built where it stays, in a folder of this attempt, and becomes
 * valid by the marker `complete.json`: after a kill at any moment, the next attempt starts a folder of its own, which
 * an installer that outlived its parent cannot disturb, and removes the old ones.
 *
 * @throws SlipwayError `environment.diskFull`, `environment.packageBuildFailed`, `environment.indexUnreachable`, …
 */
export async function buildEnvironment(lock: EnvironmentLock, context: EnvironmentContext): Promise<BuiltEnvironment> {
  if (lock.existing) return useExisting(lock, context.root);
  const home = join(context.root, lock.digest);
  const ready = await findComplete(home, lock.digest);
  if (ready) return ready;
  try {
    await mkdir(home, { recursive: true });
    const waiting = () => context.onProgress?.('Waiting for another process that builds this environment');
    return await exclusively(
      join(home, 'build.lock'),
      async () => (await findComplete(home, lock.digest)) ?? (await build(home, lock, context)),
      waiting,
      context.signal,
    );
  } catch (error) {
    throw diskFull(error, context.root) ?? error;
  }
}

async function build(home: string, lock: EnvironmentLock, context: EnvironmentContext): Promise<BuiltEnvironment> {
  const started = performance.now();
  await removeAttempts(home);
  const folder = `venv-${randomBytes(4).toString('hex')}`;
  const venv = join(home, folder);
  const python = join(venv, 'bin', 'python');
  const lockFile = join(home, 'requirements.lock');
  const options = { cwd: home, onLine: context.onProgress, signal: context.signal };
  await writeAtomically(lockFile, lock.lock);
  try {
    const venvArgs = ['venv', '--no-project', '--python', lock.interpreter, venv];
    await runUv(context.uv, `No virtual environment could be made in ${home}`, venvArgs, options);
    const syncArgs = ['pip', 'sync', '--allow-empty-requirements', '--python', python, lockFile];
    await runUv(context.uv, `The packages could not be installed into ${home}`, syncArgs, options);
  } catch (error) {
    // What is half there is of no use, and may be what fills the disk.
    await rm(venv, { recursive: true, force: true });
    throw error;
  }
  const seconds = (performance.now() - started) / 1000;
  const marker = { digest: lock.digest, folder, seconds };
  await writeAtomically(join(home, 'complete.json'), `${JSON.stringify(marker)}\n`);
  return { python, bin: join(venv, 'bin'), digest: lock.digest, seconds, cached: false };
}

/** The environment that the marker names, unless its interpreter has gone (an update of the system can take it away). */
async function findComplete(home: string, digest: string): Promise<BuiltEnvironment | null> {
  const text = await readIfPresent(join(home, 'complete.json'));
  if (text === null) return null;
  const { folder, seconds } = markerSchema.parse(JSON.parse(text));
  const bin = join(home, folder, 'bin');
  const python = join(bin, 'python');
  return (await isRunnable(python)) ? { python, bin, digest, seconds, cached: true } : null;
}

async function removeAttempts(home: string): Promise<void> {
  await rm(join(home, 'complete.json'), { force: true });
  for (const name of await readdir(home)) {
    if (name.startsWith('venv-')) await rm(join(home, name), { recursive: true, force: true });
  }
}

/**
 * The user's own environment. Where its folder has no `python` (Debian's /usr/bin has only python3), `python` is a
 * script of ours that starts it: a symbolic link would lose what Python finds beside itself.
 */
async function useExisting(lock: EnvironmentLock, root: string): Promise<BuiltEnvironment> {
  const bin = dirname(lock.interpreter);
  const found = { python: lock.interpreter, digest: lock.digest, seconds: 0, cached: true };
  if (await isRunnable(join(bin, 'python'))) return { ...found, bin };
  const own = join(root, lock.digest, 'bin');
  await mkdir(own, { recursive: true });
  for (const name of ['python', 'python3']) {
    await writeAtomically(
      join(own, name),
      `#!/bin/sh\nexec '${lock.interpreter.replaceAll("'", `'\\''`)}' "$@"\n`,
      0o755,
    );
  }
  return { ...found, bin: own };
}

/** Our own writes fail with a system error where uv's fail with a text. */
function diskFull(error: unknown, root: string): SlipwayError | null {
  const code = (error as NodeJS.ErrnoException).code;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return null;
  return environmentFailure(`The environment could not be built under ${root}`, `error: ${(error as Error).message}`);
}
