/**
 * What can be told about processes that are not our children, and how all of a workload's are ended: by /proc on Linux,
 * by ps elsewhere. A process is only ever touched when its start time, its mark or its session shows that it is ours.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { markVariable, type ProcessId } from './folder.ts';

const run = promisify(execFile);
const isLinux = process.platform === 'linux';

/** A process of a workload. */
export interface Member {
  pid: number;
  /** Short name of its program. */
  program: string;
}

/** Whose processes are looked for. */
export interface WorkloadProcesses {
  mark: string;
  /** The main process: leader of a session and a process group of its own. */
  work?: ProcessId;
  /** True for the launcher, the work's parent: it knows the group to be the work's even after the main process ended. */
  isParent: boolean;
}

let bootId: Promise<string> | undefined;

/** Names the present boot of this machine; empty where the platform has no such name. */
export function readBootId(): Promise<string> {
  bootId ??= askBootId();
  return bootId;
}

async function askBootId(): Promise<string> {
  if (isLinux) return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  if (process.platform === 'darwin') return (await run('sysctl', ['-n', 'kern.bootsessionuuid'])).stdout.trim();
  return '';
}

/** When the process started, see {@link ProcessId.startToken}; undefined when no such process runs (a zombie does not run). */
export async function readStartToken(pid: number): Promise<string | undefined> {
  if (isLinux) return (await readStat(pid))?.startToken;
  try {
    const { stdout } = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    });
    const [state = '', ...start] = stdout.trim().split(/\s+/);
    return state === '' || state.startsWith('Z') ? undefined : start.join(' ');
  } catch (error) {
    // ps exits with 1 when it finds no such process.
    if ((error as { code?: unknown }).code === 1) return undefined;
    throw error;
  }
}

/** Whether exactly this process, and not a later one with its pid, runs. */
export async function isRunning(process: ProcessId): Promise<boolean> {
  return (await readStartToken(process.pid)) === process.startToken;
}

/** All running processes of a workload: its session, its group and (Linux) whatever carries its mark. */
export async function findMembers(workload: WorkloadProcesses): Promise<Member[]> {
  return isLinux ? findByProc(workload) : findByPs(workload);
}

/** The mark a process carries, see {@link markVariable}; undefined for none, and where it cannot be read. */
export async function readMark(pid: number): Promise<string | undefined> {
  if (!isLinux) return undefined;
  const entries = (await readEnviron(pid))?.toString('latin1').split('\0');
  return entries?.find((entry) => entry.startsWith(`${markVariable}=`))?.slice(markVariable.length + 1);
}

export interface Ending {
  /** All that there was to end. */
  found: Member[];
  /** Those that ignored SIGTERM for the whole grace time and got SIGKILL. */
  killed: Member[];
  /** Those that even SIGKILL did not end in time (they hang in the kernel). */
  left: Member[];
}

/** How long a killed process may take to disappear before it is reported as left. */
const KILL_WAIT_MS = 10_000;

/**
 * Ends all processes of a workload: SIGTERM once to each, also to those forked meanwhile, SIGKILL from the deadline on,
 * until none is left.
 * @param deadline asked again at each look, so that a second stop request can shorten the grace time (ms since 1970)
 */
export async function endMembers(workload: WorkloadProcesses, deadline: () => number): Promise<Ending> {
  const found = new Map<number, Member>();
  const killed = new Map<number, Member>();
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 500)) {
    const left = await findMembers(workload);
    const overdueMs = Date.now() - deadline();
    if (left.length === 0 || overdueMs >= KILL_WAIT_MS) {
      return { found: [...found.values()], killed: [...killed.values()], left };
    }
    for (const member of left) {
      if (!found.has(member.pid)) sendSignal(member.pid, 'SIGTERM');
      found.set(member.pid, member);
      if (overdueMs < 0) continue;
      sendSignal(member.pid, 'SIGKILL');
      killed.set(member.pid, member);
    }
    await delay(overdueMs < 0 ? Math.min(pauseMs, -overdueMs) : pauseMs);
  }
}

/** `sleep (pid 12), python (pid 13) and 3 more`. */
export function describeMembers(members: Member[]): string {
  const shown = members.slice(0, 5).map(({ program, pid }) => `${program} (pid ${pid})`);
  return shown.join(', ') + (members.length > shown.length ? ` and ${members.length - shown.length} more` : '');
}

/** Sends a signal; a process that is gone already is no error. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

interface Stat {
  pid: number;
  program: string;
  group: number;
  session: number;
  startToken: string;
}

/** proc_pid_stat(5); undefined for processes that are gone or only wait to be reaped. */
async function readStat(pid: number): Promise<Stat | undefined> {
  const text = await readProc(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The program's name stands in parentheses and may itself hold blanks and parentheses.
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  const [state, , group, session] = fields;
  if (state === 'Z' || state === 'X') return undefined;
  return {
    pid,
    program: text.slice(text.indexOf('(') + 1, end),
    group: Number(group),
    session: Number(session),
    startToken: fields[19]!,
  };
}

async function findByProc({ mark, work, isParent }: WorkloadProcesses): Promise<Member[]> {
  const entry = Buffer.from(`${markVariable}=${mark}\0`);
  const stats: (Stat & { isMarked: boolean })[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readStat(Number(name));
    if (stat) stats.push({ ...stat, isMarked: (await readEnviron(stat.pid))?.includes(entry) === true });
  }
  // The kernel gives the number of a session or group to no new process while a member is left, so one member that is
  // surely the work's makes the others so.
  const isOfWork = (stat: Stat) => work !== undefined && (stat.session === work.pid || stat.group === work.pid);
  const isSure = isParent || stats.some((stat) => isOfWork(stat) && (stat.isMarked || isSame(stat, work)));
  return stats.filter((stat) => stat.isMarked || (isSure && isOfWork(stat)));
}

function isSame(stat: Stat, work: ProcessId | undefined): boolean {
  return stat.pid === work?.pid && stat.startToken === work.startToken;
}

/** Without /proc only the process group is known, and only while its leader runs or its parent asks. */
async function findByPs({ work, isParent }: WorkloadProcesses): Promise<Member[]> {
  if (!work || !(isParent || (await isRunning(work)))) return [];
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,pgid=,stat=,comm='], { maxBuffer: 64 << 20 });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, group, state, program] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (Number(group) !== work.pid || state!.startsWith('Z')) return [];
    return [{ pid: Number(pid), program: program!.slice(program!.lastIndexOf('/') + 1) }];
  });
}

/** The environment a process was started with; undefined when it is gone or belongs to somebody else. */
async function readEnviron(pid: number): Promise<Buffer | undefined> {
  try {
    return await readFile(`/proc/${pid}/environ`);
  } catch (error) {
    if (isGoneOrForeign(error)) return undefined;
    throw error;
  }
}

async function readProc(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isGoneOrForeign(error)) return undefined;
    throw error;
  }
}

function isGoneOrForeign(error: unknown): boolean {
  return ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
}
