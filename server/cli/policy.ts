import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SlipwayError } from '../protocol/errors.ts';
import { requirePolicyFile } from '../protocol/parseSlipwayFile.ts';
import type { Shell } from './shell.ts';

/** The text of a policy.yaml, checked here, so that a problem names the file. @throws SlipwayError */
export async function readPolicy(shell: Shell, name: string): Promise<string> {
  const path = resolve(shell.cwd, name);
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new SlipwayError('file.unreadable', `${path} cannot be read: ${error.message}`, 'Check the path.');
  });
  requirePolicyFile(text, path);
  return text;
}
