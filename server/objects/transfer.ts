import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SlipwayError } from '../protocol/errors.ts';
import { forEachBounded } from './bounded.ts';
import { createDigester, type FileDigests, type FileStore, isNoEntry, OBJECT_MODE } from './fileStore.ts';
import { isDigest, objectPath, temporaryFolder } from './layout.ts';
import { nameObjects } from './nameObjects.ts';
import type { Remote } from './remote.ts';

export interface TransferProgress {
  objects: number;
  totalObjects: number;
  bytes: number;
}

export interface TransferOptions {
  signal?: AbortSignal;
  onProgress?: (progress: TransferProgress) => void;
}

export interface Transferred {
  /** Objects that were sent or fetched; the others were there. */
  objects: number;
  bytes: number;
}

/** Small objects wait for each other's round trips; more than that only fills queues. */
const AT_ONCE = 32;
/** When fetched objects are synced and named. */
const PORTION = { objects: 2000, bytes: 128 << 20 };

/**
 * Sends objects to a remote, those that it lacks, many at a time; then `last` (a manifest), so that who finds that finds all.
 * A push that was cut off is gone on with by doing it again.
 * @throws SlipwayError `object.missing`, `object.damaged`, `remote.…`
 */
export async function pushObjects(
  store: FileStore,
  remote: Remote,
  digests: Iterable<string>,
  last: string | null,
  options: TransferOptions = {},
): Promise<Transferred> {
  const { signal, onProgress } = options;
  const unique = [...new Set(digests)];
  const present = await remote.present(last === null ? unique : [...unique, last], signal);
  const missing = unique.filter((digest) => !present.has(digest));
  const totalObjects = unique.length + (last === null ? 0 : 1);
  const done: Transferred = { objects: 0, bytes: 0 };
  const send = async (digest: string) => {
    const path = store.localPath(digest);
    const { size } = await stat(path).catch(explainMissing(digest, path));
    await remote.upload(digest, path, size, signal);
    done.objects++;
    done.bytes += size;
    onProgress?.({ objects: present.size + done.objects, totalObjects, bytes: done.bytes });
  };
  onProgress?.({ objects: present.size, totalObjects, bytes: 0 });
  await forEachBounded(missing, AT_ONCE, signal, send);
  if (last !== null && !present.has(last)) await send(last);
  return done;
}

/**
 * Fetches objects from a remote, those that the store lacks. Each is checked against its digest before it gets its name.
 * @param onFetched told the digests of each object that was fetched
 * @throws SlipwayError `object.missing`, `remote.damaged`, `object.noRoom`, `remote.…`
 */
export async function pullObjects(
  store: FileStore,
  remote: Remote,
  digests: Iterable<string>,
  options: TransferOptions & { onFetched?: (digest: string, found: FileDigests) => void } = {},
): Promise<Transferred> {
  const { signal, onProgress, onFetched } = options;
  const unique = [...new Set(digests)];
  const missing: string[] = [];
  await forEachBounded(unique, AT_ONCE, signal, async (digest) => {
    if (!(await store.has(digest))) missing.push(digest);
  });
  const folder = join(temporaryFolder(store.root), `pull-${randomUUID()}`);
  await mkdir(folder, { recursive: true });
  const done: Transferred = { objects: 0, bytes: 0 };
  let fetched: { temporary: string; object: string; bytes: number }[] = [];
  const name = async () => {
    const portion = fetched;
    fetched = [];
    await nameObjects(folder, portion);
  };
  try {
    await forEachBounded(missing, AT_ONCE, signal, async (digest) => {
      const temporary = join(folder, digest);
      const found = await remote.retrying(`fetch ${digest}`, () => fetchOne(remote, digest, temporary, signal), signal);
      fetched.push({ temporary, object: objectPath(store.root, digest), bytes: found.bytes });
      onFetched?.(digest, found);
      done.objects++;
      done.bytes += found.bytes;
      onProgress?.({
        objects: unique.length - missing.length + done.objects,
        totalObjects: unique.length,
        bytes: done.bytes,
      });
      const waiting = fetched.reduce((sum, { bytes }) => sum + bytes, 0);
      if (fetched.length >= PORTION.objects || waiting >= PORTION.bytes) await name();
    });
  } finally {
    // What was fetched whole makes the next try shorter.
    await name().finally(() => rm(folder, { recursive: true, force: true }));
  }
  return done;
}

/** What is wrong with an object in a remote. A service that finds its own disks damaged may only refuse to give it. */
export type RemoteFault = 'missing' | 'wrong' | 'unreadable';

/** How long one object that is not given is asked for again, before it counts as unreadable. */
const VERIFY_PATIENCE_MS = 5000;

