import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SlipwayError } from '../../protocol/errors.ts';
import { LocalRuntime } from '../../runtimes/index.ts';
import type { Client } from '../client.ts';
import { installation } from '../installation.ts';
import { retryingClient } from './retryingClient.ts';

const startTimeoutMs = 30_000;

/** Keeps a control plane running on a data folder: uses the one there is, else starts one, again if it dies. */
export class Supervisor {
  readonly #data: string;
  readonly #port: number;
  #child: ChildProcess | undefined;
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

  async start(): Promise<{ url: string; reused: boolean }> {
    if (await this.#isReady()) return { url: await this.#url(), reused: true };
    this.isOwner = true;
    this.#spawn();
    const deadline = Date.now() + startTimeoutMs;
    while (!(await this.#isReady())) {
      const child = this.#child!;
      if (child.exitCode !== null && child.exitCode !== 0) throw await this.#failure();
      if (Date.now() > deadline) throw await this.#failure();
      await delay(50);
    }
    return { url: await this.#url(), reused: false };
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  #spawn(): void {
    const { mainPath } = installation();
    mkdirSync(this.#data, { recursive: true, mode: 0o700 });
    const log = openSync(join(this.#data, 'server.err'), 'a', 0o600);
    const args = [mainPath, 'serve', '--data', this.#data, '--port', String(this.#port)];
    this.#child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', log, log] });
    this.#child.on('exit', () => {
      if (this.#isStopping) return;
      // Killed from outside: its work goes on without it; the next one adopts it. Somebody else may have been faster.
      setTimeout(() => {
        this.#isReady().then(
          (ready) => {
            if (!ready && !this.#isStopping) this.#spawn();
          },
          () => {},
        );
      }, 500);
    });
  }

  async #isReady(): Promise<boolean> {
    try {
      const answer = await fetch(`${await this.#url()}/readyz`, { signal: AbortSignal.timeout(2000) });
      return answer.ok;
    } catch {
      // No server.json yet, or nobody listens: not ready.
      return false;
    }
  }

  async #url(): Promise<string> {
    const facts = JSON.parse(await readFile(join(this.#data, 'server.json'), 'utf8')) as { url: string };
    return facts.url;
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
