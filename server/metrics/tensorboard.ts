import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { SlipwayError } from '../protocol/errors.ts';

export interface TensorBoardOptions {
  /** What starts TensorBoard, e.g. `[python, '-m', 'tensorboard.main']`. */
  command: readonly string[];
  /** The folders that it shows, and the name of each in its list of runs (`/` makes a tree). */
  logdirs: readonly { name: string; path: string }[];
  /** Ends it. */
  signal?: AbortSignal;
  env?: NodeJS.ProcessEnv;
  /** The time between two looks of TensorBoard at its files. */
  reloadSeconds?: number;
  /** How long it may take to start. */
  startTimeoutMs?: number;
}

export interface TensorBoard {
  port: number;
  /** `http://127.0.0.1:PORT/` */
  url: string;
  /** Shows further folders, from its next look at its files on; those that are shown already change nothing. */
  add(logdirs: TensorBoardOptions['logdirs']): Promise<void>;
  /** Ends it; fulfilled when it is gone. */
  stop(): Promise<void>;
  /** Fulfilled when it is gone, however it ended. */
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

const DEFAULT_RELOAD_SECONDS = 2;
const DEFAULT_START_TIMEOUT_MS = 60_000;
const STOP_GRACE_MS = 3000;
const KEPT_OUTPUT_CHARACTERS = 4000;

/**
 * Starts the real TensorBoard on a free port of 127.0.0.1 and waits until it answers. It is not told a path prefix:
 * its page asks for scripts and data relative to its own address (seen with 2.21 in Chromium), so that it works behind
 * a proxy that strips a prefix, if the page's own address ends with a slash. Only its fonts are asked for at
 * `/font-roboto/`, with `--path_prefix` too; where they are not found the page shows another font. It has no
 * authentication: whoever may see it is for the proxy to decide.
 *
 * The folders are links in a folder of its own, because `--logdir_spec` splits at commas and colons and turns the
 * fast loader off.
 * @throws SlipwayError `tensorboard.missing`, `tensorboard.exited`, `tensorboard.slow`, `tensorboard.name`
 */
export async function startTensorBoard(options: TensorBoardOptions): Promise<TensorBoard> {
  options.signal?.throwIfAborted();
  const folder = await mkdtemp(path.join(os.tmpdir(), 'slipway-tensorboard-'));
  try {
    await linkLogdirs(folder, options.logdirs);
    return await startIn(folder, options);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function startIn(folder: string, options: TensorBoardOptions): Promise<TensorBoard> {
  const [program = '', ...firstArguments] = options.command;
  const reloadSeconds = options.reloadSeconds ?? DEFAULT_RELOAD_SECONDS;
  const child = spawn(
    program,
    // `--port=0`: any free port, which it prints; the other numbers are of the same form.
    [...firstArguments, `--logdir=${folder}`, '--host=127.0.0.1', '--port=0', `--reload_interval=${reloadSeconds}`],
    { env: options.env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const output = new Output(child);
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }));
    child.on('error', () => resolve({ code: null, signal: null }));
  });
  const gone = exited.finally(() => rm(folder, { recursive: true, force: true }));
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    await gone;
    clearTimeout(timer);
  };
  const stopOnSignal = () => void stop();
  options.signal?.addEventListener('abort', stopOnSignal, { once: true });
  void gone.then(() => options.signal?.removeEventListener('abort', stopOnSignal));

  const timeout = AbortSignal.timeout(options.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS);
  try {
    const url = await Promise.race([output.url(), failsWhenGone(child, gone, program, output), failsAfter(timeout)]);
    // The socket is open now; it answers when TensorBoard is ready to serve.
    const answer = fetch(`${url}data/environment`, { signal: timeout }).then((response) => response.arrayBuffer());
    await Promise.race([answer, failsWhenGone(child, gone, program, output)]);
    const add = (logdirs: TensorBoardOptions['logdirs']) => linkLogdirs(folder, logdirs);
    return { port: Number(new URL(url).port), url, add, stop, exited: gone };
  } catch (error) {
    await stop();
    options.signal?.throwIfAborted();
    if (!timeout.aborted) throw error;
    throw new SlipwayError(
      'tensorboard.slow',
      `TensorBoard (${program}) was not ready in time. It printed:\n${output.tail}`,
      'Try again; the machine may be busy.',
      504,
    );
  }
}

/** Makes a link `folder/name` for every log folder. */
async function linkLogdirs(folder: string, logdirs: TensorBoardOptions['logdirs']): Promise<void> {
  for (const { name, path: target } of logdirs) {
    if (name.split('/').some((part) => part === '' || part === '.' || part === '..')) {
      throw new SlipwayError('tensorboard.name', `A run cannot be shown under the name "${name}".`, 'Give it a name.');
    }
    const link = path.join(folder, name);
    await mkdir(path.dirname(link), { recursive: true });
    await symlink(path.resolve(target), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** What the process printed: its address, and the last lines for error messages. */
class Output {
  tail = '';
  private readonly found = Promise.withResolvers<string>();

  constructor(child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.tail = (this.tail + text).slice(-KEPT_OUTPUT_CHARACTERS);
        const url = /TensorBoard \S+ at (http:\/\/\S+\/) /.exec(this.tail)?.[1];
        if (url !== undefined) this.found.resolve(url);
      });
    }
  }

  url(): Promise<string> {
    return this.found.promise;
  }
}

/** Rejects with what to tell the user when the process ends. */
async function failsWhenGone(
  child: ChildProcess,
  gone: Promise<unknown>,
  program: string,
  output: Output,
): Promise<never> {
  const failure = await new Promise<Error | undefined>((resolve) => {
    child.once('error', resolve);
    void gone.then(() => resolve(undefined));
  });
  const isMissing = failure !== undefined || /No module named '?tensorboard/.test(output.tail);
  if (isMissing) {
    const reason = failure?.message ?? output.tail.trim();
    throw new SlipwayError(
      'tensorboard.missing',
      `TensorBoard cannot be started with ${program}: ${reason}`,
      'Install it into the environment: pip install tensorboard.',
      424,
    );
  }
  throw new SlipwayError(
    'tensorboard.exited',
    `TensorBoard (${program}) ended while it started. Its last lines:\n${output.tail.trim()}`,
    'The lines say why; TensorBoard runs in the environment that was chosen for it.',
    502,
  );
}

function failsAfter(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
