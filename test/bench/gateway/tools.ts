// nginx and wrk as Debian ships them, unpacked into the cache and not installed: an installed nginx would start a server
// that listens on every address.

import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { childEnvironment, run } from '../../run/process.ts';
import { cached, Missing } from '../../run/setup/cache.ts';
import { isDebian } from '../../run/setup/debian.ts';

export interface Tools {
  nginx: string;
  wrk: string;
  /** What both need to find their libraries. */
  env: NodeJS.ProcessEnv;
}

const packages = ['nginx', 'wrk', 'libluajit-5.1-2', 'libluajit-5.1-common'];

/** @throws Missing elsewhere than on Debian */
export async function prepareTools(): Promise<Tools> {
  if (!isDebian()) throw new Missing("The gateway is compared with Debian's nginx by Debian's wrk: run it on Debian.");
  const folder = await cached('debian-nginx-wrk', async (target) => {
    const downloads = path.join(target, 'packages');
    mkdirSync(downloads);
    if (process.getuid?.() === 0) await must(['apt-get', 'update', '-q', '-o', 'DPkg::Lock::Timeout=600'], target);
    await must(['apt-get', 'download', '-q', ...packages], downloads);
    for (const file of readdirSync(downloads))
      await must(['dpkg-deb', '-x', path.join(downloads, file), target], target);
  });
  const libraries = path.join(folder, 'usr/lib');
  const folders = readdirSync(libraries).filter((name) => name.endsWith('-linux-gnu'));
  return {
    nginx: path.join(folder, 'usr/sbin/nginx'),
    wrk: path.join(folder, 'usr/bin/wrk'),
    env: childEnvironment({ LD_LIBRARY_PATH: folders.map((name) => path.join(libraries, name)).join(':') }),
  };
}

async function must(argv: string[], cwd: string): Promise<void> {
  const ended = await run({ argv, cwd, progress: argv.slice(0, 2).join(' '), limitMs: 10 * 60_000 });
  if (ended.status !== 0) throw new Error(`'${argv.join(' ')}' failed:\n${ended.output.slice(-2000)}`);
}