/** Reads every byte of objects in a remote. @returns what is wrong, by digest */
export async function verifyRemote(
  remote: Remote,
  digests: Iterable<string>,
  options: TransferOptions = {},
): Promise<Map<string, RemoteFault>> {
  const { signal, onProgress } = options;
  const unique = [...new Set(digests)];
  const problems = new Map<string, RemoteFault>();
  const done = { objects: 0, bytes: 0 };
  await forEachBounded(unique, AT_ONCE, signal, async (digest) => {
    const read = () => readOne(remote, digest, signal);
    const state = await remote
      .retrying(`read ${digest}`, read, signal, VERIFY_PATIENCE_MS)
      .catch(async (error: unknown): Promise<RemoteFault> => {
        if (!(error instanceof SlipwayError)) throw error;
        // One object that is not given while the remote answers is at fault itself; else the remote is.
        await remote.present([digest], signal);
        return 'unreadable';
      });
    if (typeof state === 'string') problems.set(digest, state);
    else done.bytes += state.bytes;
    done.objects++;
    onProgress?.({ ...done, totalObjects: unique.length });
  });
  return problems;
}

/** The content of a manifest or another small object of a remote. @throws SlipwayError `object.missing`, `remote.damaged` */
export async function readRemote(remote: Remote, digest: string, signal?: AbortSignal): Promise<Buffer> {
  return remote.retrying(
    `read ${digest}`,
    async () => {
      const digester = createDigester();
      const chunks: Uint8Array[] = [];
      for await (const chunk of await remote.download(checked(digest), signal)) {
        digester.update(chunk as Uint8Array);
        chunks.push(chunk as Uint8Array);
      }
      if (digester.finish().md5 !== digest.slice(0, 32)) throw damagedThere(remote, digest);
      return Buffer.concat(chunks);
    },
    signal,
  );
}

async function readOne(
  remote: Remote,
  digest: string,
  signal?: AbortSignal,
): Promise<FileDigests | 'missing' | 'wrong'> {
  const digester = createDigester();
  try {
    for await (const chunk of await remote.download(checked(digest), signal)) {
      signal?.throwIfAborted();
      digester.update(chunk as Uint8Array);
    }
  } catch (error) {
    if (error instanceof SlipwayError && error.code === 'object.missing') return 'missing';
    throw error;
  }
  const found = digester.finish();
  return found.md5 === digest.slice(0, 32) ? found : 'wrong';
}

async function fetchOne(remote: Remote, digest: string, temporary: string, signal?: AbortSignal): Promise<FileDigests> {
  const source = await remote.download(checked(digest), signal);
  const handle = await open(temporary, 'w', OBJECT_MODE);
  const digester = createDigester();
  try {
    for await (const chunk of source) {
      signal?.throwIfAborted();
      digester.update(chunk as Uint8Array);
      await handle.writeFile(chunk as Uint8Array);
    }
    await handle.chmod(OBJECT_MODE);
  } catch (error) {
    await rm(temporary, { force: true });
    throw explainFull(error, temporary);
  } finally {
    source.destroy();
    await handle.close();
  }
  const found = digester.finish();
  if (found.md5 === digest.slice(0, 32)) return found;
  await rm(temporary, { force: true });
  throw damagedThere(remote, digest);
}

/** A digest that comes from elsewhere must not lead to another place. */
function checked(digest: string): string {
  if (isDigest(digest)) return digest;
  throw new SlipwayError('object.digest', `Not an object's digest: ${JSON.stringify(digest)}.`, 'Use 32 hex digits.');
}

function damagedThere(remote: Remote, digest: string): SlipwayError {
  return new SlipwayError(
    'remote.damaged',
    `The object ${digest} in ${remote.address} has other bytes than its name says.`,
    'See what else is damaged: `slipway dataset verify NAME --remote …`. Delete it there and push again from where it is whole.',
    502,
  );
}

function explainFull(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new SlipwayError(
    'object.noRoom',
    `The disk of ${path} is full.`,
    'Make room and pull again: what is there is not fetched twice.',
    507,
    { cause: error },
  );
}

function explainMissing(digest: string, path: string): (error: unknown) => never {
  return (error) => {
    if (!isNoEntry(error)) throw error;
    throw new SlipwayError(
      'object.missing',
      `The object ${digest} is not in the store (${path}).`,
      'Add the data again, or pull it from a remote that has it.',
      404,
      { cause: error },
    );
  };
}

/** Both digests of a stored object. */
export async function digestsOf(store: FileStore, digest: string): Promise<FileDigests> {
  const path = store.localPath(digest);
  const digester = createDigester();
  const { size } = await stat(path);
  if (size < 1 << 20) digester.update(await readFile(path));
  else for await (const chunk of createReadStream(path)) digester.update(chunk as Uint8Array);
  return digester.finish();
}
