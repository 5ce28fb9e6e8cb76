/** Dataset versions and their splits: reading the bytes, then telling the reducer what they are. */
import { readFile } from 'node:fs/promises';
import { type DatasetState, type DatasetVersionState, presentDatasetVersions } from '../domain/dataset/dataset.ts';
import { findLeakage } from '../domain/dataset/leakage.ts';
import type { DirEntry } from '../domain/dataset/manifest.ts';
import { type PreviousSplit, type Split, splitDataset, splitDocument } from '../domain/dataset/split.ts';
import {
  type AddProgress,
  addAlternate,
  addFolder,
  type DvcRepository,
  findDvcRepository,
  materialize,
  writeDvcFile,
} from '../objects/index.ts';
import { SlipwayError } from '../protocol/errors.ts';
import type { SplitSpec } from '../protocol/slipwayFile.ts';
import { readFolder } from './bytes.ts';
import type { Context } from './context.ts';
import { findEntry, readEntries } from './manifestFile.ts';
import { type LatestVersion, VersionSummary } from './summarizeVersion.ts';

export interface AddVersionRequest {
  name: string;
  path: string;
  project: string;
  rehash?: boolean;
  /** Whether to write `PATH.dvc` and `.gitignore` as `dvc add` does: always, or where the path lies in a DVC repository. */
  dvc?: 'always' | 'inRepository';
  signal?: AbortSignal;
  onProgress?: (progress: AddProgress) => void;
}

export interface AddedVersion {
  version: DatasetVersionState;
  /** False when the bytes are those of the latest version. */
  isNew: boolean;
  seconds: number;
}

/**
 * Adds what a path holds as a new version, unless its bytes are those of the latest.
 * @throws SlipwayError `dataset.empty`, `dataset.fileName`, `dataset.changedDuringAdd`, …
 */
export function addVersion(context: Context, request: AddVersionRequest): Promise<AddedVersion> {
  // Until a version names them, nothing else keeps the objects that it counts on.
  return context.storeUse.sharing(() => addAlone(context, request));
}

async function addAlone(context: Context, request: AddVersionRequest): Promise<AddedVersion> {
  const { name, project } = request;
  const repository = request.dvc ? await findDvcRepository(request.path) : null;
  const storeRoot = repository?.cacheFolder ?? context.folders.objects;
  const before = await context.engine.state<DatasetState>('dataset', name);
  const latest = before && presentDatasetVersions(before).at(-1);
  const summaryInput: LatestVersion | null = latest
    ? { md5: latest.md5, isFolder: latest.isFolder, name: fileNameOf(latest) }
    : null;
  const added = await addFolder({
    path: request.path,
    storeRoot,
    statIndexFolder: context.statIndexFolder,
    rehash: request.rehash,
    workerPath: context.addWorkerPath,
    summaryInput,
    signal: request.signal,
    onProgress: request.onProgress,
  });
  const summary = VersionSummary.parse(added.summary);
  addAlternate(context.folders.objects, storeRoot);
  if (repository !== null || request.dvc === 'always')
    await writeDvc(request.path, summary, added.isSingleFile, repository);
  await context.engine.send('dataset', name, {
    type: 'versionAdded',
    name,
    ...summary,
    isFolder: !added.isSingleFile,
    source: added.root,
    project,
    actor: context.actor,
  });
  const after = await context.engine.state<DatasetState>('dataset', name);
  const version = presentDatasetVersions(after!).at(-1)!;
  return { version, isNew: version.version !== latest?.version, seconds: added.seconds };
}

async function writeDvc(
  path: string,
  { md5, bytes, files }: VersionSummary,
  isSingleFile: boolean,
  repository: DvcRepository | null,
): Promise<void> {
  const output = { digest: isSingleFile ? md5 : `${md5}.dir`, bytes, files: isSingleFile ? null : files };
  await writeDvcFile(path, output, repository);
}

/** The files of a version. A single file has its own name as the only relpath. */
export async function entriesOf(context: Context, version: DatasetVersionState): Promise<DirEntry[]> {
  if (version.isFolder) return readFolder(context.objects, version.md5);
  return [{ relpath: fileNameOf(version), md5: version.md5 }];
}

