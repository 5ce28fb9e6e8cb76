import type { Readable, Writable } from 'node:stream';

/** What surrounds a command: streams, environment, folder, and the person's Ctrl-C. */
export interface Shell {
  stdin: Readable;
  stdout: Writable & { isTTY?: boolean; columns?: number };
  stderr: Writable & { isTTY?: boolean; columns?: number };
  env: NodeJS.ProcessEnv;
  /** The working folder, absolute. */
  cwd: string;
  /** Aborted by Ctrl-C and SIGTERM. */
  signal: AbortSignal;
  /** Whether `--json` was given. */
  json: boolean;
}

/** Writes lines for people to stdout. */
export function print(shell: Shell, text: string): void {
  shell.stdout.write(`${text}\n`);
}

/** Writes lines for people that do not belong to the result: hints, what goes on. */
export function note(shell: Shell, text: string): void {
  shell.stderr.write(`${text}\n`);
}

/** The result of a command: one JSON document with `--json`, else what `describe` makes of it. */
export function show<T>(shell: Shell, result: T, describe: (result: T) => string): void {
  print(shell, shell.json ? JSON.stringify(result) : describe(result));
}
