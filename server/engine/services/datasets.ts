/** Operations on datasets and their versions. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type DatasetState, presentDatasetVersions } from '../../domain/dataset/dataset.ts';
import { diffManifests } from '../../domain/dataset/diff.ts';
import { checkout } from '../../objects/index.ts';
import type { DatasetVersion } from '../../protocol/entities.ts';
import { SlipwayError } from '../../protocol/errors.ts';
import { addVersion, entriesOf, findFile, findVersion, makeSplit, pageOfFiles, readSplit } from '../datasets.ts';
import { listPage, requireEntity } from '../query.ts';
import { verifyStored } from '../receipts.ts';
import type { Part, ServiceParts } from './parts.ts';
import { requireAbsolute, versionNumber } from './request.ts';
import { startVerifyPushed } from './storage.ts';

export function datasetServices({
  context,
  operations,
}: ServiceParts): Part<
  | 'listDatasets'
  | 'addDatasetVersion'
  | 'listDatasetVersions'
  | 'getDatasetVersion'
  | 'listDatasetFiles'
  | 'readDatasetFile'
  | 'diffDatasetVersions'
  | 'splitDatasetVersion'
  | 'checkoutDatasetVersion'
  | 'verifyDataset'
> {
  const { read } = context.engine.store;
  const viewOf = (name: string, version: number): Promise<DatasetVersion> =>
    requireEntity(read, 'datasetVersions', `${name}@v${version}`);
  const find = (params: { name: string; version: string }) =>
    findVersion(context, params.name, versionNumber(params.version));
  return {
    listDatasets: ({ query }) => listPage(read, 'datasets', query),
    async addDatasetVersion({ body }) {
      requireAbsolute(body.path);
      const { name, path, rehash, dvc } = body;
      if (body.inPlace) {
        throw new SlipwayError(
          'dataset.inPlace',
          'In-place versions are not supported yet.',
          'Add it without --in-place.',
          501,
        );
      }
      const project = body.project ?? name;
      await stat(path).catch(() => {
        throw new SlipwayError('dataset.noPath', `${path} does not exist, or cannot be read.`, 'Check the path.', 404);
      });
      return operations.start('dataset.add', name, 'files', async (report, signal) => {
        const onProgress = (progress: { files: number; totalFiles: number; filesPerSecond: number }) =>
          report({
            done: progress.files,
            total: progress.totalFiles,
            message: `${Math.round(progress.filesPerSecond)} files/s`,
          });
        const { version, isNew, seconds } = await addVersion(context, {
          name,
          path,
          project,
          rehash,
          dvc: dvc ? 'always' : 'inRepository',
          signal,
          onProgress,
        });
        const { files, bytes, sha256, md5, isFolder } = version;
        const changes = isNew ? version : { added: 0, changed: 0, removed: 0 };
        return {
          dataset: name,
          version: version.version,
          digest: isFolder ? `${md5}.dir` : md5,
          sha256,
          files,
          bytes,
          added: changes.added,
          changed: changes.changed,
          removed: changes.removed,
          seconds,
        };
      });
    },
    async listDatasetVersions({ params, query }) {
      await findVersion(context, params.name);
      return listPage(read, 'datasetVersions', query, { parent: params.name });
    },
    async getDatasetVersion({ params }) {
      return viewOf(params.name, (await find(params)).version);
    },
    async listDatasetFiles({ params, query }) {
      const version = await find(params);
      const split = await readSplit(context, version);
      const train = new Set(split?.train);
      const test = new Set(split?.test);
      const prefix = query?.prefix ?? '';
      const limit = query?.limit ?? 500;
      const cursor = query?.cursor ? Number(query.cursor) : null;
      const page = await pageOfFiles(context, version, { prefix, cursor, limit });
      const items = await Promise.all(
        page.entries.map(async ({ relpath, md5 }) => ({
          path: relpath,
          md5,
          bytes: (await context.objects.size(md5)) ?? 0,
          side: train.has(relpath) ? ('train' as const) : test.has(relpath) ? ('test' as const) : undefined,
        })),
      );
      return { items, next: page.next === null ? undefined : String(page.next) };
    },
    async readDatasetFile({ params, query }) {
      const version = await find(params);
      const entry = await findFile(context, version, query.path);
      if (!entry) throw new SlipwayError('dataset.noFile', `${params.name} has no file ${query.path}.`, '', 404);
      return context.objects.open(entry.md5);
    },
    async diffDatasetVersions({ params, query }) {
      const to = await find(params);
      const state = (await context.engine.state<DatasetState>('dataset', params.name))!;
      const from = query?.from
        ? await findVersion(context, params.name, versionNumber(query.from))
        : presentDatasetVersions(state).findLast((one) => one.version < to.version);
      const diff = diffManifests(from ? await entriesOf(context, from) : [], await entriesOf(context, to));
      return { from: from ? `v${from.version}` : null, to: `v${to.version}`, ...diff };
    },
    async splitDatasetVersion({ params, body }) {
      const version = await find(params);
      const { split, project } = body;
      await makeSplit(context, params.name, version, split, project ?? version.project);
      return viewOf(params.name, version.version);
    },
    async checkoutDatasetVersion({ params, body }) {
      requireAbsolute(body.to);
      const version = await find(params);
      return operations.start('dataset.checkout', params.name, 'files', async (_, signal) => {
        const entries = await entriesOf(context, version);
        const recordFolder = join(context.folders.data, 'checkouts');
        await checkout({ storeRoot: context.folders.objects, entries, to: body.to, recordFolder, signal });
        return { dataset: params.name, version: version.version, to: body.to, files: entries.length };
      });
    },
    async verifyDataset({ params, body }) {
      await findVersion(context, params.name);
      const { remote, s3 } = body;
      if (remote !== undefined) return startVerifyPushed(context, operations, params.name, remote, s3);
      return operations.start('dataset.verify', params.name, 'objects', async (report) => {
        return verifyStored(
          context,
          {},
          (name) => name.startsWith(`dataset:${params.name}@`),
          (done) => report({ done }),
        );
      });
    },
  };
}
