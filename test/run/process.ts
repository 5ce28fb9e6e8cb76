// Child processes of the test command: each suite runs in a process group of its own, its output goes to the terminal
// and to a log file, and everything it started is ended with it, also what left its process group.

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '../..');
export const out = path.join(root, 'out');

/** Every process below this run carries this variable: what is left over is found by it, and only that is ended. */
const marker = `SLIPWAY_TEST_RUN=${process.pid}-${Date.now()}`;
const groups = new Set<number>();
const inherited =
  /^(npm_(package|lifecycle|command|execpath|node_execpath|config_(local_prefix|user_agent))|VSCODE_|ELECTRON_)/;
let interrupted = false;

export interface Command {
  argv: string[];
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Output is appended here as well. */
  log?: string;
  limitMs?: number;
  /** Keeps output off the terminal and shows the time gone by instead. */
  progress?: string;
}

export interface Ended {
  /** Null after a signal. */
  status: number | null;
  signal: NodeJS.Signals | null;
  timedOut: boolean;
  output: string;
}

/** The environment of children: Node 24 of `node_modules/.bin` first, none of npm's own script variables. */
export function childEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    // Variables of an editor's terminal would send our `code-server` commands to that editor. An inherited user agent
    // would tell install scripts the Node that ran `npm test`, which may be an older one than the one they get.
    if (!inherited.test(name)) env[name] = value;
  }
  const bin = path.join(root, 'node_modules/.bin');
  const [name, value] = marker.split('=') as [string, string];
  return { ...env, PATH: `${bin}${path.delimiter}${process.env['PATH'] ?? ''}`, [name]: value, ...extra };
}

/** Runs a command to its end. Never throws: a command that cannot start has status 127. */
export function run(command: Command): Promise<Ended> {
  const [file, ...args] = command.argv as [string, ...string[]];
  const log = command.log ? openLog(command.log) : undefined;
  const started = Date.now();
  let output = '';
  const take = (chunk: Buffer) => {
    output += chunk.toString();
    if (log !== undefined) writeSync(log, chunk);
    if (!command.progress) process.stdout.write(chunk);
  };
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: command.cwd ?? root,
      env: command.env ?? childEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const group = child.pid;
    if (group) groups.add(group);
    let timedOut = false;
    const limit = command.limitMs
      ? setTimeout(() => {
          timedOut = true;
          take(Buffer.from(`\nTime limit of ${command.limitMs! / 1000} s reached: ending it.\n`));
          if (group) signalGroup(group, 'SIGTERM');
          setTimeout(() => group && signalGroup(group, 'SIGKILL'), 5000).unref();
        }, command.limitMs)
      : undefined;
    const ticker = command.progress
      ? setInterval(() => console.log(`  ${command.progress}: ${seconds(Date.now() - started)}`), 15_000)
      : undefined;
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const finish = (status: number | null, signal: NodeJS.Signals | null) => {
      clearTimeout(limit);
      clearInterval(ticker);
      if (group) {
        signalGroup(group, 'SIGKILL'); // what the command left behind in its group
        groups.delete(group);
      }
      if (log !== undefined) closeSync(log);
      if (interrupted) return; // nothing more is to be started or reported
      resolve({ status, signal, timedOut, output });
    };
    child.on('error', (error) => {
      take(Buffer.from(`${file}: ${error.message}\n`));
      finish(127, null);
    });
    // 'exit', then a moment for the pipes: a leftover process that holds them open would delay 'close' for ever.
    child.on('exit', (status, signal) => {
      if (group) signalGroup(group, 'SIGKILL');
      const closed = new Promise((done) => child.once('close', done));
      const patience = new Promise((done) => setTimeout(done, 2000));
      void Promise.race([closed, patience]).then(() => {
        child.stdout.destroy();
        child.stderr.destroy();
        finish(status, signal);
      });
    });
  });
}

/** Ends every process of this run that is still there (found by its environment) and says which they were. */
export function endLeftovers(): string[] {
  const ended: string[] = [];
  if (process.platform !== 'linux') return ended;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(marker)) continue;
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      process.kill(Number(pid), 'SIGKILL');
      if (commandLine) ended.push(`${pid} ${commandLine.slice(0, 120)}`);
    } catch {
      // Gone meanwhile, or another user's process, whose environment nobody may read.
    }
  }
  return ended;
}

/** Makes Ctrl+C and a polite kill end all children first. */
export function endChildrenOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      interrupted = true;
      for (const group of groups) signalGroup(group, 'SIGTERM');
      setTimeout(() => {
        for (const group of groups) signalGroup(group, 'SIGKILL');
        endLeftovers();
        console.log(`\nInterrupted by ${signal}.`);
        process.exit(signal === 'SIGINT' ? 130 : 143);
      }, 1000);
    });
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // The group has ended already.
  }
}

function openLog(file: string): number {
  mkdirSync(path.dirname(file), { recursive: true });
  return openSync(file, 'a');
}
