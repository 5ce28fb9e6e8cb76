/**
 * Slipway as an outsider meets it: the built command and the API of a control plane, on a temporary folder. When a
 * place is closed, every process that belongs to the folder is ended, also after a failure.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Answer,
  type CallInput,
  type OperationName,
  operations,
  operationUrl,
} from '../../../server/protocol/operations.ts';

export const root = resolve(import.meta.dirname, '../../..');
export const program = join(root, 'dist', 'server', 'slipway.js');

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

/** A command that runs, and what it has said so far. */
export interface Running {
  child: ChildProcess;
  hasEnded(): boolean;
  /** Grows while the command runs. */
  said: { stdout: string; stderr: string };
  ended: Promise<Ended>;
}

export interface Server {
  url: string;
  token: string;
  pid: number;
  running: Running;
  /** Calls an operation of the API. @throws Refusal */
  call: Caller;
  /** SIGTERM, then waits for the end. */
  stop(): Promise<Ended>;
}

export type Caller = <N extends OperationName>(name: N, input?: CallInput<N>) => Promise<Answer<N>>;

/** An answer of the API that is not a success. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string;
  constructor(status: number, body: { code: string; message: string; hint: string }) {
    super(body.message);
    this.status = status;
    this.code = body.code;
    this.hint = body.hint;
  }
}

export interface Place {
  /** The temporary folder; the data folder is `data` in it. */
  folder: string;
  data: string;
  path(...parts: string[]): string;
  /** Runs `slipway ARGS` to its end. `--data` is the caller's to give. */
  slipway(args: string[], options?: CommandOptions): Promise<Ended>;
  spawn(args: string[], options?: CommandOptions): Running;
  /** Starts `slipway serve` and waits until it answers. */
  serve(options?: CommandOptions & { args?: string[]; data?: string }): Promise<Server>;
  /** Processes that belong to this place: pid and command line. */
  processes(): Promise<string[]>;
  close(): Promise<void>;
}

/** A fresh place. `suffix` is part of the folder's name. */
export async function makePlace(): Promise<Place> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'slipway-loop-')));
  const path = (...parts: string[]) => join(folder, ...parts);
  const data = path('data');
  const start = (args: string[], { cwd, env }: CommandOptions = {}): Running => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: cwd ?? folder,
      env: { ...environment(), SLIPWAY_TEST_PLACE: folder, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]!.setEncoding('utf8').on('data', (text: string) => {
        said[name] += text;
      });
    }
    const ended = once(child, 'close').then(([status, signal]) => ({ status, signal, ...said }) as Ended);
    return { child, said, ended, hasEnded: () => child.exitCode !== null || child.signalCode !== null };
  };
  return {
    folder,
    data,
    path,
    spawn: start,
    slipway: (args, options) => start(args, options).ended,
    async serve({ args = [], data: served = data, ...options } = {}) {
      const running = start(['serve', '--data', served, '--port', '0', ...args], options);
      const found = await ready(served, running);
      return {
        ...found,
        running,
        call: caller(found),
        async stop() {
          running.child.kill('SIGTERM');
          return running.ended;
        },
      };
    },
    processes: () => processesOf(folder),
    async close() {
      await endAll(folder);
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** A place for a whole suite: made before its tests, closed after them. */
export function placeOfSuite(): Place {
  const place = {} as Place;
  before(async () => {
    Object.assign(place, await makePlace());
  });
  after(() => place.close?.());
  return place;
}

/** Calls the API at an address; a control plane in mid-restart is waited for with `patient`. */
export function caller(address: { url: string; token: string }): Caller {
  return async (name, input) => {
    const { params, query, body } = (input ?? {}) as {
      params?: Record<string, string>;
      query?: object;
      body?: unknown;
    };
    const response = await fetch(address.url + operationUrl(name, params, { ...query }), {
      method: operations[name].method,
      headers: {
        authorization: `Bearer ${address.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const json: unknown = await response.json();
    if (!response.ok) throw new Refusal(response.status, json as Refusal);
    return operations[name].response.parse(json) as never;
  };
}

/** What `DIR/server.json` and `DIR/token` say, once `/readyz` answers 200. */
export async function ready(data: string, running?: Running): Promise<{ url: string; token: string; pid: number }> {
  return until(async () => {
    if (running?.hasEnded()) throw new Error(`serve ended: ${running.said.stderr}`);
    return answering(data);
  }, `a control plane on ${data}`);
}

/** Where the control plane of a data folder answers, undefined while it does not. */
export async function answering(data: string): Promise<{ url: string; token: string; pid: number } | undefined> {
  try {
    const { url, pid } = JSON.parse(await readFile(join(data, 'server.json'), 'utf8')) as { url: string; pid: number };
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) });
    if (!answer.ok) return undefined;
    return { url, pid, token: (await readFile(join(data, 'token'), 'utf8')).trim() };
  } catch {
    // Not written yet, or nobody listens.
    return undefined;
  }
}

/** Asks again and again until there is an answer. */
export async function until<T>(ask: () => Promise<T | undefined | false>, what: string, limitMs = 90_000): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await delay(50);
  }
}

/** The variables of commands: none of an outer Slipway, uv and the tests' Python on the PATH. */
export function environment(): NodeJS.ProcessEnv {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SLIPWAY_')));
  const tools = [process.env['SLIPWAY_TEST_PYTHON'], process.env['SLIPWAY_TEST_UV']].filter(
    (path) => path !== undefined,
  );
  return { ...env, NO_COLOR: '1', PATH: [...tools.map((path) => dirname(path)), env['PATH']].join(delimiter) };
}

/** Processes whose command line, working folder or variables name the folder; zombies and this process are none. */
export async function processesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'latin1').catch(() => '');
    const commandLine = (await read('cmdline')).replaceAll('\0', ' ').trim();
    if (commandLine === '' || / \(.*\) Z /.test(await read('stat'))) continue;
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    if ([commandLine, cwd, await read('environ')].some((text) => text.includes(folder)))
      found.push(`${pid} ${commandLine}`);
  }
  return found;
}

/** Ends all processes of a folder; those that were being started meanwhile too. */
export async function endAll(folder: string): Promise<void> {
  await until(async () => {
    const left = await processesOf(folder);
    for (const line of left) {
      try {
        process.kill(Number.parseInt(line, 10), 'SIGKILL');
      } catch {
        // Gone meanwhile.
      }
    }
    return left.length === 0;
  }, `the processes of ${folder} to end`);
}
