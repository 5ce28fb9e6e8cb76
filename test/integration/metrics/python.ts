import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** A Python with tensorboard, tensorboardX and numpy, named by the test command. */
export const TEST_PYTHON = process.env['SLIPWAY_TEST_PYTHON'];

/** Skips the suite, saying why, where there is no such Python. */
export function requirePython(context: Mocha.Context): void {
  if (TEST_PYTHON !== undefined) return;
  console.log('      skipped: SLIPWAY_TEST_PYTHON names no Python with tensorboard, tensorboardX and numpy');
  context.skip();
}

/** Runs a Python program and returns what it printed, parsed as JSON. */
export async function runPython(program: string, ...args: string[]): Promise<unknown> {
  const options = { maxBuffer: 2 ** 28, env: { ...process.env, PYTHONWARNINGS: 'ignore' } };
  const { stdout } = await promisify(execFile)(TEST_PYTHON!, ['-c', program, ...args], options);
  return stdout === '' ? undefined : JSON.parse(stdout);
}
