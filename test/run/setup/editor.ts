// The editor that tests run in: VS Code's own code as code-server, and Chromium to look at it.

import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../process.ts';
import { cached, Missing } from './cache.ts';
import { debianPackages, isDebian, onPath } from './debian.ts';

const version = '4.139.1';
const packages = [
  ...['chromium', 'fonts-nanum'], // the font for screenshots in Korean
  // code-server compiles a few native modules while it is installed.
  ...['g++', 'make', 'pkg-config', 'libkrb5-dev', 'libsecret-1-dev', 'libx11-dev', 'libxkbfile-dev'],
];

/** Environment variables for suites: `SLIPWAY_TEST_CODE_SERVER` (a script for Node 24) and `SLIPWAY_TEST_CHROMIUM`. */
export async function prepareEditor(): Promise<NodeJS.ProcessEnv> {
  if (isDebian()) await debianPackages(packages, 'the editor for tests');
  const chromium = process.env['SLIPWAY_TEST_CHROMIUM'] ?? onPath('chromium', 'chromium-browser', 'google-chrome');
  if (!chromium) {
    throw new Missing('Chromium is not on the PATH: install it, or name it in SLIPWAY_TEST_CHROMIUM.');
  }
  const folder = await cached(`code-server-${version}`, install);
  const entry = path.join(folder, 'node_modules/code-server/out/node/entry.js');
  if (!existsSync(entry)) throw new Error(`${folder} holds no code-server: delete that folder and run again.`);
  return { SLIPWAY_TEST_CODE_SERVER: entry, SLIPWAY_TEST_CHROMIUM: chromium };
}

async function install(folder: string): Promise<void> {
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ private: true }));
  const argv = ['npm', 'install', '--no-audit', '--no-fund', `code-server@${version}`];
  const ended = await run({
    argv,
    cwd: folder,
    progress: 'installing code-server (about 2 min)',
    limitMs: 20 * 60_000,
  });
  if (ended.status !== 0) {
    throw new Error(`'${argv.join(' ')}' failed; it needs ${packages.join(' ')}:\n${ended.output.slice(-3000)}`);
  }
}
