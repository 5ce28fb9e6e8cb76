import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { SlipwayError } from '../../server/protocol/errors.ts';
import { t } from '../text/language.ts';
import { serverEnvironment } from './environment.ts';
import { findServer, isAlive, type RunningServer } from './find.ts';
import { serverEntry } from './install.ts';

const readyMs = 60_000;
const goneMs = 30_000;
const lookEveryMs = 150;

const logLimitBytes = 64 * 1024;

/** How `serve --json` tells why it does not run. */
const Refusal = z.object({ code: z.string(), message: z.string(), hint: z.string() });

/**
 * Starts the control plane detached, so that it outlives the editor, and waits until it is ready. Two windows may start
 * one at the same moment: the lock lets one live, and both find it.
 * @throws SlipwayError with the reason that it told, else `server.notStarted` with the end of what it printed
 */
export async function startServer(folder: string, node: string, copy: string): Promise<RunningServer> {
  // What it prints when it does not come up; its own log is `server.log` beside it.
  const log = path.join(folder, 'start.log');
  // Windows share the file: each appends, and reads from where it began.
  const before = await readFile(log).catch(() => Buffer.alloc(0));
  const isLong = before.length > logLimitBytes;
  const output = await open(log, isLong ? 'w' : 'a', 0o600);
  const said = async () => (await readFile(log)).subarray(isLong ? 0 : before.length).toString();
  const serve = ['serve', '--data', folder, '--port', '0', '--json'];
  const args = ['--no-warnings=ExperimentalWarning', serverEntry(copy), ...serve];
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
    if (server || ended === undefined) return server;
    // The lock is another window's, whose control plane is about to be ready.
    return refusalIn(await said())?.code === 'server.running' ? undefined : 'ended';
  });
  if (found && found !== 'ended') return found;
  if (ended === undefined) {
    throw notStarted(
      t('The control plane was started but is not ready after {0} s.', readyMs / 1000),
      t('The log has the details: {0}', log),
    );
  }
  const told = await said();
  const refusal = refusalIn(told);
  if (refusal) {
    throw new SlipwayError(refusal.code, t('The control plane did not start: {0}', refusal.message), refusal.hint);
  }
  throw notStarted(
    t('The control plane did not start ({0}).', ended),
    lastLines(told) || t('The log has the details: {0}', log),
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
    // The one that is meant: the next one has the same address.
    body: JSON.stringify({ version, pid: server.pid }),
  }).catch(() => undefined); // another window asked before, and it is on its way out
  const mayStay = response !== undefined && !response.ok;
  // Its end, not the end of its listener, frees the lock.
  const gone = await waitFor(mayStay ? 0 : goneMs, async () => !isAlive(server.pid) || undefined);
  if (gone) return;
  throw new SlipwayError(
    'server.handover',
    t('The control plane of version {0} did not hand over to version {1}.', server.version, version),
    t('End the process {0} and try again; runs go on without it.', server.pid),
  );
}

async function waitFor<T>(limitMs: number, look: () => Promise<T | undefined>): Promise<T | undefined> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined || Date.now() > deadline) return found;
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

/** The last line that is a refusal; a program that broke down prints other lines. */
function refusalIn(text: string): z.infer<typeof Refusal> | undefined {
  return text
    .split('\n')
    .map((line) => Refusal.safeParse(parsed(line)).data)
    .findLast((refusal) => refusal !== undefined);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function notStarted(message: string, hint: string): SlipwayError {
  return new SlipwayError('server.notStarted', message, hint);
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' ').slice(-500);
}
