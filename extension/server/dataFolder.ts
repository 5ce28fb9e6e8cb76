import os from 'node:os';
import path from 'node:path';

/**
 * Where the embedded control plane of this user keeps everything: the setting, else `SLIPWAY_DATA`, else the
 * platform's user data folder.
 * @param setting the value of `slipway.dataFolder`; `~` is the home folder
 * @returns an absolute path; the same rule as `slipway serve` without `--data`
 */
export function dataFolder(
  setting: string,
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform,
  home = os.homedir(),
): string {
  const chosen = setting.trim() || env['SLIPWAY_DATA'];
  if (chosen) return path.resolve(home, chosen.replace(/^~(?=$|[/\\])/, home));
  if (platform === 'darwin') return path.join(home, 'Library', 'Application Support', 'slipway');
  const base = env['XDG_DATA_HOME'];
  return path.join(base && path.isAbsolute(base) ? base : path.join(home, '.local', 'share'), 'slipway');
}
