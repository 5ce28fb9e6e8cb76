/** Operations on where datasets' bytes lie: remotes, deleting versions, erasing files, freeing room. */
import { type DatasetState, presentDatasetVersions } from '../../domain/dataset/dataset.ts';
import type { S3Access, TransferProgress } from '../../objects/index.ts';
import type { Operation } from '../../protocol/entities.ts';
import type { Context } from '../context.ts';
import { findVersion } from '../datasets.ts';
import { findDependents } from '../dependents.ts';
import { eraseFiles } from '../erase.ts';
import { collectGarbage } from '../garbage.ts';
import type { Operations, Progress } from '../operations.ts';
import { pullVersion, pushVersion, verifyPushed } from '../transfers.ts';
import type { Part, ServiceParts } from './parts.ts';
import { versionNumber } from './request.ts';

/** What is younger stays, where nothing else is said. */
const GRACE_MS = 3600 * 1000;

export function storageServices({
  context,
  operations,
}: ServiceParts): Part<
  | 'pushDatasetVersion'
  | 'pullDataset'
  | 'deleteDatasetVersion'
  | 'deleteDataset'
  | 'eraseDatasetFiles'
  | 'collectGarbage'
> {
  const { engine } = context;

  async function deleteVersions(name: string, versions: readonly number[]): Promise<void> {
    const deliveries = versions.map(async (version) => {
      const found = await findDependents(engine.store.read, [`dataset:${name}@v${version}`]);
      const dependents = found.map(({ subject }) => subject);
      return { kind: 'dataset', id: name, event: { type: 'deleted', version, dependents } };
    });
    await engine.deliver(await Promise.all(deliveries));
  }

  return {
    async pushDatasetVersion({ params, body }) {
      const { name } = params;
      const version = await findVersion(context, name, versionNumber(params.version));
      const { remote, s3: access } = body;
      return operations.start('dataset.push', name, 'objects', (report, signal) =>
        pushVersion(context, version, { name, remote, access, signal, onProgress: transferReport(report) }),
      );
    },
    async pullDataset({ body }) {
      const { name, remote, digest, s3: access, project = name } = body;
      return operations.start('dataset.pull', name, 'objects', async (report, signal) => {
        const startedAt = performance.now();
        const onProgress = transferReport(report);
        const pulled = await pullVersion(context, { name, remote, digest, access, signal, onProgress });
        await engine.send('dataset', name, { type: 'versionAdded', name, project, actor: context.actor, ...pulled });
        const version = await findVersion(context, name);
        const { files, bytes, sha256, added, changed, removed } = pulled;
        const seconds = (performance.now() - startedAt) / 1000;
        const found = pulled.isFolder ? `${pulled.md5}.dir` : pulled.md5;
        return {
          ...{ dataset: name, version: version.version, digest: found, sha256, files, bytes },
          ...{ added, changed, removed, seconds },
        };
      });
    },
    async deleteDatasetVersion({ params }) {
      const { version } = await findVersion(context, params.name, versionNumber(params.version));
      await deleteVersions(params.name, [version]);
      return {};
    },
    async deleteDataset({ params }) {
      await findVersion(context, params.name);
      const state = (await engine.state<DatasetState>('dataset', params.name))!;
      await deleteVersions(
        params.name,
        presentDatasetVersions(state).map(({ version }) => version),
      );
      return {};
    },
    async eraseDatasetFiles({ params, body }) {
      await findVersion(context, params.name);
      return operations.start('dataset.erase', params.name, 'files', (_, signal) =>
        eraseFiles(context, params.name, body.paths, signal),
      );
    },
    async collectGarbage({ body }) {
      const { dryRun = false, graceMs = GRACE_MS } = body;
      return operations.start('dataset.gc', '', 'objects', (report, signal) =>
        collectGarbage(context, { dryRun, graceMs, signal, onProgress: (done) => report({ done }) }),
      );
    },
  };
}

/** Starts the check of what a remote has of a dataset. */
export function startVerifyPushed(
  context: Context,
  operations: Operations,
  name: string,
  remote: string,
  access: S3Access | undefined,
): Promise<Operation> {
  return operations.start('dataset.verify', name, 'objects', async (report, signal) => {
    const state = (await context.engine.state<DatasetState>('dataset', name))!;
    const onProgress = transferReport(report);
    return verifyPushed(context, presentDatasetVersions(state), { name, remote, access, signal, onProgress });
  });
}

function transferReport(report: (progress: Partial<Progress>) => void): (progress: TransferProgress) => void {
  return ({ objects, totalObjects, bytes }) =>
    report({ done: objects, total: totalObjects, message: `${(bytes / 1e6).toFixed(1)} MB` });
}
