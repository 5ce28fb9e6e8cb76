import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { SlipwayError } from '../protocol/errors.ts';
import { forEachBounded } from './bounded.ts';
import { syncPath } from './durability.ts';
import { FileStore, isNoEntry } from './fileStore.ts';
import type { Remote } from './remote.ts';
import { damaged, unreachable } from './remoteErrors.ts';
import { isTransient, withRetries } from './retries.ts';
import { siblingOf } from './writeFiles.ts';

const LOOK_UPS_AT_ONCE = 32;

/** A remote that is a folder: on another disk, or of a NAS. */
export class FolderRemote implements Remote {
  readonly address: string;
  readonly #store: FileStore;

  private constructor(address: string, folder: string) {
    this.address = address;
    this.#store = new FileStore(folder);
  }

  /** @throws SlipwayError `remote.unreachable` when neither the folder nor the one it would be made in is there */
  static async open(address: string, folder: string): Promise<FolderRemote> {
    const isThere = async (path: string) => (await stat(path).catch(() => null))?.isDirectory() === true;
    if ((await isThere(folder)) || (await isThere(dirname(folder)))) return new FolderRemote(address, folder);
    throw new SlipwayError(
      'remote.unreachable',
      `The remote ${address} is not there, nor the folder it would be made in.`,
      'Check the path, and that the share is mounted.',
      502,
    );
  }

  async present(digests: readonly string[], signal?: AbortSignal): Promise<Set<string>> {
    const found = new Set<string>();
    await forEachBounded(digests, LOOK_UPS_AT_ONCE, signal, async (digest) => {
      if (await this.#store.has(digest)) found.add(digest);
    });
    return found;
  }

  async upload(digest: string, path: string): Promise<void> {
    const stored = await this.#store.putFile(path, digest.endsWith('.dir') ? 'dir' : 'file');
    if (stored.digest === digest) return;
    await this.#store.delete(stored.digest);
    throw damaged(digest, path);
  }

  download(digest: string): Promise<Readable> {
    return this.#store.open(digest);
  }

  async writeNote(name: string, text: string): Promise<void> {
    const path = join(this.#store.root, name);
    await mkdir(dirname(path), { recursive: true });
    const temporary = siblingOf(path);
    try {
      await writeFile(temporary, text);
      await syncPath(temporary);
      await rename(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async readNote(name: string): Promise<string | null> {
    try {
      return await readFile(join(this.#store.root, name), 'utf8');
    } catch (error) {
      if (isNoEntry(error)) return null;
      throw error;
    }
  }

  async listNotes(prefix: string): Promise<string[]> {
    try {
      const names = await readdir(join(this.#store.root, prefix));
      return names.filter((name) => !name.startsWith('.')).map((name) => `${prefix}${name}`);
    } catch (error) {
      if (isNoEntry(error)) return [];
      throw error;
    }
  }

  retrying<T>(what: string, work: () => Promise<T>, signal?: AbortSignal, patienceMs?: number): Promise<T> {
    return withRetries(work, {
      isTransient,
      signal,
      patienceMs,
      explain: (error) => unreachable(this.address, what, error),
    });
  }

  close(): void {}
}
