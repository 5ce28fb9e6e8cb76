import { readFile } from 'node:fs/promises';
import {
  type DirEntry,
  dirManifest,
  folderDigests,
  listing,
  type ManifestEntry,
  parseDirManifest,
} from '../domain/dataset/manifest.ts';
import type { ObjectStore } from '../objects/index.ts';
import { SlipwayError } from '../protocol/errors.ts';

/** A folder in the object store: its manifest, and the listing whose SHA-256 is the folder's own. */
export interface StoredFolder {
  /** Of the `.dir` manifest, without the suffix. */
  md5: string;
  sha256: string;
  files: number;
  bytes: number;
}

/** Stores the manifest and the listing of files that are in the store already; children come before the manifest. */
export async function storeFolder(objects: ObjectStore, entries: readonly ManifestEntry[]): Promise<StoredFolder> {
  const { sha256, files, bytes } = folderDigests(entries);
  await objects.put(Buffer.from(listing(entries)));
  const manifest = await objects.put(Buffer.from(dirManifest(entries)), 'dir');
  return { md5: manifest.digest.replace(/\.dir$/, ''), sha256, files, bytes };
}

/** The entries of a stored folder. @throws SlipwayError `object.missing` */
export async function readFolder(objects: ObjectStore, md5: string): Promise<DirEntry[]> {
  const path = objects.localPath(`${md5}.dir`);
  if (path === null) {
    throw new SlipwayError(
      'object.missing',
      `The manifest ${md5}.dir is not in the object store.`,
      'Pull it again.',
      404,
    );
  }
  return parseDirManifest(await readFile(path, 'utf8'));
}
