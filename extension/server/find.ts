import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseServerFile, Readiness } from '../../server/protocol/discovery.ts';
import { SlipwayError } from '../../server/protocol/errors.ts';
import { t } from '../text/language.ts';

const answerMs = 3_000;

/** A control plane that answered, and what is needed to talk to it. */
export interface RunningServer extends Readiness {
  url: string;
  token: string;
  pid: number;
}

/**
 * The control plane that runs on a data folder, if one does and is ready. Starts nothing and changes nothing.
 * @throws SlipwayError `server.otherHost` when it runs on another machine that shares the folder
 */
export async function findServer(folder: string): Promise<RunningServer | undefined> {
  const file = parseServerFile(await readFile(path.join(folder, 'server.json'), 'utf8').catch(() => ''));
  if (!file) return undefined;
  if (file.host !== os.hostname()) {
    throw new SlipwayError(
      'server.otherHost',
      t('The control plane of {0} runs on another machine, {1}.', folder, file.host),
      t('Stop it there, or set "slipway.dataFolder" to a folder on this machine.'),
    );
  }
  if (!(await isSameBoot(file.bootId)) || !isAlive(file.pid)) return undefined;
  const readiness = await askReadiness(file.url);
  if (!readiness) return undefined;
  const token = (await readFile(path.join(folder, 'token'), 'utf8')).trim();
  return { ...readiness, url: file.url.replace(/\/$/, ''), token, pid: file.pid };
}

/** Whether a process runs, also one of another user. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A file from before the last reboot names a process id that may be anybody's now. */
async function isSameBoot(bootId: string | null | undefined): Promise<boolean> {
  if (!bootId || process.platform !== 'linux') return true;
  const current = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => bootId);
  return current.trim() === bootId.trim();
}

async function askReadiness(url: string): Promise<Readiness | undefined> {
  try {
    const response = await fetch(new URL('/readyz', url), { signal: AbortSignal.timeout(answerMs) });
    if (!response.ok) return undefined;
    return Readiness.safeParse(await response.json()).data;
  } catch {
    return undefined; // nobody listens there (any more), or not yet
  }
}
