// The embedded control plane of this user: found by its files in the data folder, installed and started on first use,
// shared by all windows, never ended by the editor. May use node: and server/protocol. client/connection.ts calls it.
import { mkdir } from 'node:fs/promises';
import { protocolRange } from '../../server/protocol/discovery.ts';
import { SlipwayError } from '../../server/protocol/errors.ts';
import { t } from '../text/language.ts';
import { findServer, type RunningServer } from './find.ts';
import { buildDigest, installServer, removeOldVersions, writeLauncher } from './install.ts';
import { findNode } from './node.ts';
import { handOver, startServer } from './start.ts';
import { judgeServer } from './version.ts';

export interface EmbeddedServer {
  readonly folder: string;
  /** The running control plane, if there is one. Starts nothing. */
  find(): Promise<RunningServer | undefined>;
  /**
   * The running control plane, after starting it if there is none or after an older one has handed over.
   * @param anew has a running one hand over even to the same version
   * @throws SlipwayError that says why it cannot be
   */
  ensure(anew?: boolean): Promise<RunningServer>;
}

export interface EmbeddedOptions {
  /** The data folder. */
  folder: string;
  /** The extension's folder, from which the control plane is copied. */
  source: string;
  version: string;
  /** While it is developed, builds of one version are told apart. */
  isDevelopment: boolean;
  log(message: string): void;
}

export function createEmbeddedServer({ folder, source, version, isDevelopment, log }: EmbeddedOptions): EmbeddedServer {
  const own = { version, protocol: protocolRange };

  async function install(): Promise<string> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const name = isDevelopment ? `${version}-${await buildDigest(source)}` : version;
    const copy = await installServer(source, folder, name);
    await removeOldVersions(folder, name);
    return copy;
  }

  return {
    folder,
    find: () => findServer(folder),
    async ensure(anew = false) {
      const running = await findServer(folder);
      if (running && !anew) {
        const judgement = judgeServer(running, own);
        if (judgement === 'use') return running;
        if (judgement === 'clientTooOld') throw tooOld(running.version, version);
      }
      requireUnix();
      const node = await findNode();
      const copy = await install();
      if (running) {
        log(`The control plane ${running.version} (process ${running.pid}) hands over to ${version}.`);
        await handOver(running, version);
      }
      log(`Starting the control plane ${version} on ${node}, data folder ${folder}.`);
      const server = await startServer(folder, node, copy);
      await writeLauncher(folder, node, copy);
      return server;
    },
  };
}

function requireUnix(): void {
  if (process.platform !== 'win32') return;
  throw new SlipwayError(
    'server.platform',
    t('The embedded control plane does not run on native Windows.'),
    t('Open the folder in WSL or in a remote window.'),
  );
}

function tooOld(server: string, client: string): SlipwayError {
  return new SlipwayError(
    'server.newer',
    t('The control plane has version {0}, which this extension ({1}) is too old for.', server, client),
    t('Update the Slipway extension in this window.'),
  );
}
