import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where this Slipway is installed, and the files it starts. */
export interface Installation {
  /** The folder with package.json, dist/ and resources/. */
  root: string;
  version: string;
  /** The bundled command line. */
  mainPath: string;
  launcherPath: string;
  addWorkerPath: string;
  exportWorkerPath: string;
}

export function installation(): Installation {
  let root = dirname(fileURLToPath(import.meta.url));
  while (!(existsSync(join(root, 'package.json')) && existsSync(join(root, 'resources')))) {
    if (dirname(root) === root) throw new Error('no installation around this file');
    root = dirname(root);
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const server = join(root, 'dist', 'server');
  return {
    root,
    version,
    mainPath: join(server, 'slipway.js'),
    launcherPath: join(server, 'launcher.js'),
    addWorkerPath: join(server, 'addWorker.js'),
    exportWorkerPath: join(server, 'exportWorker.js'),
  };
}
