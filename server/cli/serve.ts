/** The composition root: builds a control plane from a data folder, with its API, and runs it until it is told to end. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { constants } from 'node:fs';
import { access, appendFile, mkdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { homedir, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ApiHandle, startApi } from '../api/index.ts';
import type { Signer } from '../domain/lineage/receipt.ts';
import type { Folders, Log } from '../engine/context.ts';
import { startControlPlane } from '../engine/controlPlane.ts';
import type { ServerFile } from '../protocol/discovery.ts';
import { SlipwayError } from '../protocol/errors.ts';
import { LocalRuntime, readBootId, tryLock } from '../runtimes/index.ts';
import { writeAtomically } from '../runtimes/writeAtomically.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { installation } from './installation.ts';

export interface ServeOptions {
  /** The data folder. */
  data: string;
  /** 0 for any free port. */
  port: number;
  allowHosts: string[];
  /** Who started it and ends it, for server.json: `start` for `npm start`. */
  startedBy?: string;
  /** Called once everything answers. */
  onReady?: (server: RunningServer) => void;
}

export interface RunningServer {
  url: string;
  token: string;
  ticketUrl(page?: string): string;
}

const host = '127.0.0.1';

/** Runs the control plane of a data folder; resolves when it has ended (SIGTERM, SIGINT, or a hand-over). */
export async function serve(options: ServeOptions): Promise<void> {
  const { data } = options;
  await prepareDataFolder(data);
  const lock = tryLock(join(data, 'server.lock'));
  if (!lock) {
    throw new SlipwayError(
      'server.running',
      `A control plane runs on ${data} already.`,
      'Use it, or end it first: see server.json there.',
      409,
    );
  }
  const log = logTo(join(data, 'server.log'));
  const { resolve: end, promise: ended } = Promise.withResolvers<string>();
  const onSignal = (signal: NodeJS.Signals) => end(signal);
  process.once('SIGTERM', onSignal);
  process.once('SIGINT', onSignal);
  process.on('uncaughtException', (error) => {
    log('error', 'uncaught', { stack: error.stack });
    end('uncaught exception');
  });
  try {
    await run(options, log, end, ended);
  } finally {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
    lock.release();
  }
}

async function run(options: ServeOptions, log: Log, end: (why: string) => void, ended: Promise<string>): Promise<void> {
  const { data } = options;
  const { root, version, addWorkerPath, launcherPath, mainPath } = installation();
  const folders: Folders = {
    data,
    runs: join(data, 'runs'),
    workloads: join(data, 'workloads'),
    objects: join(data, 'objects'),
    secrets: join(data, 'secrets'),
    environments: join(data, 'environments'),
    cache: join(data, 'cache'),
    gateway: join(data, 'gateway'),
    sockets: socketFolder(data),
    resources: join(root, 'resources'),
  };
  const identity = await readIdentity(data);
  const store = openSqliteStore(join(data, 'slipway.db'));
  const asNode: Record<string, string> = process.versions['electron'] ? { ELECTRON_RUN_AS_NODE: '1' } : {};
  const runtime = new LocalRuntime({
    root: folders.workloads,
    launcherPath,
    launcherEnv: asNode,
    onProblem: (error) => log('warn', 'a workload could not be looked at', { error: String(error) }),
  });
  const controlPlane = await startControlPlane({
    version,
    instance: identity.instance,
    store,
    signer: identity.signer,
    publicKeys: { [identity.signer.keyid]: identity.spki },
    actor: identity.actor,
    runtime,
    folders,
    statIndexFolder: join(data, 'files'),
    addWorkerPath,
    gateway: { command: [process.execPath, mainPath, 'gateway'], env: asNode, host },
    env: process.env,
    log,
  });
  let api: ApiHandle | undefined;
  try {
    const portFile = join(data, 'port');
    api = await listen(options, Number(await readFile(portFile, 'utf8').catch(() => '0')), (port) =>
      startApi({
        controlPlane,
        host,
        port,
        allowHosts: options.allowHosts,
        token: identity.token,
        pagesFolder: join(root, 'dist', 'webview'),
        log,
        onHandOver: () => end('hand-over'),
      }),
    );
    // The port is kept over restarts, so that a page that is open finds the next control plane.
    await writeFile(portFile, new URL(api.url).port, { mode: 0o600 });
    await writeServerFile(options, api.url);
    // Only now: who finds it ready reads the pid of this process, not of the one before.
    api.markReady();
    log('info', 'ready', { url: api.url, version });
    options.onReady?.({ url: api.url, token: identity.token, ticketUrl: api.ticketUrl });
    log('info', 'ends', { why: await ended });
  } finally {
    await api?.close();
    await controlPlane.close();
    await rm(join(data, 'server.json'), { force: true });
  }
}

