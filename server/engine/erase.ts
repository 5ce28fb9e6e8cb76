/** Erasing files, as those of one person, from every version of a dataset, so that it can be shown. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import ignore from 'ignore';
import { type DatasetState, presentDatasetVersions } from '../domain/dataset/dataset.ts';
import type { DirEntry, ManifestEntry } from '../domain/dataset/manifest.ts';
import { forEachBounded } from '../objects/bounded.ts';
import { digestsOf } from '../objects/index.ts';
import { SlipwayError } from '../protocol/errors.ts';
import { storeFolder } from './bytes.ts';
import type { Context } from './context.ts';
import { entriesOf, findVersion } from './datasets.ts';
import { findDependents } from './dependents.ts';
import { collectGarbage, neededObjects } from './garbage.ts';

export interface Erased {
  dataset: string;
  /** Files erased, counted once for each version they were in. */
  files: number;
  /** Versions that had such files: they are deleted. */
  deleted: number[];
  /** The version without them, if the latest had any and something is left. */
  version: number | null;
  objects: number;
  /** Objects with these bytes that stay, because something else leads to them: other datasets, outputs of runs. */
  kept: number;
}

const HASHED_AT_ONCE = 8;

/**
 * Deletes every version that has files of the given names, or with their bytes under other names; makes one without
 * them of the latest; and removes the bytes, the names (manifests, splits, stat index) and the copies for runs at once.
 * @param patterns as in `.gitignore`, relative to the dataset's folder
 * @throws SlipwayError `dataset.noFile` when nothing matches
 */
export async function eraseFiles(
  context: Context,
  name: string,
  patterns: readonly string[],
  signal?: AbortSignal,
): Promise<Erased> {
  await findVersion(context, name);
  const { engine } = context;
  const state = (await engine.state<DatasetState>('dataset', name))!;
  const versions = presentDatasetVersions(state);
  const listed = await Promise.all(
    versions.map(async (version) => ({ version, entries: await entriesOf(context, version) })),
  );
  const isNamed = ignore({ ignorecase: false }).add([...patterns]);
  const bytesOf = new Set(
    listed.flatMap(({ entries }) => entries.filter((one) => isNamed.ignores(one.relpath)).map((one) => one.md5)),
  );
  const isErased = (entry: DirEntry) => bytesOf.has(entry.md5) || isNamed.ignores(entry.relpath);
  const affected = listed.filter(({ entries }) => entries.some(isErased));
  if (affected.length === 0) {
    throw new SlipwayError(
      'dataset.noFile',
      `No version of ${name} has a file that is named so.`,
      'Look at the names: slipway dataset show.',
      404,
    );
  }

  const latest = listed.at(-1)!;
  const rest = affected.includes(latest) ? latest.entries.filter((entry) => !isErased(entry)) : [];
  if (rest.length > 0) await addRest(context, name, latest.version, rest, signal);
  for (const { version, entries } of affected) {
    const dependents = await findDependents(engine.store.read, [`dataset:${name}@v${version.version}`]);
    const subjects = dependents.map(({ subject }) => subject);
    const files = entries.filter(isErased).length;
    await engine.send('dataset', name, {
      type: 'deleted',
      version: version.version,
      dependents: subjects,
      erased: files,
    });
  }
  await forgetNames(context);

  const gone = new Set([...bytesOf, ...affected.flatMap(({ version }) => objectsOf(version))]);
  const { objects } = await collectGarbage(context, { dryRun: false, graceMs: 0, only: gone, signal });
  const needed = await neededObjects(context);
  const after = presentDatasetVersions((await engine.state<DatasetState>('dataset', name))!).at(-1);
  return {
    dataset: name,
    files: affected.reduce((sum, { entries }) => sum + entries.filter(isErased).length, 0),
    deleted: affected.map(({ version }) => version.version),
    version: rest.length > 0 ? after!.version : null,
    objects,
    kept: [...bytesOf].filter((digest) => needed.has(digest)).length,
  };
}

async function addRest(
  context: Context,
  name: string,
  latest: DatasetState['versions'][number],
  rest: readonly DirEntry[],
  signal?: AbortSignal,
): Promise<void> {
  const files: ManifestEntry[] = [];
  await forEachBounded(rest, HASHED_AT_ONCE, signal, async ({ relpath, md5 }) => {
    const { sha256, bytes } = await digestsOf(context.objects, md5);
    files.push({ relpath, md5, sha256, bytes });
  });
  const stored = await context.storeUse.sharing(() => storeFolder(context.objects, files));
  const { source, project } = latest;
  await context.engine.send('dataset', name, {
    ...{ type: 'versionAdded', name, ...stored, isFolder: true, source, project, actor: context.actor },
    ...{ added: 0, changed: 0, removed: latest.files - rest.length },
  });
}

/** Splits and manifests are objects; names stand in stat indexes too, which are only a help to the next add. */
async function forgetNames(context: Context): Promise<void> {
  for (const file of await readdir(context.statIndexFolder).catch(() => [])) {
    await rm(join(context.statIndexFolder, file), { force: true });
  }
}

function objectsOf({ md5, isFolder, split }: DatasetState['versions'][number]): string[] {
  return [isFolder ? `${md5}.dir` : md5, ...(split ? [split.md5] : [])];
}
