import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { SlipwayError } from '../../server/protocol/errors.ts';
import { t } from '../text/language.ts';
import { serverEnvironment } from './environment.ts';
import { findServer, isAlive, type RunningServer, readServerFile } from './find.ts';
import { serverEntry } from './install.ts';

const readyMs = 60_000;
const goneMs = 30_000;
const lookEveryMs = 150;

/** What the control plane prints when it does not come up; its own log is `server.log` beside it. */
export function startLog(folder: string): string {
  return path.join(folder, 'start.log');
}

/**
 * Starts the control plane detached, so that it outlives the editor, and waits until it is ready. Two windows may start
 * one at the same moment: the lock lets one live, and both find it.
 * @throws SlipwayError `server.notStarted` with the end of what it printed
 */
export async function startServer(folder: string, node: string, copy: string): Promise<RunningServer> {
  const log = startLog(folder);
  const output = await open(log, 'w', 0o600);
  const args = ['--no-warnings=ExperimentalWarning', serverEntry(copy), 'serve', '--data', folder, '--port', '0'];
  let ended: string | undefined;
  try {
    const stdio = ['ignore', output.fd, output.fd] as const;
    const child = spawn(node, args, {
      detached: true,
      cwd: folder,
      env: serverEnvironment(process.env),
      stdio: [...stdio],
    });
    child.once('error', (error) => {
      ended = error.message;
    });
    child.once('exit', (status, signal) => {
      ended = signal ?? t('exit status {0}', status ?? 0);
    });
    child.unref();
  } finally {
    await output.close();
  }
  const found = await waitFor(readyMs, async () => {
    const server = await findServer(folder);
    // One that ended may have lost to another window's, which is then about to be ready: look once more.
    return server ?? (ended === undefined ? undefined : ((await findOther(folder)) ?? 'ended'));
  });
  if (found && found !== 'ended') return found;
  const said = lastLines(await readFile(log, 'utf8').catch(() => ''));
  throw new SlipwayError(
    'server.notStarted',
    ended === undefined
      ? t('The control plane was started but is not ready after {0} s.', readyMs / 1000)
      : t('The control plane did not start ({0}).', ended),
    said || t('The log has the details: {0}', log),
  );
}

/**
 * Asks an older control plane to exit so that a newer one adopts its runs and gateway, and waits until it is gone.
 * @throws SlipwayError `server.handover` when it refuses or stays
 */
export async function handOver(server: RunningServer, version: string): Promise<void> {
  const response = await fetch(new URL('/api/v1/handover', server.url), {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ version }),
  });
  const gone =
    response.ok &&
    // Its end, not the end of its listener, frees the lock.
    (await waitFor(goneMs, async () => !isAlive(server.pid) || undefined));
  if (gone) return;
  throw new SlipwayError(
    'server.handover',
    t('The control plane of version {0} did not hand over to version {1}.', server.version, version),
    t('End the process {0} and try again; runs go on without it.', server.pid),
  );
}

/** Another window's control plane that holds the lock, once it is ready. */
async function findOther(folder: string): Promise<RunningServer | undefined> {
  const file = await readServerFile(folder);
  if (!file || !isAlive(file.pid)) return undefined;
  const found = await waitFor(readyMs, async () => (isAlive(file.pid) ? await findServer(folder) : 'gone'));
  return found === 'gone' ? undefined : found;
}

async function waitFor<T>(limitMs: number, look: () => Promise<T | undefined>): Promise<T | undefined> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined || Date.now() > deadline) return found;
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' ').slice(-500);
}
