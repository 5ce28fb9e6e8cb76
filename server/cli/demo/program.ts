import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { SlipwayError } from '../../protocol/errors.ts';

const keptCharacters = 2000;

/** Runs a program of the example to its end. @throws SlipwayError `start.program` with the end of its output */
export async function runProgram(command: string, args: string[], cwd: string, signal: AbortSignal): Promise<void> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], signal });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-keptCharacters);
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  if (status === 0) return;
  throw new SlipwayError(
    'start.program',
    `${args.join(' ')} ended with status ${status}: ${output.trim().split('\n').at(-1)}`,
    'Run it by hand to see more.',
  );
}
