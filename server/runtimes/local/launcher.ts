/**
 * The launcher: the parent of every local workload, one small process each, so that the control plane may die and come
 * back. Entry file: `node launcher.js FOLDER`. Imports nothing but node modules and what describes the folder; started
 * by local/runtime.ts and known to it only through the files of the folder.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { baseEnv } from './base-env.ts';
import {
  type Exited,
  exists,
  files,
  markVariable,
  readRecord,
  type Started,
  type StopRequest,
  type StoredWorkload,
  writeRecord,
} from './folder.ts';
import { takeLeases } from './leases.ts';
import { tryLock } from './lock.ts';
import { createMask } from './mask.ts';
import { describeMembers, type Ending, endMembers, readBootId, readStartToken } from './processes.ts';

/** A control plane holds the lock for moments only, to look; another launcher keeps it. */
const LOCK_WAIT_MS = 1000;
/** What background processes get that outlive the main process: their work is over. */
const LEFTOVER_GRACE_MS = 5000;
/** How long until a record that could not be written (full disk) is tried again. */
const WRITE_RETRY_MS = 2000;
/** setTimeout takes no more than 31 bits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Why we end the work ourselves. */
interface Order {
  reason: 'stopped' | 'timeout';
  detail: string;
  /** When SIGKILL comes, ms since 1970. */
  deadline: number;
}

/** The main process, or rather how it will have ended. */
interface Main {
  pid: number;
  exit: Promise<MainExit>;
  /** Fulfilled when all that was printed is in the log. */
  logged: Promise<void>;
}

interface MainExit {
  at: number;
  exitCode: number | null;
  signal: string | null;
}

// First of all: from started.json on, a SIGTERM may come at any time.
let onStopRequest = () => {};
process.on('SIGTERM', () => onStopRequest());
process.on('SIGHUP', () => {});
process.on('SIGINT', () => {});

async function launch(folder: string): Promise<void> {
  const lock = tryLock(join(folder, files.lock), LOCK_WAIT_MS);
  if (!lock) return;
  // A started.json without exited.json is a launcher that died: the control plane settles that, nobody starts it again.
  if (!(await exists(join(folder, files.exited))) && !(await exists(join(folder, files.started)))) {
    await persist(folder, files.exited, await work(folder));
  }
  lock.release();
}

/** Does the work once, from started.json to what exited.json will say. */
async function work(folder: string): Promise<Exited> {
  // Written by the control plane from a checked workload; this process alone does without a schema, to start fast.
  const workload = (await readRecord(folder, files.workload)) as StoredWorkload;
  const started: Started = {
    at: Date.now(),
    host: hostname(),
    bootId: await readBootId(),
    launcher: { pid: process.pid, startToken: (await readStartToken(process.pid))! },
  };
  await persist(folder, files.started, started);

  // A stop request is written before started.json is looked for, and looked for after started.json is written: at least
  // one side sees the other.
  const orders = new Orders();
  onStopRequest = () => void readStopOrder(folder, workload).then((order) => orders.give(order));
  if (await exists(join(folder, files.stop))) {
    return notBegun('stopped', `It was stopped before it began: ${(await readStopOrder(folder, workload)).detail}`);
  }

  const lease = workload.leases && (await takeLeases(workload.leases));
  if (lease && 'taken' in lease) return notBegun('slotTaken', `Somebody else has the GPU ${lease.taken} now.`);
  const main = await begin(folder, workload);
  if (typeof main === 'string') return notBegun('notStarted', main);
  const leader = { pid: main.pid, startToken: (await readStartToken(main.pid)) ?? '' };
  const recorded = persist(folder, files.started, { ...started, at: Date.now(), work: leader });
  if (workload.timeoutMs !== undefined) void giveTimeout(workload.timeoutMs, workload.graceMs, orders);

  const processes = { mark: workload.mark, work: leader, isParent: true };
  const first = await Promise.race([main.exit, orders.first]);
  if ('reason' in first) {
    const ending = await endMembers(processes, () => orders.deadline);
    const exit = await main.exit;
    await Promise.all([recorded, main.logged]);
    return endedByOrder(first, exit, ending);
  }
  const graceEnd = Date.now() + Math.min(workload.graceMs, LEFTOVER_GRACE_MS);
  const ending = await endMembers(processes, () => Math.min(graceEnd, orders.deadline));
  await Promise.all([recorded, main.logged]);
  return endedByItself(first, ending);
}

/** Orders to end the work: the first one is the reason, any one can shorten the grace time. */
class Orders {
  deadline = Number.POSITIVE_INFINITY;
  readonly #first = Promise.withResolvers<Order>();
  readonly first = this.#first.promise;

  give(order: Order): void {
    this.deadline = Math.min(this.deadline, order.deadline);
    this.#first.resolve(order);
  }
}

async function readStopOrder(folder: string, workload: StoredWorkload): Promise<Order> {
  const request = (await readRecord(folder, files.stop)) as StopRequest | undefined;
  const detail = request?.reason ?? 'The launcher was told to end, as happens when the machine shuts down.';
  return { reason: 'stopped', detail, deadline: Date.now() + (request?.graceMs ?? workload.graceMs) };
}

