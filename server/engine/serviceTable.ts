/** One function for each operation of the contract. They read views and send events; decisions are the reducers'. */
import { readdir, rm, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { Readable } from 'node:stream';
import type { DatasetState } from '../domain/dataset/dataset.ts';
import { diffManifests } from '../domain/dataset/diff.ts';
import type { EndpointState } from '../domain/endpoint/endpoint.ts';
import type { ModelState } from '../domain/lineage/model.ts';
import { hasEnded, type RunState } from '../domain/run/run.ts';
import { checkout } from '../objects/index.ts';
import { SlipwayError } from '../protocol/errors.ts';
import type { DatasetVersion } from '../protocol/entities.ts';
import type { SlipwayFile } from '../protocol/slipwayFile.ts';
import { readFolder } from './bytes.ts';
import { captureCode, readCapturedFile, readProjectFile } from './code.ts';
import type { Context } from './context.ts';
import { addVersion, entriesOf, findVersion, makeSplit, readSplit } from './datasets.ts';
import { toFloat } from './floats.ts';
import { logParts, type RunMetrics } from './follow.ts';
import { newId } from './ids.ts';
import type { Operations } from './operations.ts';
import { planOf } from './pipelineSteps.ts';
import { listPage, requireEntity } from './query.ts';
import { exportReceipts, listReceipts, readReceipt, verifyStored } from './receipts.ts';
import { runFolder, workloadId } from './runFolder.ts';
import { programSpec, stageSpec, trainSpec } from './runSpecs.ts';
import { ensureDataset } from './prepareRun.ts';
import type { Services } from './services.ts';
import { createRelease, createSweep, createTraining, createValidation } from './starts.ts';
import type { TensorBoards } from './tensorBoards.ts';

export interface ServiceParts {
  context: Context;
  operations: Operations;
  tensorBoards: TensorBoards;
  metrics: RunMetrics;
  publicKeys: Record<string, string>;
  /** @throws SlipwayError `runs.unknown` */
  run: (id: string) => Promise<RunState>;
}

export function createServices(parts: ServiceParts): Services {
  return { ...datasetServices(parts), ...runServices(parts), ...loopServices(parts), ...modelServices(parts), ...otherServices(parts) };
}

type Part<Names extends keyof Services> = Pick<Services, Names>;

/** `v3`, `3` or `latest`. */
function versionNumber(text: string): number | undefined {
  if (text === 'latest') return undefined;
  const match = /^v?([1-9]\d{0,8})$/.exec(text);
  if (!match) throw new SlipwayError('request.badVersion', `${JSON.stringify(text)} is not a version.`, 'Write v3, or latest.');
  return Number(match[1]);
}

function datasetServices({ context, operations }: ServiceParts): Part<
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
  const viewOf = (name: string, version: number): Promise<DatasetVersion> => requireEntity(read, 'datasetVersions', `${name}@v${version}`);
  const find = (params: { name: string; version: string }) => findVersion(context, params.name, versionNumber(params.version));
  return {
    listDatasets: ({ query }) => listPage(read, 'datasets', query),
    async addDatasetVersion({ body }) {
      requireAbsolute(body.path);
      const { name, path, rehash } = body;
      if (body.inPlace) {
        throw new SlipwayError('dataset.inPlace', 'In-place versions are not supported yet.', 'Add it without --in-place.', 501);
      }
      const project = body.project ?? name;
      await stat(path).catch(() => {
        throw new SlipwayError('dataset.noPath', `${path} does not exist, or cannot be read.`, 'Check the path.', 404);
      });
      return operations.start('dataset.add', name, 'files', async (report, signal) => {
        const onProgress = (progress: { files: number; totalFiles: number; filesPerSecond: number }) =>
          report({ done: progress.files, total: progress.totalFiles, message: `${Math.round(progress.filesPerSecond)} files/s` });
        const { version, isNew, seconds } = await addVersion(context, { name, path, project, rehash, signal, onProgress });
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
      const start = query?.cursor ? Number(query.cursor) : 0;
      const entries = (await entriesOf(context, version)).filter((entry) => entry.relpath.startsWith(prefix));
      const items = await Promise.all(
        entries.slice(start, start + limit).map(async ({ relpath, md5 }) => ({
          path: relpath,
          md5,
          bytes: (await context.objects.size(md5)) ?? 0,
          side: train.has(relpath) ? ('train' as const) : test.has(relpath) ? ('test' as const) : undefined,
        })),
      );
      return { items, next: start + limit < entries.length ? String(start + limit) : undefined };
    },
    async readDatasetFile({ params, query }) {
      const version = await find(params);
      const entry = (await entriesOf(context, version)).find((one) => one.relpath === query.path);
      if (!entry) throw new SlipwayError('dataset.noFile', `${params.name} has no file ${query.path}.`, '', 404);
      return context.objects.open(entry.md5);
    },
    async diffDatasetVersions({ params, query }) {
      const to = await find(params);
      const state = (await context.engine.state<DatasetState>('dataset', params.name))!;
      const from = query?.from
        ? await findVersion(context, params.name, versionNumber(query.from))
        : state.versions.findLast((one) => one.version < to.version);
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
    async verifyDataset({ params }) {
      await findVersion(context, params.name);
      return operations.start('dataset.verify', params.name, 'objects', async (report) => {
        return verifyStored(context, {}, (name) => name.startsWith(`dataset:${params.name}@`), (done) => report({ done }));
      });
    },
  };
}

function runServices({ context, metrics, run }: ServiceParts): Part<
  | 'listRuns'
  | 'startRun'
  | 'getRun'
  | 'stopRun'
  | 'deleteRun'
  | 'readRunLogs'
  | 'listRunMetrics'
  | 'readRunSeries'
  | 'listRunFiles'
> {
  const { engine, objects, now } = context;
  const { read } = engine.store;
  return {
    listRuns({ query }) {
      const { project, status, sweep } = query ?? {};
      const filter = { ...(project === undefined ? {} : { project }), ...(sweep === undefined ? {} : { parent: sweep }) };
      return listPage(read, 'runs', query, filter, (one) => status === undefined || one.status === status);
    },
    async startRun({ body }) {
      requireAbsolute(body.folder);
      const { folder, command, step = 'train', title, params, resume } = body;
      const id = newId('r', now(), body.requestId);
      if (await engine.state('run', id)) return requireEntity(read, 'runs', id);
      if (resume !== undefined) await run(resume);
      if (command) {
        const code = await captureCode(objects, folder);
        const spec = programSpec({ id, project: projectName(folder), folder, code, command, title });
        await engine.send('run', id, { type: 'created', spec });
        return requireEntity(read, 'runs', id);
      }
      const { file, code } = await captureProject(context, folder);
      if (step === 'train') {
        const spec = trainSpec({ id, file, folder, code, params, title, resume });
        await requireScript(context, spec.command, code.md5);
        await createTraining(context, { id, file, folder, code, params, title, resume });
        return requireEntity(read, 'runs', id);
      }
      if (!file.stages[step]) {
        const known = Object.keys(file.stages).join(', ') || 'none';
        throw new SlipwayError('run.unknownStep', `slipway.yaml has no stage ${step}.`, `Stages: ${known}; or train.`, 404);
      }
      const dataset = await ensureDataset(context, file, folder);
      const spec = { ...stageSpec({ file, folder, code, dataset }, step, []), id, resolve: true };
      await requireScript(context, spec.command, code.md5);
      await engine.send('run', id, { type: 'created', spec: { ...spec, params: { ...spec.params, ...params } } });
      return requireEntity(read, 'runs', id);
    },
    getRun: ({ params }) => requireEntity(read, 'runs', params.id),
    async stopRun({ params, body }) {
      await run(params.id);
      await engine.send('run', params.id, { type: 'stopRequested', reason: body?.reason ?? 'Stopped by hand.' });
      return requireEntity(read, 'runs', params.id);
    },
    async deleteRun({ params }) {
      const state = await run(params.id);
      if (!hasEnded(state.status)) {
        throw new SlipwayError('run.notEnded', `The run ${params.id} is ${state.status}.`, 'Stop it first.', 409);
      }
      if (state.model) {
        throw new SlipwayError('run.inUse', `The model version ${state.model} was made by ${params.id}.`, 'Delete that first.', 409);
      }
      const view = await requireEntity(read, 'runs', params.id);
      await engine.appendReceipt(state.spec.project, {
        kind: 'deleted',
        subject: { name: `run:${params.id}` },
        inputs: [],
        decision: 'deleted by hand',
        evidence: { run: params.id, receipt: view.receipt ?? null, at: now() },
      });
      await engine.putViews([{ topic: 'runs', id: params.id, project: state.spec.project, data: null }]);
      await rm(runFolder(context.folders.runs, params.id).root, { recursive: true, force: true });
      for (let attempt = 1; attempt <= state.attempt; attempt++) {
        await rm(join(context.folders.workloads, workloadId(params.id, attempt)), { recursive: true, force: true });
      }
      return {};
    },
    async readRunLogs({ params, query }) {
      const limit = query?.limit ?? 1 << 20;
      const state = await run(params.id);
      let part = { offset: 0, next: 0, text: '', ended: hasEnded(state.status) };
      let text = '';
      let offset: number | undefined;
      const request = { offset: query?.offset ?? 0, follow: false, signal: context.signal };
      for await (part of logParts(context, state, request)) {
        offset ??= part.offset;
        text += part.text;
        if (part.next - offset >= limit) break;
      }
      return { offset: offset ?? 0, next: part.next, text, ended: part.ended };
    },
    async listRunMetrics({ params }) {
      const followed = await metrics.storeOf(await run(params.id));
      const tags = metrics.tagsOf(followed).map(({ tag, count, lastStep, lastValue }) => ({
        tag,
        points: count,
        lastStep,
        lastValue: toFloat(lastValue),
        nonFinite: followed.store.downsampled('.', tag, 1) ? nonFinite(followed.store.downsampled('.', tag, 1)!) : 0,
      }));
      return { tags, problems: followed.problems };
    },
    async readRunSeries({ params, query }) {
      const followed = await metrics.storeOf(await run(params.id));
      const { total, series } = metrics.seriesOf(followed, query.tag, query.points, query);
      return {
        tag: query.tag,
        total,
        steps: [...series.steps.subarray(0, series.length)],
        wallTimes: [...series.wallTimes.subarray(0, series.length)],
        values: [...series.values.subarray(0, series.length)].map(toFloat),
      };
    },
    async listRunFiles({ params }) {
      await run(params.id);
      const { output } = runFolder(context.folders.runs, params.id);
      const names = await readdir(output, { recursive: true, withFileTypes: true }).catch(() => []);
      const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      const items = await Promise.all(
        files.sort().map(async (path) => {
          const relative = path.slice(output.length + 1);
          const slash = relative.indexOf('/');
          const [name, rest] = slash < 0 ? ['files', relative] : [relative.slice(0, slash), relative.slice(slash + 1)];
          return { output: name, path: rest, bytes: (await stat(path)).size };
        }),
      );
      return { items };
    },
  };
}

function nonFinite(counted: { nan: number; positiveInfinity: number; negativeInfinity: number }): number {
  return counted.nan + counted.positiveInfinity + counted.negativeInfinity;
}

function loopServices({ context }: ServiceParts): Part<
  | 'listSweeps'
  | 'startSweep'
  | 'getSweep'
  | 'listTrials'
  | 'changeSweep'
  | 'listPipelines'
  | 'startPipeline'
  | 'getPipeline'
  | 'listValidations'
  | 'startValidation'
  | 'getValidation'
> {
  const { engine, now } = context;
  const { read } = engine.store;
  return {
    listSweeps: ({ query }) => listPage(read, 'sweeps', query),
    async startSweep({ body }) {
      requireAbsolute(body.folder);
      const id = newId('w', now(), body.requestId);
      if (!(await engine.state('sweep', id))) {
        const { file, code } = await captureProject(context, body.folder);
        await createSweep(context, { ...body, id, file, code });
      }
      return requireEntity(read, 'sweeps', id);
    },
    getSweep: ({ params }) => requireEntity(read, 'sweeps', params.id),
    listTrials: ({ params, query }) => listPage(read, 'trials', query, { parent: params.id }),
    async changeSweep({ params, body }) {
      await requireEntity(read, 'sweeps', params.id);
      const events = { pause: 'paused', resume: 'resumed', stop: 'stopped', extend: 'extended', set: 'parallelChanged' } as const;
      const { action, ...rest } = body;
      await engine.send('sweep', params.id, { type: events[action], ...rest });
      return requireEntity(read, 'sweeps', params.id);
    },
    listPipelines: ({ query }) => listPage(read, 'pipelines', query),
    async startPipeline({ body }) {
      requireAbsolute(body.folder);
      const id = newId('p', now(), body.requestId);
      if (!(await engine.state('pipeline', id))) {
        const { file, code } = await captureProject(context, body.folder);
        if (body.search && !file.sweep) {
          throw new SlipwayError('yaml.missingKey', 'slipway.yaml has no `sweep` to search with.', 'Add one, or run without search.');
        }
        const { project } = file;
        const steps = planOf(file, body.search ?? false, body.until);
        await engine.send('pipeline', id, { type: 'created', id, project, folder: body.folder, code, steps, canSweep: file.sweep !== undefined });
      }
      return requireEntity(read, 'pipelines', id);
    },
    getPipeline: ({ params }) => requireEntity(read, 'pipelines', params.id),
    listValidations: ({ query }) => listPage(read, 'validations', query),
    async startValidation({ body }) {
      const id = newId('v', now(), body.requestId);
      if (!(await engine.state('validation', id))) {
        const run = await engine.state<RunState>('run', body.run);
        if (!run) throw new SlipwayError('runs.unknown', `There is no run ${body.run}.`, 'See `slipway run list`.', 404);
        const { code, folder } = run.spec;
        const file = await readCapturedFile(context.objects, code.md5);
        await createValidation(context, { id, file, folder, code, run: body.run, register: body.register ?? true });
      }
      return requireEntity(read, 'validations', id);
    },
    getValidation: ({ params }) => requireEntity(read, 'validations', params.id),
  };
}

function modelServices({ context }: ServiceParts): Part<
  | 'listModels'
  | 'listModelVersions'
  | 'getModelVersion'
  | 'setAlias'
  | 'listEndpoints'
  | 'getEndpoint'
  | 'sendFeedback'
  | 'listRollouts'
  | 'startRollout'
  | 'getRollout'
  | 'changeRollout'
  | 'rollBack'
> {
  const { engine, now } = context;
  const { read } = engine.store;
  return {
    listModels: ({ query }) => listPage(read, 'models', query),
    async listModelVersions({ params, query }) {
      await requireEntity(read, 'models', params.name);
      return listPage(read, 'modelVersions', query, { parent: params.name });
    },
    async getModelVersion({ params }) {
      const version = versionNumber(params.version) ?? (await requireEntity(read, 'models', params.name)).latest;
      return requireEntity(read, 'modelVersions', `${params.name}@v${version}`);
    },
    async setAlias({ params, body }) {
      await requireEntity(read, 'modelVersions', `${params.name}@v${body.version}`);
      await engine.send('model', params.name, { type: 'setAlias', ...body, why: 'moved by hand' });
      return requireEntity(read, 'models', params.name);
    },
    listEndpoints: ({ query }) => listPage(read, 'endpoints', query),
    getEndpoint: ({ params }) => requireEntity(read, 'endpoints', params.name),
    async sendFeedback({ params }) {
      await requireEntity(read, 'endpoints', params.name);
      throw new SlipwayError(
        'feedback.unsampled',
        `The endpoint ${params.name} keeps no samples that a label could belong to.`,
        'Sampling of requests is not supported yet.',
        501,
      );
    },
    listRollouts: ({ query }) => listPage(read, 'rollouts', query),
    async startRollout({ body }) {
      const id = newId('l', now(), body.requestId);
      await createRelease(context, { id, model: body.model });
      return requireEntity(read, 'rollouts', id);
    },
    getRollout: ({ params }) => requireEntity(read, 'rollouts', params.id),
    async changeRollout({ params, body }) {
      await requireEntity(read, 'rollouts', params.id);
      const events = { pause: 'paused', resume: 'resumed', promote: 'promoted', abort: 'aborted' } as const;
      await engine.send('rollout', params.id, { type: events[body.action] });
      return requireEntity(read, 'rollouts', params.id);
    },
    async rollBack({ params, body }) {
      const endpoint = await engine.state<EndpointState>('endpoint', params.name);
      if (!endpoint) throw new SlipwayError('endpoints.unknown', `There is no endpoint ${params.name}.`, '', 404);
      if (endpoint.rollout && body.version === undefined) {
        // A rollout in progress is what "back" means: its old revision is still there.
        await engine.send('rollout', endpoint.rollout.id, { type: 'rollbackRequested', reason: 'Rolled back by hand.' });
        return requireEntity(read, 'rollouts', endpoint.rollout.id);
      }
      const version = body.version ?? (await versionBefore(context, endpoint));
      const id = newId('l', now());
      await createRelease(context, { id, model: `${endpoint.model}@v${version}`, atOnce: true });
      return requireEntity(read, 'rollouts', id);
    },
  };
}

/** The version that served before the one that serves now. @throws SlipwayError `rollback.nothing` */
async function versionBefore(context: Context, endpoint: EndpointState): Promise<number> {
  const model = (await context.engine.state<ModelState>('model', endpoint.model))!;
  const serving = Object.values(endpoint.revisions).find((revision) => revision.weight > 0)?.name;
  const served = Object.keys(endpoint.revisions).filter((name) => name !== serving);
  const current = model.aliases['production'] ?? Number.POSITIVE_INFINITY;
  const before = served.map((name) => Number(name.slice(1))).filter((version) => version < current);
  if (before.length > 0) return Math.max(...before);
  throw new SlipwayError('rollback.nothing', `No earlier version of ${endpoint.model} has served.`, 'Name a version.', 409);
}

function otherServices(parts: ServiceParts): Part<
  | 'listProjects'
  | 'listReceipts'
  | 'exportReceipts'
  | 'verifyReceipts'
  | 'getReceipt'
  | 'openTensorBoard'
  | 'closeTensorBoard'
  | 'listNodes'
  | 'listOperations'
  | 'getOperation'
  | 'cancelOperation'
> {
  const { context, operations, tensorBoards, publicKeys, run } = parts;
  const { read } = context.engine.store;
  return {
    async listProjects() {
      const projects = await read.receiptProjects();
      const items = await Promise.all(
        projects.map(async (name) => {
          const head = (await read.head(name))!;
          return { id: name, name, folder: '', receipts: head.seq, head: head.id, updatedAt: context.now() };
        }),
      );
      return { items };
    },
    listReceipts: ({ query }) => listReceipts(read, query),
    async exportReceipts({ query }) {
      return Readable.from(exportReceipts(read, publicKeys, query?.project));
    },
    verifyReceipts: ({ body }) =>
      operations.start('receipts.verify', body.project ?? 'all projects', 'objects', async (report) => {
        return verifyStored(context, publicKeys, undefined, (done) => report({ done }), body.project);
      }),
    getReceipt: ({ params }) => readReceipt(read, params.id),
    async openTensorBoard({ body }) {
      return tensorBoards.open(await Promise.all(body.runs.map(run)));
    },
    async closeTensorBoard({ params }) {
      tensorBoards.close(params.id);
      return {};
    },
    listNodes: ({ query }) => listPage(read, 'nodes', query),
    listOperations: ({ query }) => listPage(read, 'operations', query),
    async getOperation({ params }) {
      return operations.current(params.id) ?? requireEntity(read, 'operations', params.id);
    },
    async cancelOperation({ params }) {
      operations.cancel(params.id);
      return { id: params.id };
    },
  };
}

async function captureProject(context: Context, folder: string): Promise<{ file: SlipwayFile; code: Awaited<ReturnType<typeof captureCode>> }> {
  const file = await readProjectFile(folder);
  const leaveOut = file.dataset && !isAbsolute(file.dataset.path) ? [file.dataset.path.replace(/^\.\//, '')] : [];
  const code = await captureCode(context.objects, folder, leaveOut);
  const steps: [string, string | string[]][] = [
    ...Object.entries(file.stages).map(([name, stage]): [string, string | string[]] => [`stages.${name}`, stage.run]),
    ...(file.train ? ([['train', file.train.run]] as [string, string | string[]][]) : []),
    ...(file.validate ? ([['validate', file.validate.run]] as [string, string | string[]][]) : []),
  ];
  for (const [, command] of steps) await requireScript(context, command, code.md5);
  return { file, code };
}

/** `python train.py` needs a train.py in the captured code: better said now than after everything was prepared. */
async function requireScript(context: Context, command: string | string[], code: string): Promise<void> {
  const words = typeof command === 'string' ? command.split(/\s+/) : command;
  if (!/^(\S*\/)?python[\d.]*$/.test(words[0] ?? '')) return;
  const script = words.slice(1).find((word) => !word.startsWith('-'));
  if (!script || !/^[\w./-]+\.py$/.test(script) || isAbsolute(script) || words.includes('-m') || words.includes('-c')) return;
  const entries = await entriesOfCode(context, code);
  if (entries.has(script.replace(/^\.\//, ''))) return;
  throw new SlipwayError(
    'run.noScript',
    `The script ${script} is not in the project, or is left out by .gitignore.`,
    'Create it, or correct `run` in slipway.yaml.',
    404,
  );
}

async function entriesOfCode(context: Context, code: string): Promise<Set<string>> {
  return new Set((await readFolder(context.objects, code)).map((entry) => entry.relpath));
}

/** A project's name where no slipway.yaml gives one: the folder's, made to fit the rule. */
function projectName(folder: string): string {
  const name = (folder.split('/').filter(Boolean).at(-1) ?? '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 53)
    .replaceAll(/^-+|-+$/g, '');
  return name.length >= 2 ? name : 'program';
}

function requireAbsolute(path: string): void {
  if (isAbsolute(path)) return;
  throw new SlipwayError('request.relativePath', `${path} is not an absolute path.`, 'Give the whole path.');
}
