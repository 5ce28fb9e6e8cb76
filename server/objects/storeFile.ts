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
  utimesSync,
  writeSync,
} from 'node:fs';
import { SlipwayError } from '../protocol/errors.ts';
import { isNoEntry, OBJECT_MODE } from './fileStore.ts';
import { type FileState, isSameState } from './fileTable.ts';
import { objectPath } from './layout.ts';

/** A file that was read: its digests and, when the store did not have it, where its copy waits for its name. */
export interface StoredFile {
  md5: string;
  sha256: string;
  bytes: number;
  hashedAtMs: number;
  /** Whether a copy was written to the temporary path. */
  isCopied: boolean;
}

/** Files up to this size are read at once, and written only when the store does not have them yet. */
const BUFFER_BYTES = 1 << 20;
/** Whether a file created with {@link OBJECT_MODE} gets another mode. */
const IS_MODE_MASKED = (process.umask() & OBJECT_MODE) !== 0;

/**
 * Reads files into a store, one at a time, each byte once: both digests and the copy come from the same read. Made for
 * a thread: every call blocks. Copies stay under temporary names until the caller has synced and renamed them.
 */
export class FileReader {
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  readonly #root: string | null;
  readonly #checkpoint: () => void;
  #canReflink = true;

  /**
   * @param root the store's root; null: only the digests are wanted
   * @param checkpoint called between pieces; may throw to cancel
   */
  constructor(root: string | null, checkpoint: () => void) {
    this.#root = root;
    this.#checkpoint = checkpoint;
  }

  /**
   * @param state as the walk saw the file
   * @param temporary an unused path on the store's file system, for a copy if the store lacks the object
   * @throws SlipwayError `dataset.changedDuringAdd` when the file is not, or does not stay, in that state
   */
  read(path: string, state: FileState, temporary: string): StoredFile {
    this.#checkpoint();
    const hashedAtMs = Date.now();
    const fd = openUnchanged(path, state);
    try {
      const stored =
        state.size < BUFFER_BYTES ? this.#readSmall(fd, state.size, temporary) : this.#readLarge(fd, path, temporary);
      if (stored.bytes !== state.size || !isSameState(fstatSync(fd), state)) {
        if (stored.isCopied) unlinkSync(temporary);
        throw changedDuringAdd(path);
      }
      return { ...stored, hashedAtMs };
    } finally {
      closeSync(fd);
    }
  }

  #readSmall(fd: number, size: number, temporary: string): Omit<StoredFile, 'hashedAtMs'> {
    // One more than there should be: a file that has grown is seen by it, and no second read is needed to find its end.
    const wanted = size + 1;
    let bytes = 0;
    for (let n = -1; n !== 0 && bytes !== size; bytes += n) {
      n = readSync(fd, this.#buffer, bytes, wanted - bytes, null);
    }
    const content = this.#buffer.subarray(0, bytes);
    const md5 = hash('md5', content);
    const found = { md5, sha256: hash('sha256', content), bytes };
    if (this.#root === null || isKept(this.#root, md5, bytes)) return { ...found, isCopied: false };
    const out = openSync(temporary, 'wx', OBJECT_MODE);
    try {
      writeAll(out, content);
      if (IS_MODE_MASKED) fchmodSync(out, OBJECT_MODE);
    } finally {
      closeSync(out);
    }
    return { ...found, isCopied: true };
  }

  /** Copies first where the file system shares blocks, so that what is hashed is what is stored; else as it reads. */
  #readLarge(fd: number, path: string, temporary: string): Omit<StoredFile, 'hashedAtMs'> {
    if (this.#root === null) return { ...this.#digest(fd, null), isCopied: false };
    const found = this.#reflink(path, temporary) ? this.#digestFile(temporary) : this.#copy(fd, temporary);
    if (!isKept(this.#root, found.md5, found.bytes)) return { ...found, isCopied: true };
    unlinkSync(temporary);
    return { ...found, isCopied: false };
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

/** As {@link isStored}; and the object is touched, so that it is not taken for old by whoever removes what nothing needs. */
function isKept(root: string, md5: string, bytes: number): boolean {
  if (!isStored(root, md5, bytes)) return false;
  try {
    const now = new Date();
    utimesSync(objectPath(root, md5), now, now);
    return true;
  } catch (error) {
    // Removed this moment: stored again. A store that others own can be added to without being touched.
    return !isNoEntry(error);
  }
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

function openUnchanged(path: string, state: FileState): number {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw changedDuringAdd(path, error);
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
    throw new SlipwayError('dataset.unreadable', `${path} may not be read.`, 'Give yourself access to it.', 400, {
      cause: error,
    });
  }
  if (isSameState(fstatSync(fd), state)) return fd;
  closeSync(fd);
  throw changedDuringAdd(path);
}

function writeAll(fd: number, content: Uint8Array): void {
  for (let at = 0; at < content.byteLength; ) at += writeSync(fd, content, at);
}