async function giveTimeout(timeoutMs: number, graceMs: number, orders: Orders): Promise<void> {
  for (let leftMs = timeoutMs; leftMs > 0; leftMs -= LONGEST_TIMER_MS) {
    await delay(Math.min(leftMs, LONGEST_TIMER_MS), undefined, { ref: false });
  }
  const detail = `It ran into its timeout of ${timeoutMs / 1000} s.`;
  orders.give({ reason: 'timeout', detail, deadline: Date.now() + graceMs });
}

/** Spawns the main process; a string says why it could not begin. */
async function begin(folder: string, workload: StoredWorkload): Promise<Main | string> {
  const { command, cwd, env, mark } = workload;
  const program = command[0]!;
  let log: FileHandle | undefined;
  try {
    if (!(await stat(cwd)).isDirectory()) return `Its working folder ${cwd} is not a folder.`;
    log = await open(join(folder, files.log), 'a', 0o600);
    const secrets = await readSecrets(workload);
    if (typeof secrets === 'string') return secrets;
    // The kernel writes what a program prints; only where secrets may be in it does it come by way of us.
    const output = workload.secretFiles ? 'pipe' : log.fd;
    const child = spawn(program, command.slice(1), {
      cwd,
      env: { ...baseEnv(process.env), ...env, ...secrets, [markVariable]: mark },
      // Leader of a session of its own, and with it of a process group.
      detached: true,
      stdio: ['ignore', output, output],
    });
    const exit = Promise.withResolvers<MainExit>();
    child.once('exit', (exitCode, signal) => exit.resolve({ at: Date.now(), exitCode, signal }));
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    const logged = workload.secretFiles ? logMasked(child, join(folder, files.log), Object.values(secrets)) : undefined;
    return { pid: child.pid!, exit: exit.promise, logged: logged ?? Promise.resolve() };
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    if (syscall === 'stat') return `Its working folder ${cwd} cannot be used: ${message}`;
    if (code === 'ENOENT') return `The command ${program} was not found.`;
    if (code === 'EACCES') return `The command ${program} is not executable.`;
    return `The command ${program} could not be started: ${message}`;
  } finally {
    await log?.close();
  }
}

/** The values of the secret variables; a string says which is not there. */
async function readSecrets({ secretFiles = {} }: StoredWorkload): Promise<Record<string, string> | string> {
  const values: Record<string, string> = {};
  for (const [variable, path] of Object.entries(secretFiles)) {
    try {
      values[variable] = await readFile(path, 'utf8');
    } catch (error) {
      return `The secret for ${variable} cannot be read: ${(error as NodeJS.ErrnoException).code}.`;
    }
  }
  return values;
}

/** Copies what the program prints into its log without the secrets, until it and all that it started have closed it. */
async function logMasked(child: ChildProcess, path: string, secrets: string[]): Promise<void> {
  const log = await open(path, 'a', 0o600);
  try {
    const copies = [child.stdout!, child.stderr!].map(async (stream) => {
      const mask = createMask(secrets);
      for await (const chunk of stream) await append(log, mask.write(chunk as Buffer));
      await append(log, mask.end());
    });
    await Promise.all(copies);
  } finally {
    await log.close();
  }
}

/** A full disk takes the words of the program, not its work. */
async function append(log: FileHandle, bytes: Buffer): Promise<void> {
  if (bytes.length > 0) await log.write(bytes).catch(() => {});
}

function notBegun(reason: 'stopped' | 'notStarted' | 'slotTaken', detail: string): Exited {
  return { at: Date.now(), exitCode: null, signal: null, reason, detail };
}

function endedByOrder({ reason, detail }: Order, exit: MainExit, ending: Ending): Exited {
  const killed = ending.killed.length > 0 ? ` SIGTERM was not enough for ${describeMembers(ending.killed)}.` : '';
  return { ...exit, reason, detail: `${detail}${killed}${describeLeft(ending)}` };
}

function endedByItself(exit: MainExit, ending: Ending): Exited {
  const how = exit.signal === null ? `Exit code ${exit.exitCode}.` : describeSignal(exit.signal);
  const leftovers =
    ending.found.length > 0 ? ` Processes it left in the background were ended: ${describeMembers(ending.found)}.` : '';
  const reason = exit.signal === null ? 'exited' : 'signalled';
  return { ...exit, reason, detail: `${how}${leftovers}${describeLeft(ending)}` };
}

function describeSignal(signal: string): string {
  const cause = signal === 'SIGKILL' ? ', which is also what the kernel does when memory runs out' : '';
  return `Ended by ${signal}${cause}.`;
}

function describeLeft({ left }: Ending): string {
  return left.length > 0 ? ` Could not be ended, even by SIGKILL: ${describeMembers(left)}.` : '';
}

/** Writes a record that must not get lost: while there is no room for it, the launcher stays and tries again. */
async function persist(folder: string, name: string, record: object): Promise<void> {
  for (;;) {
    try {
      return await writeRecord(folder, name, record);
    } catch (error) {
      if ((error as { code?: string }).code !== 'runtime.diskFull') throw error;
      await delay(WRITE_RETRY_MS);
    }
  }
}

await launch(process.argv[2]!);
