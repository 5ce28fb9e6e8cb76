/** Starts launchers, as processes that do not depend on this one. */
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { SlipwayError } from '../../protocol/errors.ts';
import { baseEnv } from './base-env.ts';
import { files, writeError } from './folder.ts';

export interface LauncherOptions {
  /** The launcher's file, as bundled (an ES module). */
  launcherPath: string;
  /** The Node that runs it; this one when not given. */
  nodePath?: string;
  /** What that Node needs in its environment, such as `ELECTRON_RUN_AS_NODE=1`; the work does not see it. */
  launcherEnv?: Record<string, string>;
}

/**
 * Starts a launcher for a workload's folder; one too many finds the lock taken and does nothing.
 * @param onExit called when it has ended while this process lived
 * @throws SlipwayError `runtime.launchFailed`, `runtime.diskFull`
 */
export async function spawnLauncher(
  id: string,
  folder: string,
  { launcherPath, nodePath = process.execPath, launcherEnv }: LauncherOptions,
  onExit: () => void,
): Promise<void> {
  const complaints = await open(join(folder, files.launcherLog), 'a', 0o600).catch((error) => {
    throw writeError(error, folder);
  });
  try {
    const launcher = spawn(nodePath, [launcherPath, folder], {
      cwd: folder,
      // Without the warning that node:sqlite is experimental, what is in the launcher's log is a real complaint.
      env: { ...baseEnv(process.env), NODE_NO_WARNINGS: '1', ...launcherEnv },
      detached: true,
      stdio: ['ignore', complaints.fd, complaints.fd],
    });
    launcher.once('exit', onExit);
    launcher.unref();
    await new Promise((resolve, reject) => launcher.once('spawn', resolve).once('error', reject));
  } catch (error) {
    const message = `The launcher of ${id} could not be started with ${nodePath}: ${(error as Error).message}`;
    const hint = 'Check that this program exists and that the limit of processes is not reached.';
    throw new SlipwayError('runtime.launchFailed', message, hint, 500, { cause: error });
  } finally {
    await complaints.close();
  }
}
