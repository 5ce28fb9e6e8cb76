/** A PostgreSQL server of its own for tests, on a Unix socket in a temporary folder; never as root. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

const nobody = 65534;
const run = promisify(execFile);

export interface PostgresServer {
  /** A new, empty database, as a connection string. */
  database(): Promise<string>;
  stop(signal: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

/** Undefined where PostgreSQL is not installed. */
export async function makePostgresServer(): Promise<PostgresServer | undefined> {
  const bin = findBin();
  if (!bin) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'slipway-postgres-'));
  const isRoot = process.getuid?.() === 0;
  const as = isRoot ? { uid: nobody, gid: nobody } : {};
  if (isRoot) await chown(folder, nobody, nobody);
  await chmod(folder, 0o700);
  const data = join(folder, 'data');
  const options = { ...as, cwd: '/' };
  await run(join(bin, 'initdb'), ['-D', data, '--auth=trust', '--username=slipway', '--no-sync'], options);
  let server: ChildProcess | undefined;
  let count = 0;
  const urlOf = (name: string) => `postgres:///${name}?host=${encodeURIComponent(folder)}&user=slipway`;

  async function start(): Promise<void> {
    const settings = ['listen_addresses=', `unix_socket_directories=${folder}`, 'fsync=off'];
    const args = ['-D', data, ...settings.flatMap((one) => ['-c', one])];
    server = spawn(join(bin!, 'postgres'), args, { ...options, stdio: 'ignore' });
    const deadline = Date.now() + 30_000;
    for (;;) {
      const client = new pg.Client(urlOf('postgres'));
      try {
        await client.connect();
        await client.end();
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await delay(50); // still starting
      }
    }
  }

  async function stop(signal: NodeJS.Signals): Promise<void> {
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
  }

  await start();
  return {
    start,
    async database() {
      const name = `d${++count}`;
      const client = new pg.Client(urlOf('postgres'));
      await client.connect();
      await client.query(`CREATE DATABASE ${name}`);
      await client.end();
      return urlOf(name);
    },
    stop,
    async remove() {
      await stop('SIGINT');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** `initdb` is on the PATH, or where Debian keeps it. */
function findBin(): string | undefined {
  const debian = [17, 16, 15, 14].map((version) => `/usr/lib/postgresql/${version}/bin`);
  return [...(process.env['PATH'] ?? '').split(delimiter), ...debian].find((folder) => {
    try {
      accessSync(join(folder, 'initdb'), constants.X_OK);
      accessSync(join(folder, 'postgres'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
