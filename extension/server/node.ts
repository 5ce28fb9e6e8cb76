import { execFile } from 'node:child_process';
import { SlipwayError } from '../../server/protocol/errors.ts';
import { t } from '../text/language.ts';
import { serverEnvironment } from './environment.ts';

const trialMs = 10_000;
const usesSqlite = "new (require('node:sqlite').DatabaseSync)(':memory:').close()";

/**
 * A Node that can run the control plane: the editor's own where it has `node:sqlite`, else the one on the PATH. Found by
 * trying, since editors switch parts of Node off.
 * @throws SlipwayError `server.noNode`
 */
export async function findNode(candidates = [process.execPath, 'node']): Promise<string> {
  for (const candidate of candidates) if (await hasSqlite(candidate)) return candidate;
  throw new SlipwayError(
    'server.noNode',
    t('Slipway needs Node.js 22.13 or later: the one inside this editor is older, and none was found on the PATH.'),
    t('Update the editor, or install Node.js from nodejs.org and restart the editor.'),
  );
}

function hasSqlite(executable: string): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { env: serverEnvironment(process.env), timeout: trialMs };
    execFile(executable, ['--no-warnings', '-e', usesSqlite], options, (error) => resolve(error === null));
  });
}
