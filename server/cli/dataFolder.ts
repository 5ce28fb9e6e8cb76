import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/**
 * The data folder: `--data`, else `SLIPWAY_DATA`, else the platform's user data folder.
 * @returns an absolute path
 */
export function dataFolder(
  given: string | undefined,
  env: NodeJS.ProcessEnv,
  cwd: string,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): string {
  const named = given ?? env['SLIPWAY_DATA'];
  if (named) return resolve(cwd, named);
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'slipway');
  // A relative XDG path is to be ignored (XDG Base Directory Specification).
  const base = env['XDG_DATA_HOME'];
  return join(base && isAbsolute(base) ? base : join(home, '.local', 'share'), 'slipway');
}
