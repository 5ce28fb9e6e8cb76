import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SlipwayError } from '../protocol/errors.ts';
import { findObject } from './alternates.ts';
import { forEachBounded } from './bounded.ts';
import { isNoEntry } from './fileStore.ts';

/** A file of a version: its name, from a manifest that is not trusted, and its object's digest. */
export interface CheckoutEntry {
  relpath: string;
  md5: string;
}

/** Copies at once: enough to keep a network mount busy. */
const CONCURRENCY = 16;

/**
 * Writes files into a new folder, as reflinks where the file system can, else as copies. They are copies to whoever
 * opens them: nothing written to them reaches the store.
 * @param mode of each file
 * @throws SlipwayError `dataset.manifest`, `object.missing`, `checkout.noRoom`
 */
export async function writeFiles(
  storeRoot: string,
  entries: readonly CheckoutEntry[],
  folder: string,
  mode: number,
  signal?: AbortSignal,
): Promise<void> {
  for (const { relpath } of entries) assertInside(relpath);
  await mkdir(folder, { recursive: true });
  for (const parent of new Set(entries.map(({ relpath }) => dirname(relpath)))) {
    await mkdir(join(folder, parent), { recursive: true }).catch(explain(parent));
  }
  await forEachBounded(entries, CONCURRENCY, signal, async ({ relpath, md5 }) => {
    const object = findObject(storeRoot, md5);
    const path = join(folder, relpath);
    await copyFile(object, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE).catch(explain(relpath, object));
    await chmod(path, mode);
  });
}

/** A new name beside a path, on the same file system, for what a rename shall put there. */
export function siblingOf(path: string): string {
  return join(dirname(path), `.${basename(path).slice(0, 32)}-${randomUUID()}`);
}

/** A name out of a manifest never leads out of the folder; the folder is new, so there are no links in it either. */
function assertInside(relpath: string): void {
  const parts = relpath.split('/');
  if (!relpath.includes('\0') && parts.every((part) => part !== '' && part !== '.' && part !== '..')) return;
  throw badManifest(`names a file outside the dataset: ${JSON.stringify(relpath)}`);
}

function explain(relpath: string, object?: string): (error: unknown) => never {
  return (error) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new SlipwayError(
        'checkout.noRoom',
        `No room left to write ${JSON.stringify(relpath)}.`,
        'Make room.',
        507,
        {
          cause: error,
        },
      );
    }
    if (code === 'EEXIST' || code === 'ENOTDIR') throw badManifest(`names ${JSON.stringify(relpath)} twice`, error);
    if (object === undefined || !isNoEntry(error)) throw error;
    throw new SlipwayError(
      'object.missing',
      `The bytes of ${JSON.stringify(relpath)} are not in the store (${object}).`,
      'Pull the dataset again, or check it with `slipway dataset verify`.',
      404,
      { cause: error },
    );
  };
}

function badManifest(problem: string, cause?: unknown): SlipwayError {
  return new SlipwayError(
    'dataset.manifest',
    `The dataset's manifest ${problem}.`,
    'It was not written by Slipway or DVC. Do not use it.',
    400,
    { cause },
  );
}
