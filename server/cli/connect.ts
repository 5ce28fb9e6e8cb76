import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { parseServerFile } from '../protocol/discovery.ts';
import { SlipwayError } from '../protocol/errors.ts';
import { type Address, type Client, createClient } from './client.ts';
import type { Target } from './command.ts';
import type { Shell } from './shell.ts';
import { usageError } from './usage.ts';

/**
 * The control plane that a command means: `--server` with `--token-file`, else the one that runs on the data folder.
 * @throws SlipwayError `server.notRunning`, `server.otherHost`, `usage`
 */
export async function connect(target: Target, shell: Shell): Promise<Client> {
  const locate = () => findServer(target, shell);
  return createClient(await locate(), locate, shell.signal);
}

async function findServer(target: Target, shell: Shell): Promise<Address> {
  const { data, server, tokenFile } = target;
  if (server !== undefined) {
    if (tokenFile === undefined)
      throw usageError('--server needs --token-file FILE', 'The token is DIR/token of its data folder.');
    if (!URL.canParse(server))
      throw usageError(`--server ${server} is not a URL`, 'Write for example http://127.0.0.1:4000.');
    return { url: server.replace(/\/+$/, ''), token: await readToken(resolve(shell.cwd, tokenFile)) };
  }
  if (tokenFile !== undefined)
    throw usageError('--token-file needs --server URL', 'Without it the data folder is asked.');
  const found = parseServerFile(await readFile(join(data, 'server.json'), 'utf8').catch(() => ''));
  if (!found) throw notRunning(data);
  const { pid, host, bootId, url } = found;
  if (host !== hostname()) {
    throw new SlipwayError(
      'server.otherHost',
      `The control plane of ${data} runs on another machine, ${host}.`,
      'Use it there, or name one with --server URL --token-file FILE.',
    );
  }
  if (!(await isSameBoot(bootId)) || !isAlive(pid)) throw notRunning(data);
  return { url: url.replace(/\/+$/, ''), token: await readToken(join(data, 'token')) };
}

function notRunning(data: string): SlipwayError {
  return new SlipwayError(
    'server.notRunning',
    `No control plane runs on ${data}.`,
    `Start one: slipway serve --data ${data} (or let the editor start it), or name another with --data or --server.`,
    503,
  );
}

async function readToken(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    throw new SlipwayError(
      'client.token',
      `The token ${path} cannot be read: ${(error as Error).message}`,
      'Check its path and who owns it.',
    );
  }
}

/** Whether a process runs, also one of another user. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A file from before the last reboot names a process id that may be anybody's now. */
async function isSameBoot(bootId: string | null | undefined): Promise<boolean> {
  if (!bootId || process.platform !== 'linux') return true;
  const current = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => bootId);
  return current.trim() === bootId.trim();
}
