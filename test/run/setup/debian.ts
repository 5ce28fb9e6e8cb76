// Debian packages: installed by us as root on Debian, named to the person everywhere else.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { childEnvironment, run } from '../process.ts';
import { Missing } from './cache.ts';

/**
 * Makes sure that the packages are installed.
 * @throws Missing where we may not install them (not root); Error when apt fails
 */
export async function debianPackages(names: string[], purpose: string): Promise<void> {
  const missing = names.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0) throw new Missing(`${purpose} needs Debian packages: sudo ${command}`);
  console.log(`Installing Debian packages for ${purpose}: ${missing.join(' ')}`);
  const env = childEnvironment({ DEBIAN_FRONTEND: 'noninteractive' });
  // Waits for another apt (unattended upgrades run on fresh machines) instead of failing.
  const wait = ['-o', 'DPkg::Lock::Timeout=600', '-q'];
  for (const argv of [
    ['apt-get', 'update', ...wait],
    ['apt-get', 'install', '-y', '--no-install-recommends', ...wait, ...missing],
  ]) {
    const ended = await run({ argv, env, progress: argv.slice(0, 2).join(' '), limitMs: 20 * 60_000 });
    if (ended.status !== 0) throw new Error(`'${argv.join(' ')}' failed:\n${ended.output.slice(-2000)}`);
  }
}

export function isDebian(): boolean {
  return existsSync('/etc/debian_version') && onPath('apt-get') !== undefined;
}

/** The absolute path of a program on the PATH. */
export function onPath(...names: string[]): string | undefined {
  for (const name of names) {
    for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
      const file = path.join(folder, name);
      if (folder && existsSync(file)) return file;
    }
  }
  return undefined;
}

function isInstalled(name: string): boolean {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is dpkg's own
  const query = spawnSync('dpkg-query', ['-W', '-f', '${Status}', name], { encoding: 'utf8' });
  return query.stdout?.includes('install ok installed') ?? false;
}
