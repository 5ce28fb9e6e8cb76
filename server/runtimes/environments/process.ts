import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { cancelled } from './failure.ts';

export interface RunOptions {
  env: NodeJS.ProcessEnv;
  cwd?: string;
  /** Written to standard input, which is closed after it. */
  input?: string;
  /** Called for each line of both outputs as it is written, without its line end. */
  onLine?: (line: string) => void;
  signal?: AbortSignal;
}

export interface RunResult {
  /** The exit status, or null when a signal ended the process. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs a program to its end and collects what it writes. An exit status other than 0 is a result, not an error.
 *
 * @throws the system's error (`ENOENT`, `EACCES`) when the program cannot be started
 * @throws SlipwayError `environment.cancelled` when `signal` is aborted; the program and its children are ended
 */
export function runProgram(command: string, args: string[], options: RunOptions): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted) return reject(cancelled());
    // A process group of its own, so that compilers which uv starts for a source package end with it.
    const child = spawn(command, args, { env: options.env, cwd: options.cwd, detached: true });
    const end = () => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    };
    options.signal?.addEventListener('abort', end, { once: true });

    const written = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      createInterface({ input: child[stream] }).on('line', (line) => {
        written[stream] += `${line}\n`;
        options.onLine?.(line);
      });
    }
    // A program that ends without reading its input closes the pipe; its exit status tells the story.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');

    const settle = (finish: () => void) => {
      options.signal?.removeEventListener('abort', end);
      finish();
    };
    child.once('error', (error) => settle(() => reject(error)));
    child.once('close', (code) =>
      settle(() => (options.signal?.aborted ? reject(cancelled()) : resolve({ code, ...written }))),
    );
  });
}

/** Like {@link runProgram}, but null when there is no such program or it may not be run. */
export async function tryProgram(command: string, args: string[], options: RunOptions): Promise<RunResult | null> {
  try {
    return await runProgram(command, args, options);
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}