/** One file of a version, without reading the names of the others; null when there is none of that name. */
export async function findFile(
  context: Context,
  version: DatasetVersionState,
  relpath: string,
): Promise<DirEntry | null> {
  if (version.isFolder) return findEntry(context.objects.localPath(`${version.md5}.dir`), relpath);
  return (await entriesOf(context, version)).find((entry) => entry.relpath === relpath) ?? null;
}

/** A page of the files whose names begin with a prefix, in order. */
export async function pageOfFiles(
  context: Context,
  version: DatasetVersionState,
  page: { prefix: string; cursor: number | null; limit: number },
): Promise<{ entries: DirEntry[]; next: number | null }> {
  if (version.isFolder) return readEntries(context.objects.localPath(`${version.md5}.dir`), page);
  const entries = await entriesOf(context, version);
  return { entries: entries.filter(({ relpath }) => relpath.startsWith(page.prefix)), next: null };
}

function fileNameOf(version: DatasetVersionState): string {
  return version.source.split('/').at(-1)!;
}

/** One version of a dataset; the latest if no number is given. @throws SlipwayError `dataset.unknown` */
export async function findVersion(context: Context, name: string, version?: number): Promise<DatasetVersionState> {
  const state = await context.engine.state<DatasetState>('dataset', name);
  const present = state ? presentDatasetVersions(state) : [];
  const found = version === undefined ? present.at(-1) : present.find((one) => one.version === version);
  if (found) return found;
  const what = version === undefined ? `The dataset ${name}` : `The dataset version ${name}@v${version}`;
  throw new SlipwayError('dataset.unknown', `${what} does not exist.`, 'See `slipway dataset list`.', 404);
}

/** Splits a version, unless it has this very split already. Files that were in the version before keep their side. */
export async function makeSplit(
  context: Context,
  name: string,
  version: DatasetVersionState,
  spec: SplitSpec,
  project: string,
): Promise<DatasetVersionState> {
  const files = await entriesOf(context, version);
  const result = splitDataset(files, spec, await splitBefore(context, name, version, spec));
  const leakage = findLeakage(files, result, spec.strategy === 'group' ? (spec.by ?? 'label') : undefined);
  const document = await context.objects.put(Buffer.from(splitDocument(result.spec, result)));
  await context.engine.send('dataset', name, {
    type: 'splitMade',
    version: version.version,
    project,
    split: {
      strategy: spec.strategy,
      by: spec.by,
      seed: spec.seed,
      share: spec.test,
      folds: spec.folds,
      train: result.train.length,
      test: result.test.length,
      classes: result.classes,
      moved: result.moved.length,
      leakage,
      md5: document.digest,
      sha256: document.sha256,
    },
  });
  return findVersion(context, name, version.version);
}

/** The file lists of a version's split. */
export async function readSplit(context: Context, version: DatasetVersionState): Promise<Split | undefined> {
  if (!version.split) return undefined;
  const path = context.objects.localPath(version.split.md5);
  if (path === null)
    throw new SlipwayError('object.missing', `The split ${version.split.md5} is not in the store.`, '', 404);
  return JSON.parse(await readFile(path, 'utf8')) as Split;
}

/** The read-only folder with a version's files, shared by all runs that read it. */
export async function folderOf(context: Context, version: DatasetVersionState): Promise<string> {
  const entries = await entriesOf(context, version);
  const digest = version.isFolder ? `${version.md5}.dir` : version.md5;
  return materialize(context.folders.objects, entries, digest, context.folders.cache, context.signal);
}

/** The nearest earlier version with a split by the same rule. */
async function splitBefore(
  context: Context,
  name: string,
  version: DatasetVersionState,
  spec: SplitSpec,
): Promise<PreviousSplit | undefined> {
  const state = await context.engine.state<DatasetState>('dataset', name);
  const before = state?.versions.findLast(
    (one) =>
      !one.isDeleted &&
      one.version < version.version &&
      one.split?.strategy === spec.strategy &&
      one.split.seed === spec.seed,
  );
  const split = before && (await readSplit(context, before));
  return split && { files: await entriesOf(context, before), split };
}
