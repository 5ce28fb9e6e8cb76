import { createHash, hash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fstatSync,
  openSync,
  readSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { SlipwayError } from '../protocol/errors.ts';
import { OBJECT_MODE } from './fileStore.ts';
import { objectPath } from './layout.ts';
import { fileState } from './statIndex.ts';

/** A file to read, as the walk saw it. */
export interface FileToStore {
  path: string;
  signature: string;
}

/** A file that was read: its digests and, when the store did not have it, where its copy waits for its name. */
export interface StoredFile {
  md5: string;
  sha256: string;
  bytes: number;
  hashedAtNs: bigint;
  temporary: string | null;
}

/** Files up to this size are read at once, and written only when the store does not have them yet. */
const BUFFER_BYTES = 1 << 20;

/**
 * Reads files into a store, one at a time, each byte once: both digests and the copy come from the same read. Made for
 * a thread: every call blocks. Copies stay under temporary names until the caller has synced and renamed them.
 */
export class FileReader {
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  readonly #root: string | null;
  readonly #nextTemporary: () => string;
  readonly #checkpoint: () => void;
  #canReflink = true;

  /**
   * @param root the store's root; null: only the digests are wanted
   * @param nextTemporary an unused path on the store's file system
   * @param checkpoint called between pieces; may throw to cancel
   */
  constructor(root: string | null, nextTemporary: () => string, checkpoint: () => void) {
    this.#root = root;
    this.#nextTemporary = nextTemporary;
    this.#checkpoint = checkpoint;
  }

  /** @throws SlipwayError `dataset.changedDuringAdd` when the file is not, or does not stay, as the walk saw it */
  read(file: FileToStore): StoredFile {
    this.#checkpoint();
    const hashedAtNs = BigInt(Date.now()) * 1_000_000n;
    const fd = openUnchanged(file);
    try {
      const { size: bytes } = fstatSync(fd);
      const stored = bytes < BUFFER_BYTES ? this.#readSmall(fd) : this.#readLarge(fd, file.path);
      if (stored.bytes !== bytes || signatureOf(fd) !== file.signature) {
        if (stored.temporary !== null) unlinkSync(stored.temporary);
        throw changedDuringAdd(file.path);
      }
      return { ...stored, hashedAtNs };
    } finally {
      closeSync(fd);
    }
  }

  #readSmall(fd: number): Omit<StoredFile, 'hashedAtNs'> {
    let bytes = 0;
    for (let n = -1; n !== 0 && bytes < BUFFER_BYTES; bytes += n) {
      n = readSync(fd, this.#buffer, bytes, BUFFER_BYTES - bytes, null);
    }
    const content = this.#buffer.subarray(0, bytes);
    const md5 = hash('md5', content);
    const found = { md5, sha256: hash('sha256', content), bytes };
    if (this.#root === null || isStored(this.#root, md5, bytes)) return { ...found, temporary: null };
    const temporary = this.#nextTemporary();
    const out = openSync(temporary, 'wx', 0o600);
    try {
      writeAll(out, content);
      fchmodSync(out, OBJECT_MODE);
    } finally {
      closeSync(out);
    }
    return { ...found, temporary };
  }

  /** Copies first where the file system shares blocks, so that what is hashed is what is stored; else as it reads. */
  #readLarge(fd: number, path: string): Omit<StoredFile, 'hashedAtNs'> {
    if (this.#root === null) return { ...this.#digest(fd, null), temporary: null };
    const temporary = this.#nextTemporary();
    const found = this.#reflink(path, temporary) ? this.#digestFile(temporary) : this.#copy(fd, temporary);
    if (!isStored(this.#root, found.md5, found.bytes)) return { ...found, temporary };
    unlinkSync(temporary);
    return { ...found, temporary: null };
  }

  #reflink(path: string, temporary: string): boolean {
    if (!this.#canReflink) return false;
    try {
      copyFileSync(path, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
      chmodSync(temporary, OBJECT_MODE);
      return true;
    } catch {
      // The reasons differ by file system (ENOTSUP, EXDEV, EINVAL, ENOSYS…); a real fault shows again in the copy.
      this.#canReflink = false;
      return false;
    }
  }

  #digestFile(path: string): Digests {
    const fd = openSync(path, 'r');
    try {
      return this.#digest(fd, null);
    } finally {
      closeSync(fd);
    }
  }

  #copy(fd: number, temporary: string): Digests {
    const out = openSync(temporary, 'wx', 0o600);
    try {
      const found = this.#digest(fd, out);
      fchmodSync(out, OBJECT_MODE);
      return found;
    } finally {
      closeSync(out);
    }
  }

  #digest(fd: number, out: number | null): Digests {
    const md5 = createHash('md5');
    const sha256 = createHash('sha256');
    let bytes = 0;
    for (;;) {
      this.#checkpoint();
      const n = readSync(fd, this.#buffer, 0, BUFFER_BYTES, null);
      if (n === 0) return { md5: md5.digest('hex'), sha256: sha256.digest('hex'), bytes };
      const chunk = this.#buffer.subarray(0, n);
      md5.update(chunk);
      sha256.update(chunk);
      if (out !== null) writeAll(out, chunk);
      bytes += n;
    }
  }
}

type Digests = Pick<StoredFile, 'md5' | 'sha256' | 'bytes'>;

/** Whether the store has an object of that digest and size; another size is what a power cut left of a foreign write. */
export function isStored(root: string, md5: string, bytes: number): boolean {
  return statSync(objectPath(root, md5), { throwIfNoEntry: false })?.size === bytes;
}

export function changedDuringAdd(path: string, cause?: unknown): SlipwayError {
  return new SlipwayError(
    'dataset.changedDuringAdd',
    `${path} changed while the dataset was being added; no version was made.`,
    'Add the dataset again when nothing writes to it any more.',
    409,
    { cause },
  );
}

function openUnchanged(file: FileToStore): number {
  let fd: number;
  try {
    fd = openSync(file.path, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw changedDuringAdd(file.path, error);
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
    throw new SlipwayError('dataset.unreadable', `${file.path} may not be read.`, 'Give yourself access to it.', 400, {
      cause: error,
    });
  }
  if (signatureOf(fd) === file.signature) return fd;
  closeSync(fd);
  throw changedDuringAdd(file.path);
}

function signatureOf(fd: number): string {
  return fileState(fstatSync(fd, { bigint: true })).signature;
}

function writeAll(fd: number, content: Uint8Array): void {
  for (let at = 0; at < content.byteLength; ) at += writeSync(fd, content, at);
}
