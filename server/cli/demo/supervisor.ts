import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SlipwayError } from '../../protocol/errors.ts';
import { LocalRuntime, tryLock } from '../../runtimes/index.ts';
import type { Client } from '../client.ts';
import { installation } from '../installation.ts';
import { retryingClient } from './retryingClient.ts';

const startTimeoutMs = 30_000;
/** In server.json: who started the control plane. */
const starter = 'start';

interface Found {
  url: string;
  pid: number;
  startedBy?: string;
}

/** Keeps a control plane running on a data folder: uses the one there is, else starts one, again if it dies. */
export class Supervisor {
  readonly #data: string;
  readonly #port: number;
  #lock: ReturnType<typeof tryLock>;
  #child: ChildProcess | undefined;
  #isStarted = false;
  #isStopping = false;
  readonly client: Pick<Client, 'call'>;
  /** Whether it started the control plane, and so ends it. */
  isOwner = false;

  constructor(options: { data: string; port: number; signal: AbortSignal }) {
    this.#data = options.data;
    this.#port = options.port;
    // A call that meets a control plane in mid-restart waits for the next one.
    this.client = retryingClient(options.data, startTimeoutMs, options.signal);
  }

  /**
   * Uses the control plane that runs, or starts one. One that an earlier `npm start` left behind when it was killed is
   * ended first: the new one adopts its work, and all of it ends with this `npm start`.
   */
  async start(): Promise<{ url: string; reused: boolean }> {
    mkdirSync(this.#data, { recursive: true, mode: 0o700 });
    // The kernel frees it with its process: who has it is the only `npm start` on this folder.
    this.#lock = tryLock(join(this.#data, 'start.lock'));
    for (const deadline = Date.now() + startTimeoutMs; ; await delay(50)) {
      const found = await this.#ready();
      if (found && found.pid === this.#child?.pid) {
        this.#isStarted = true;
        return { url: found.url, reused: false };
      }
      if (found && !(this.#lock && found.startedBy === starter)) return { url: found.url, reused: true };
      if (found) {
        process.kill(found.pid, 'SIGTERM');
        this.#child = undefined;
      }
      if (Date.now() > deadline) throw await this.#failure();
      if (this.#child && !hasEnded(this.#child)) continue;
      // Another one that is starting, or ending.
      if (this.#isTaken()) continue;
      if (this.#child) throw await this.#failure();
      this.isOwner = true;
      this.#spawn();
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const child = this.#child;
    if (!child || hasEnded(child)) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  #spawn(): void {
    const { mainPath } = installation();
    const log = openSync(join(this.#data, 'server.err'), 'a', 0o600);
    const args = [mainPath, 'serve', '--data', this.#data, '--port', String(this.#port)];
    const env = { ...process.env, SLIPWAY_STARTED_BY: starter };
    this.#child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', log, log], env });
    closeSync(log);
    this.#child.on('exit', () => {
      if (this.#isStopping || !this.#isStarted) return;
      // Killed from outside: its work goes on without it; the next one adopts it. Somebody else may have been faster.
      setTimeout(() => {
        this.#ready().then(
          (found) => {
            if (!found && !this.#isStopping) this.#spawn();
          },
          () => {},
        );
      }, 500);
    });
  }

  /** The control plane that answers for the data folder. */
  async #ready(): Promise<Found | undefined> {
    try {
      const found = JSON.parse(await readFile(join(this.#data, 'server.json'), 'utf8')) as Found;
      const answer = await fetch(`${found.url}/readyz`, { signal: AbortSignal.timeout(2000) });
      return answer.ok ? found : undefined;
    } catch {
      // No server.json yet, or nobody listens: not ready.
      return undefined;
    }
  }

  /** Whether a control plane has the data folder, ready or not. */
  #isTaken(): boolean {
    const lock = tryLock(join(this.#data, 'server.lock'));
    lock?.release();
    return lock === undefined;
  }

  async #failure(): Promise<SlipwayError> {
    const text = await readFile(join(this.#data, 'server.err'), 'utf8').catch(() => '');
    const [message, hint] = text.trim().split('\n').slice(-2);
    const said = message?.replace(/^slipway: /, '') ?? 'it said nothing';
    return new SlipwayError(
      'start.server',
      `The control plane did not start: ${said}`,
      hint?.replace(/^hint: /, '') ?? `See ${this.#data}/server.log.`,
    );
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Ends what a control plane leaves running on purpose: the gateway, model servers, runs. */
export async function stopEverything(data: string): Promise<void> {
  const root = join(data, 'workloads');
  const ids = await readdir(root).catch(() => [] as string[]);
  const running: string[] = [];
  for (const id of ids) {
    const names = await readdir(join(root, id)).catch(() => [] as string[]);
    if (names.includes('workload.json') && !names.includes('exited.json')) running.push(id);
  }
  if (running.length === 0) return;
  const runtime = new LocalRuntime({ root, launcherPath: installation().launcherPath });
  const ended = new AbortController();
  const left = new Set(running);
  // The runtime's own timers do not keep a process alive, and this one is to wait.
  const awake = setInterval(() => {}, 1000);
  try {
    for (const id of running) {
      await runtime.observe(id);
      await runtime.stop(id, 'npm start has ended', 5_000);
    }
    for await (const observed of runtime.watch(ended.signal)) {
      if (observed.type === 'ended') left.delete(observed.id);
      if (left.size === 0) ended.abort();
    }
  } finally {
    clearInterval(awake);
    runtime.close();
  }
}
