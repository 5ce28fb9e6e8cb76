/**
 * The verdict over a workload whose launcher is gone without saying how it ended. It is spoken under the workload's
 * lock, which the kernel gives only when no launcher is left, and written to exited.json, which makes it final: a
 * launcher that comes late finds it and does nothing.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Exited, exists, files, type Started, type StoredWorkload, writeRecord } from './folder.ts';
import { tryLock } from './lock.ts';
import { describeMembers, endMembers, readBootId } from './processes.ts';
import { readStarted, readWorkload } from './records.ts';

type Verdict = Pick<Exited, 'reason' | 'detail'>;

/**
 * @param mayFence whether a workload that has not begun may be declared never to begin
 * @returns false when there is nothing to say: a launcher lives, or may still come
 */
export async function settle(folder: string, mayFence: boolean): Promise<boolean> {
  const lock = tryLock(join(folder, files.lock));
  if (!lock) return false;
  try {
    if (await exists(join(folder, files.exited))) return true;
    const workload = await readWorkload(folder);
    const started = await readStarted(folder);
    if (!workload || (!started && !mayFence)) return false;
    const verdict = started ? await lost(folder, workload, started) : await neverBegan(folder);
    await writeRecord(folder, files.exited, {
      at: Date.now(),
      exitCode: null,
      signal: null,
      ...verdict,
    } satisfies Exited);
    return true;
  } finally {
    lock.release();
  }
}

async function lost(folder: string, workload: StoredWorkload, started: Started): Promise<Verdict> {
  if (started.bootId !== (await readBootId())) {
    return { reason: 'lost', detail: `${started.host} was restarted while it ran.` };
  }
  const deadline = Date.now() + workload.graceMs;
  const processes = { mark: workload.mark, work: started.work, isParent: false };
  const { found, left } = await endMembers(processes, () => deadline);
  const complaint = await readComplaint(folder);
  const cause = complaint ? `failed (${complaint})` : 'was killed';
  const ended = found.length > 0 ? ` What was left of it was ended: ${describeMembers(found)}.` : '';
  const stuck = left.length > 0 ? ` Could not be ended, even by SIGKILL: ${describeMembers(left)}.` : '';
  const detail = `Its launcher (pid ${started.launcher.pid}) ${cause}: how it ended is not known.${ended}${stuck}`;
  return { reason: 'lost', detail };
}

async function neverBegan(folder: string): Promise<Verdict> {
  if (await exists(join(folder, files.stop))) return { reason: 'stopped', detail: 'It was stopped before it began.' };
  const complaint = await readComplaint(folder);
  if (complaint) return { reason: 'notStarted', detail: `Its launcher failed: ${complaint}` };
  return { reason: 'lost', detail: 'It never began: its launcher was killed first, or never came to be.' };
}

/** What the launcher died of, in one line: a stack trace's own line of it. The file has the rest. */
async function readComplaint(folder: string): Promise<string> {
  try {
    const text = (await readFile(join(folder, files.launcherLog), 'utf8')).trim();
    return /^.*Error: .*$/m.exec(text)?.[0] ?? text.split('\n', 1)[0]!;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
