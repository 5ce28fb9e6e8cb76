import { createHash, randomUUID } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { chmod, copyFile, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { SlipwayError } from '../protocol/errors.ts';
import { findObject } from './alternates.ts';
import { syncPath } from './durability.ts';
import { isDigest, objectPath, temporaryFolder } from './layout.ts';
import type { ObjectState, ObjectStore, StoredObject } from './objectStore.ts';

/** Objects are read-only, as DVC's are; DVC takes a read-only object for a checked one. */
export const OBJECT_MODE = 0o444;

/** Objects as files of one folder, on a local disk or a mounted one. Safe for several processes at once. */
export class FileStore implements ObjectStore {
  readonly root: string;

  /** @param root the folder that holds `files/md5`; made when something is stored */
  constructor(root: string) {
    this.root = root;
  }

  async has(digest: string): Promise<boolean> {
    return (await this.size(digest)) !== null;
  }

  async size(digest: string): Promise<number | null> {
    try {
      return (await stat(findObject(this.root, digest))).size;
    } catch (error) {
      if (isNoEntry(error)) return null;
      throw error;
    }
  }

  async put(source: Uint8Array | Readable, kind: 'file' | 'dir' = 'file'): Promise<StoredObject> {
    const temporary = await this.#temporaryPath();
    try {
      const handle = await open(temporary, 'wx', OBJECT_MODE);
      const digester = createDigester();
      try {
        for await (const chunk of source instanceof Uint8Array ? [source] : source) {
          digester.update(chunk);
          await handle.writeFile(chunk);
        }
        await handle.sync();
      } finally {
        await handle.close();
      }
      return await this.#keep(temporary, digester.finish(), kind);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async putFile(path: string, kind: 'file' | 'dir' = 'file'): Promise<StoredObject> {
    const temporary = await this.#temporaryPath();
    try {
      await copyFile(path, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      await chmod(temporary, OBJECT_MODE);
      await syncPath(temporary);
      return await this.#keep(temporary, await digestStream(createReadStream(temporary)), kind);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async open(digest: string): Promise<Readable> {
    const path = findObject(this.root, digest);
    try {
      return (await open(path, 'r')).createReadStream();
    } catch (error) {
      if (!isNoEntry(error)) throw error;
      throw new SlipwayError(
        'object.missing',
        `The object ${digest} is not in the store (${path}).`,
        'Pull the dataset again, or check the store with `slipway dataset verify`.',
        404,
        { cause: error },
      );
    }
  }

  localPath(digest: string): string {
    return findObject(this.root, digest);
  }

  async *list(): AsyncIterable<{ digest: string; bytes: number }> {
    const folder = join(this.root, 'files', 'md5');
    for (const shard of await readdirOrNone(folder)) {
      for (const name of await readdirOrNone(join(folder, shard))) {
        const digest = shard + name;
        if (!isDigest(digest)) continue;
        const bytes = await this.size(digest);
        if (bytes !== null) yield { digest, bytes };
      }
    }
  }

  async delete(digest: string): Promise<boolean> {
    try {
      await rm(objectPath(this.root, digest));
      return true;
    } catch (error) {
      if (isNoEntry(error)) return false;
      throw error;
    }
  }

  async verify(digest: string): Promise<ObjectState> {
    try {
      const found = await digestStream(createReadStream(findObject(this.root, digest)));
      return found.md5 === digest.slice(0, 32) ? 'ok' : 'wrong';
    } catch (error) {
      if (isNoEntry(error)) return 'missing';
      throw error;
    }
  }

  async #temporaryPath(): Promise<string> {
    const folder = temporaryFolder(this.root);
    await mkdir(folder, { recursive: true });
    return join(folder, randomUUID());
  }

  async #keep(temporary: string, found: FileDigests, kind: 'file' | 'dir'): Promise<StoredObject> {
    const digest = kind === 'dir' ? `${found.md5}.dir` : found.md5;
    const path = objectPath(this.root, digest);
    const isNewShard = (await mkdir(dirname(path), { recursive: true })) !== undefined;
    const isThere = (await stat(path).catch(() => null))?.size === found.bytes;
    // Touched, so that what is stored again is not taken for old by whoever removes what nothing needs.
    if (isThere) await utimes(path, new Date(), new Date());
    else await rename(temporary, path);
    await syncPath(dirname(path));
    if (isNewShard) await syncPath(dirname(dirname(path)));
    return { digest, sha256: found.sha256, bytes: found.bytes };
  }
}

export interface FileDigests {
  md5: string;
  sha256: string;
  bytes: number;
}

/** Both digests of bytes that come in pieces. */
export function createDigester(): { update(chunk: Uint8Array): void; finish(): FileDigests } {
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  let bytes = 0;
  return {
    update(chunk) {
      md5.update(chunk);
      sha256.update(chunk);
      bytes += chunk.byteLength;
    },
    finish: () => ({ md5: md5.digest('hex'), sha256: sha256.digest('hex'), bytes }),
  };
}

async function digestStream(stream: Readable): Promise<FileDigests> {
  const digester = createDigester();
  for await (const chunk of stream) digester.update(chunk as Uint8Array);
  return digester.finish();
}

export function isNoEntry(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

async function readdirOrNone(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isNoEntry(error)) return [];
    throw error;
  }
}
