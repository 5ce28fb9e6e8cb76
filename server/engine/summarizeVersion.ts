import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import * as z from 'zod';
import { diffManifests } from '../domain/dataset/diff.ts';
import { dirManifestParts, listingLines, sortedOrder } from '../domain/dataset/manifest.ts';
import { FileStore, type FileTable, type Summarize } from '../objects/index.ts';
import { readFolder } from './bytes.ts';

/** The version that the added files are compared with. */
const Latest = z.object({ md5: z.string(), isFolder: z.boolean(), name: z.string() });
export type LatestVersion = z.infer<typeof Latest>;

const Stored = z.object({ md5: z.string(), sha256: z.string() });

/** What a version is, made of its files. */
export const VersionSummary = Stored.extend({
  files: z.number(),
  bytes: z.number(),
  added: z.number(),
  changed: z.number(),
  removed: z.number(),
});
export type VersionSummary = z.infer<typeof VersionSummary>;

const PIECE_CHARACTERS = 1 << 16;

/** Stores the manifest of files that are in the store, and counts what changed against the latest version. */
export const summarizeVersion: Summarize = async (
  { files, isSingleFile, bytes },
  { storeRoot, summaryInput },
  remembered,
) => {
  if (storeRoot === null || summaryInput === undefined) return undefined;
  const latest = Latest.nullable().parse(summaryInput);
  const objects = new FileStore(storeRoot);
  const stored = isSingleFile
    ? { md5: files.md5(0), sha256: files.sha256(0) }
    : ((await stillStored(objects, remembered)) ?? (await storeManifest(objects, files)));
  const changes = await countChanges(objects, files, isSingleFile, stored.md5, latest);
  return { ...stored, files: files.count, bytes, ...changes } satisfies VersionSummary;
};

async function stillStored(objects: FileStore, remembered: unknown): Promise<z.infer<typeof Stored> | null> {
  const { data } = Stored.safeParse(remembered);
  return data && (await objects.has(`${data.md5}.dir`)) ? data : null;
}

async function storeManifest(objects: FileStore, files: FileTable): Promise<z.infer<typeof Stored>> {
  const names = Array.from({ length: files.count }, (_, row) => files.name(row));
  const order = sortedOrder(names);
  function* entries() {
    for (const row of order) yield { relpath: names[row]!, md5: files.md5(row), sha256: files.sha256(row) };
  }
  const listing = createHash('sha256');
  for (const piece of inPieces(listingLines(entries()))) listing.update(piece);
  const manifest = await objects.put(Readable.from(inPieces(dirManifestParts(entries()))), 'dir');
  return { md5: manifest.digest.slice(0, 32), sha256: listing.digest('hex') };
}

function* inPieces(parts: Iterable<string>): Generator<Buffer> {
  let piece = '';
  for (const part of parts) {
    piece += part;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield Buffer.from(piece);
    piece = '';
  }
  if (piece !== '') yield Buffer.from(piece);
}

async function countChanges(
  objects: FileStore,
  files: FileTable,
  isSingleFile: boolean,
  md5: string,
  latest: LatestVersion | null,
): Promise<Pick<VersionSummary, 'added' | 'changed' | 'removed'>> {
  if (latest === null) return { added: files.count, changed: 0, removed: 0 };
  if (latest.md5 === md5 && latest.isFolder !== isSingleFile) return { added: 0, changed: 0, removed: 0 };
  const before = latest.isFolder ? await readFolder(objects, latest.md5) : [{ relpath: latest.name, md5: latest.md5 }];
  const after = Array.from({ length: files.count }, (_, row) => ({ relpath: files.name(row), md5: files.md5(row) }));
  const { added, changed, removed, moved } = diffManifests(before, after);
  return { added: added.length + moved.length, changed: changed.length, removed: removed.length + moved.length };
}