async function listen(
  options: ServeOptions,
  last: number,
  start: (port: number) => Promise<ApiHandle>,
): Promise<ApiHandle> {
  if (options.port !== 0) {
    try {
      return await start(options.port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      throw new SlipwayError(
        'server.portTaken',
        `Port ${options.port} is taken by another program.`,
        'Choose another: --port 0 takes any free one.',
        409,
      );
    }
  }
  try {
    return await start(last);
  } catch (error) {
    if (last === 0 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return start(0);
  }
}

const neededBytes = 64 * 1024 * 1024;

async function prepareDataFolder(data: string): Promise<void> {
  try {
    await mkdir(data, { recursive: true, mode: 0o700 });
    await access(data, constants.W_OK);
  } catch (error) {
    throw new SlipwayError(
      'server.dataFolder',
      `The data folder ${data} cannot be written: ${(error as Error).message}`,
      'Choose another with --data.',
    );
  }
  const room = await statfs(data);
  if (room.bavail * room.bsize < neededBytes) {
    throw new SlipwayError(
      'store.full',
      `There is no room left for ${data}.`,
      'Free some disk space, or choose another folder with --data.',
      507,
    );
  }
  // NFS, SMB, CIFS, FUSE (statfs(2)): SQLite's locks are not to be trusted there.
  if ([0x6969, 0x517b, 0xff534d42, 0xfe534d42].includes(room.type)) {
    throw new SlipwayError(
      'server.networkFolder',
      `The data folder ${data} is on a network file system, where the database is not safe.`,
      'Choose a folder on a local disk with --data; datasets may stay where they are.',
    );
  }
}

interface Identity {
  instance: string;
  actor: string;
  token: string;
  signer: Signer;
  spki: string;
}

async function readIdentity(data: string): Promise<Identity> {
  const keys = join(data, 'keys');
  await mkdir(keys, { recursive: true, mode: 0o700 });
  const pem = await readOrCreate(join(keys, 'receipts.pem'), () =>
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
  const privateKey = createPrivateKey(pem);
  const publicKey = createPublicKey(privateKey);
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  await writeFile(join(keys, 'receipts.pub.pem'), publicKey.export({ type: 'spki', format: 'pem' }), { mode: 0o600 });
  const keyid = createHash('sha256').update(spki).digest('hex');
  return {
    instance: await readOrCreate(join(data, 'instance'), () => randomBytes(8).toString('hex')),
    actor: await readOrCreate(join(data, 'actor'), () => `user-${randomBytes(8).toString('hex')}`),
    token: await readOrCreate(join(data, 'token'), () => randomBytes(32).toString('hex')),
    signer: { keyid, sign: (bytes) => sign(null, bytes, privateKey) },
    spki: spki.toString('base64'),
  };
}

async function readOrCreate(path: string, create: () => string): Promise<string> {
  const known = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  if (known.trim() !== '') return known.trim();
  await writeAtomically(path, create());
  return (await readFile(path, 'utf8')).trim();
}

async function writeServerFile({ data, startedBy }: ServeOptions, url: string): Promise<void> {
  const facts: ServerFile = {
    pid: process.pid,
    host: hostname(),
    bootId: await readBootId(),
    startedAt: Date.now(),
    url,
    startedBy,
  };
  await writeAtomically(join(data, 'server.json'), `${JSON.stringify(facts)}\n`);
}

/** Unix socket paths have 104 bytes on macOS: a data folder with a long path gets a short folder beside it. */
function socketFolder(data: string): string {
  const inside = join(data, 'sockets');
  const room = 104 - 1 - 40;
  if (Buffer.byteLength(inside) <= room) return inside;
  const short = createHash('sha256').update(`${homedir()} ${data}`).digest('hex').slice(0, 16);
  return join(tmpdir(), `slipway-${process.getuid?.() ?? 0}-${short}`);
}

function logTo(path: string): Log {
  let tail = Promise.resolve();
  return (level, message, detail) => {
    const line = `${JSON.stringify({ at: new Date().toISOString(), level, message, ...detail })}\n`;
    // A full disk must not take the control plane down with its log.
    tail = tail.then(() => appendFile(path, line, { mode: 0o600 })).catch(() => {});
  };
}
