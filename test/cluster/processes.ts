/**
 * Processes of the test cluster: each carries a variable that names the cluster, and only what carries it (or lies in a
 * cgroup that the cluster made) is ever ended.
 */
import { execFile, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { logFolder, type Place } from './layout.ts';

const marker = 'SLIPWAY_TEST_CLUSTER=1';
const nameVariable = 'SLIPWAY_TEST_CLUSTER_PROCESS';

/** Runs a command to its end. @returns standard output @throws Error with what it said */
export function execute(argv: string[], options: { env?: NodeJS.ProcessEnv; input?: string } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const settings = { env: { ...process.env, ...options.env }, maxBuffer: 64 << 20, encoding: 'utf8' as const };
    const child = execFile(argv[0]!, argv.slice(1), settings, (error, stdout, stderr) => {
      if (error) reject(new Error(`'${argv.join(' ').slice(0, 300)}' failed: ${stderr || error.message}`));
      else resolve(stdout);
    });
    if (options.input !== undefined) child.stdin!.end(options.input);
  });
}

/** `argv` inside the network namespace of `place`. `ip netns exec` would remount /sys and hide the cgroups. */
export function inside(place: Place, argv: string[]): string[] {
  return ['nsenter', `--net=/var/run/netns/${place.namespace}`, ...argv];
}

/** Starts a component that outlives this process; its output goes to `logs/NAME.log`. */
export function startComponent(name: string, place: Place, argv: string[], env: NodeJS.ProcessEnv = {}, uid?: number) {
  mkdirSync(logFolder, { recursive: true });
  const log = openSync(path.join(logFolder, `${name}.log`), 'a');
  const [variable, value] = marker.split('=') as [string, string];
  const as = uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  const [file, ...args] = inside(place, [...as, ...argv]) as [string, ...string[]];
  const child = spawn(file, args, {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
    env: { PATH: process.env['PATH'], HOME: '/root', ...env, [variable]: value, [nameVariable]: name },
  });
  closeSync(log);
  child.unref();
  return child.pid!;
}

/** Pids of the cluster's processes, those of one component where it is named. */
export function componentPids(name?: string): number[] {
  const wanted = name === undefined ? marker : `${nameVariable}=${name}`;
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((pid) => {
      try {
        const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        return variables.includes(marker) && variables.includes(wanted);
      } catch {
        return false; // gone meanwhile
      }
    })
    .map(Number);
}

/** Ends a component and waits until it is gone: its ports are free then. */
export async function endComponent(name: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  await endProcesses(() => componentPids(name), signal);
}

/** Signals, and after ten seconds kills, until `find` finds nothing any more. */
export async function endProcesses(find: () => number[], signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  const killAt = Date.now() + 10_000;
  for (let asked = false; ; asked = true) {
    const pids = find();
    if (pids.length === 0) return;
    const now = Date.now();
    if (!asked || now > killAt) for (const pid of pids) signalOne(pid, now > killAt ? 'SIGKILL' : signal);
    await delay(50);
  }
}

function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Pids in a cgroup and below it. */
export function pidsOfCgroup(cgroup: string): number[] {
  try {
    const own = readFileSync(path.join(cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
    const below = readdirSync(cgroup, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...own, ...below.flatMap(({ name }) => pidsOfCgroup(path.join(cgroup, name)))];
  } catch {
    return []; // it has gone meanwhile, and its processes before it
  }
}

/** Waits until `check` resolves without an error. @throws Error with its last error */
export async function waitFor(what: string, limitMs: number, check: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`${what} after ${limitMs / 1000} s: ${(error as Error).message}`);
      await delay(200);
    }
  }
}
