// Runs a command line inside the test's process, with streams in memory.
import { PassThrough, Readable } from 'node:stream';
import { dispatch } from '../../../server/cli/dispatch.ts';
import type { Shell } from '../../../server/cli/shell.ts';

export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

export async function runCli(
  line: readonly string[],
  more: { stdin?: string; cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Outcome> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const read = [stdout, stderr].map(async (stream) => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  });
  const status = await dispatch(line, {
    ...memoryShell(),
    stdin: Readable.from(more.stdin === undefined ? [] : [more.stdin]),
    stdout,
    stderr,
    env: more.env ?? {},
    cwd: more.cwd ?? '/nowhere',
  });
  stdout.end();
  stderr.end();
  const [out, err] = await Promise.all(read);
  return { status, stdout: out!, stderr: err! };
}

/** A shell whose output nobody reads. */
export function memoryShell(more: Partial<Shell> = {}): Shell {
  const sink = () => new PassThrough().resume();
  return {
    stdin: Readable.from([]),
    stdout: sink(),
    stderr: sink(),
    env: {},
    cwd: '/nowhere',
    signal: new AbortController().signal,
    json: false,
    ...more,
  };
}
