import { readFile } from 'node:fs/promises';
import {
  type DirEntry,
  dirManifest,
  folderDigests,
  type ManifestEntry,
  parseDirManifest,
} from '../domain/dataset/manifest.ts';
import type { ObjectStore } from '../objects/index.ts';
import { SlipwayError } from '../protocol/errors.ts';

/** A folder in the object store; `sha256` is that of its files' listing. */
export interface StoredFolder {
  /** Of the `.dir` manifest, without the suffix. */
  md5: string;
  sha256: string;
  files: number;
  bytes: number;
}

/** Stores the manifest of files that are in the store already. */
export async function storeFolder(objects: ObjectStore, entries: readonly ManifestEntry[]): Promise<StoredFolder> {
  const { sha256, files, bytes } = folderDigests(entries);
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
