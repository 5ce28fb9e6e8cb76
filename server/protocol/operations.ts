/**
 * Every call of the HTTP API, declared once: the server's router, the clients' types and the OpenAPI document all come
 * from this table. Paths are below `/api/v1`.
 */
import * as z from 'zod';
import {
  Dataset,
  DatasetVersion,
  Endpoint,
  Model,
  ModelVersion,
  Node,
  Operation,
  Pipeline,
  Project,
  QueueEntry,
  QueueFigures,
  Rollout,
  Run,
  RunStatus,
  Secret,
  Sweep,
  SweepEstimate,
  Trial,
  Validation,
  Waiting,
} from './entities.ts';
import { Lineage, TracedPrediction } from './lineage.ts';
import { metricsOperations } from './metrics.ts';
import { EndpointMonitor } from './monitors.ts';
import { Name } from './names.ts';
import { placements } from './policyFile.ts';
import { SplitSpec, SweepSpec as SweepSpecSchema } from './slipwayFile.ts';
import { EndpointTraffic } from './traffic.ts';

export interface OperationSpec {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  summary: string;
  query?: z.ZodType;
  body?: z.ZodType;
  response: z.ZodType;
  /** Who may call: everybody, or only who holds the token or our cookie (the default). */
  access?: 'public';
  /** The response is not one JSON document but this media type. */
  stream?: string;
  status?: number;
}

const page = { cursor: z.string().optional(), limit: z.coerce.number().int().min(1).max(1000).optional() };
const Page = z.object(page);
const list = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: z.string().optional() });
const Folder = z.string().min(1).describe('Absolute path of a project folder with a slipway.yaml.');
const Id = z.object({ id: z.string() });
const None = z.object({});
const Remote = z.string().min(1).describe('s3://BUCKET/PREFIX, or the absolute path of a folder.');
/** Of the caller's environment; it is used for this call, and neither stored nor logged. */
const S3Access = z.strictObject({
  endpoint: z.string().nullable(),
  region: z.string().nullable(),
  accessKeyId: z.string(),
  secretAccessKey: z.string(),
  sessionToken: z.string().nullable(),
});
const FloatIn = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]);
const Params = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

export const operations = {
  getInfo: {
    method: 'GET',
    path: '/info',
    summary: 'The control plane: version, instance, protocol range, gateway.',
    response: z.object({
      version: z.string(),
      instance: z.string(),
      protocol: z.object({ min: z.number().int(), max: z.number().int() }),
      startedAt: z.number().int(),
      gateway: z.object({ url: z.string(), ready: z.boolean() }),
      mode: z.enum(['embedded', 'cluster']),
    }),
  },
  createSession: {
    method: 'POST',
    path: '/session',
    summary: 'Exchanges a single-use ticket for the cookie of our own pages.',
    access: 'public',
    body: z.strictObject({ ticket: z.string().max(200) }),
    response: None,
  },
  createTicket: {
    method: 'POST',
    path: '/tickets',
    summary: 'A fresh URL of the pages, with a single-use ticket in its fragment.',
    body: z.strictObject({ page: z.string().max(500).optional() }),
    response: z.object({ url: z.string(), expiresAt: z.number().int() }),
  },
  registerOrigin: {
    method: 'POST',
    path: '/origins',
    summary: 'Allows an exact external origin (the result of asExternalUri) for this session.',
    body: z.strictObject({ origin: z.url() }),
    response: None,
  },
  handOver: {
    method: 'POST',
    path: '/handover',
    summary: 'Asks this control plane to exit so that a newer one adopts its runs and gateway; nothing else ends.',
    body: z.strictObject({
      version: z.string(),
      pid: z.number().int().optional().describe('The process that is meant; one that came in its place refuses.'),
    }),
    response: None,
  },

  listProjects: { method: 'GET', path: '/projects', summary: 'Projects seen.', query: Page, response: list(Project) },

  listDatasets: { method: 'GET', path: '/datasets', summary: 'Datasets.', query: Page, response: list(Dataset) },
  addDatasetVersion: {
    method: 'POST',
    path: '/datasets',
    summary: 'Adds what a path holds as a new version. Long work: returns the operation; its result is the version.',
    body: z.strictObject({
      name: Name,
      path: z.string().min(1),
      project: Name.optional(),
      rehash: z.boolean().optional(),
      inPlace: z.boolean().optional(),
      dvc: z.boolean().optional().describe('Write PATH.dvc also outside a DVC repository.'),
    }),
    response: Operation,
    status: 202,
  },
  listDatasetVersions: {
    method: 'GET',
    path: '/datasets/:name/versions',
    summary: 'Versions of a dataset, newest first.',
    query: Page,
    response: list(DatasetVersion),
  },
  getDatasetVersion: {
    method: 'GET',
    path: '/datasets/:name/versions/:version',
    summary: 'One version: v3, or latest.',
    response: DatasetVersion,
  },
  listDatasetFiles: {
    method: 'GET',
    path: '/datasets/:name/versions/:version/files',
    summary: 'Files of a version in path order, with the side of the split.',
    query: Page.extend({ prefix: z.string().optional() }),
    response: list(
      z.object({
        path: z.string(),
        bytes: z.number().int(),
        md5: z.string(),
        side: z.enum(['train', 'test']).optional(),
      }),
    ),
  },
  readDatasetFile: {
    method: 'GET',
    path: '/datasets/:name/versions/:version/content',
    summary: 'The bytes of one file of a version.',
    query: z.object({ path: z.string() }),
    response: z.unknown(),
    stream: 'application/octet-stream',
  },
  diffDatasetVersions: {
    method: 'GET',
    path: '/datasets/:name/versions/:version/diff',
    summary: 'What changed against another version; against the one before if none is named.',
    query: z.object({ from: z.string().optional() }),
    response: z.object({
      from: z.string().nullable(),
      to: z.string(),
      added: z.array(z.string()),
      changed: z.array(z.string()),
      removed: z.array(z.string()),
      moved: z.array(z.object({ from: z.string(), to: z.string() })),
    }),
  },
  splitDatasetVersion: {
    method: 'POST',
    path: '/datasets/:name/versions/:version/split',
    summary: 'Splits a version into train and test and checks for leakage.',
    body: z.strictObject({ split: SplitSpec, project: Name.optional() }),
    response: DatasetVersion,
  },
  checkoutDatasetVersion: {
    method: 'POST',
    path: '/datasets/:name/versions/:version/checkout',
    summary: 'Writes the files of a version into an empty or new folder.',
    body: z.strictObject({ to: z.string().min(1) }),
    response: Operation,
    status: 202,
  },
  verifyDataset: {
    method: 'POST',
    path: '/datasets/:name/verify',
    summary: 'Reads every byte of every version, here or in a remote, and names what is wrong.',
    body: z.strictObject({ remote: Remote.optional(), s3: S3Access.optional() }),
    response: Operation,
    status: 202,
  },

  pushDatasetVersion: {
    method: 'POST',
    path: '/datasets/:name/versions/:version/push',
    summary: 'Sends the objects of a version that a remote lacks, its manifest last.',
    body: z.strictObject({ remote: Remote, s3: S3Access.optional() }),
    response: Operation,
    status: 202,
  },
  pullDataset: {
    method: 'POST',
    path: '/datasets/pull',
    summary: 'Fetches the newest pushed version of a dataset, or the one of a digest, as a version here.',
    body: z.strictObject({
      name: Name,
      remote: Remote,
      digest: z
        .string()
        .regex(/^[0-9a-f]{32}(\.dir)?$/)
        .optional(),
      project: Name.optional(),
      s3: S3Access.optional(),
    }),
    response: Operation,
    status: 202,
  },
  deleteDatasetVersion: {
    method: 'DELETE',
    path: '/datasets/:name/versions/:version',
    summary: 'Deletes a version; its number is never given again. The bytes go with the next collection of garbage.',
    response: None,
  },
  deleteDataset: {
    method: 'DELETE',
    path: '/datasets/:name',
    summary: 'Deletes all versions of a dataset.',
    response: None,
  },
  eraseDatasetFiles: {
    method: 'POST',
    path: '/datasets/:name/erase',
    summary: 'Erases files, by patterns as in .gitignore, from all versions, with their bytes, at once.',
    body: z.strictObject({ paths: z.array(z.string().min(1)).min(1) }),
    response: Operation,
    status: 202,
  },
  collectGarbage: {
    method: 'POST',
    path: '/objects/gc',
    summary: 'Removes objects that nothing leads to, except young ones.',
    body: z.strictObject({ dryRun: z.boolean().optional(), graceMs: z.number().int().nonnegative().optional() }),
    response: Operation,
    status: 202,
  },

  listRuns: {
    method: 'GET',
    path: '/runs',
    summary: 'Runs, newest first.',
    query: Page.extend({ project: z.string().optional(), status: z.string().optional(), sweep: z.string().optional() }),
    response: list(Run),
  },
  startRun: {
    method: 'POST',
    path: '/runs',
    summary: 'Starts training, a stage or a program from a project folder; the inputs it lacks are made first.',
    body: z.strictObject({
      folder: Folder,
      step: z.string().optional().describe('train (default), or the name of a stage.'),
      command: z.array(z.string()).min(1).optional().describe('A program instead of a step: needs no slipway.yaml.'),
      params: Params.optional(),
      title: z.string().max(200).optional(),
      resume: z.string().optional().describe('A run whose checkpoints it begins from.'),
      requestId: z.string().max(64).optional().describe('The same id twice starts one run.'),
    }),
    response: Run,
    status: 201,
  },
  getRun: { method: 'GET', path: '/runs/:id', summary: 'One run.', response: Run },
  stopRun: {
    method: 'POST',
    path: '/runs/:id/stop',
    summary: 'Asks a run to stop: SIGTERM, the grace time, then SIGKILL.',
    body: z.strictObject({ reason: z.string().max(500).optional() }),
    response: Run,
  },
  listDependents: {
    method: 'GET',
    path: '/dependents',
    summary: 'What was made from a thing and would lose its origin if that were deleted, nearest first.',
    query: z.object({
      subject: z.string().max(300).describe('As receipts name it: run:ID, sweep:ID, model:NAME[@vN].'),
    }),
    response: z.object({
      items: z.array(
        z.object({
          subject: z.string(),
          project: z.string(),
          kind: z.string().describe('Of the receipt that made it.'),
          isDirect: z.boolean().describe('Whether it was made from the thing itself.'),
        }),
      ),
    }),
  },
  deleteRun: { method: 'DELETE', path: '/runs/:id', summary: 'Deletes an ended run and its logs.', response: None },
  readRunLogs: {
    method: 'GET',
    path: '/runs/:id/logs',
    summary: 'Log text from a byte offset on (negative: from the end).',
    query: z.object({
      offset: z.coerce.number().int().optional(),
      limit: z.coerce
        .number()
        .int()
        .min(1)
        .max(1 << 22)
        .optional(),
    }),
    response: z.object({ offset: z.number().int(), next: z.number().int(), text: z.string(), ended: z.boolean() }),
  },
  ...metricsOperations,
  listRunFiles: {
    method: 'GET',
    path: '/runs/:id/files',
    summary: 'Output files of a run.',
    response: z.object({ items: z.array(z.object({ output: z.string(), path: z.string(), bytes: z.number().int() })) }),
  },

  listSweeps: { method: 'GET', path: '/sweeps', summary: 'Sweeps, newest first.', query: Page, response: list(Sweep) },
  startSweep: {
    method: 'POST',
    path: '/sweeps',
    summary: 'Starts the sweep of a project.',
    body: z.strictObject({
      folder: Folder,
      trials: z.number().int().positive().optional(),
      parallel: z.number().int().positive().optional(),
      seed: z.number().int().nonnegative().optional(),
      title: z.string().max(200).optional(),
      from: z
        .array(z.string())
        .max(50)
        .optional()
        .describe('What it begins from: ids of earlier sweeps, or `receipts` for all runs of the project that fit.'),
      requestId: z.string().max(64).optional(),
    }),
    response: Sweep,
    status: 201,
  },
  openSweep: {
    method: 'POST',
    path: '/sweeps/elsewhere',
    summary: 'Opens a sweep whose trials run elsewhere: they are asked for and told.',
    body: z.strictObject({
      project: Name,
      title: z.string().max(200).optional(),
      search: SweepSpecSchema.describe('As under `sweep:` in slipway.yaml; `objectives` are needed.'),
      requestId: z.string().max(64).optional(),
    }),
    response: Sweep,
    status: 201,
  },
  askTrial: {
    method: 'POST',
    path: '/sweeps/:id/ask',
    summary: 'The next trial of a sweep whose trials run elsewhere; null while there is none to give.',
    body: z.strictObject({
      requestId: z.string().min(1).max(64).optional().describe('The same id twice gives one trial.'),
    }),
    response: z.object({ trial: z.number().int().nullable(), params: Params.optional(), reason: z.string() }),
  },
  tellTrial: {
    method: 'POST',
    path: '/sweeps/:id/tell',
    summary:
      'What a trial that runs elsewhere came to: its last values, values on the way (with step), or that it failed.',
    body: z.strictObject({
      trial: z.number().int().nonnegative(),
      value: FloatIn.optional(),
      values: z.array(FloatIn).min(1).optional(),
      failed: z.literal(true).optional(),
      step: z.number().int().nonnegative().optional(),
    }),
    response: z.object({ trial: z.number().int(), status: z.string(), stop: z.boolean(), reason: z.string() }),
  },
  cloneSweep: {
    method: 'POST',
    path: '/sweeps/:id/clone',
    summary: 'Starts a sweep like another: the same code, space and search.',
    body: z.strictObject({
      trials: z.number().int().positive().optional(),
      parallel: z.number().int().positive().optional(),
      seed: z.number().int().nonnegative().optional(),
      title: z.string().max(200).optional(),
      keep: z.boolean().optional().describe('Begins from what the other one found.'),
      requestId: z.string().max(64).optional(),
    }),
    response: Sweep,
    status: 201,
  },
  getSweep: { method: 'GET', path: '/sweeps/:id', summary: 'One sweep.', response: Sweep },
  deleteSweep: {
    method: 'DELETE',
    path: '/sweeps/:id',
    summary: 'Deletes a sweep that has ended, with the runs of its trials.',
    response: None,
  },
  listTrials: {
    method: 'GET',
    path: '/sweeps/:id/trials',
    summary: 'Trials, newest first.',
    query: Page,
    response: list(Trial),
  },
  getTrial: { method: 'GET', path: '/sweeps/:id/trials/:trial', summary: 'One trial, by its number.', response: Trial },
  changeSweep: {
    method: 'POST',
    path: '/sweeps/:id/actions',
    summary: 'Pauses, resumes, stops or extends a sweep, promotes a trial, or changes how many run at once.',
    body: z.discriminatedUnion('action', [
      z.strictObject({ action: z.literal('pause') }),
      z.strictObject({ action: z.literal('resume') }),
      z.strictObject({ action: z.literal('stop') }),
      z.strictObject({ action: z.literal('extend'), trials: z.number().int().positive().describe('How many more.') }),
      z.strictObject({
        action: z.literal('promote'),
        trial: z.number().int().nonnegative().describe('One that was stopped early: it goes on from its checkpoints.'),
        attempt: z.number().int().nonnegative().describe('The attempt that was stopped; a repeat changes nothing.'),
      }),
      z.strictObject({ action: z.literal('set'), parallel: z.number().int().positive() }),
    ]),
    response: Sweep,
  },

  listPipelines: {
    method: 'GET',
    path: '/pipelines',
    summary: 'Pipelines, newest first.',
    query: Page,
    response: list(Pipeline),
  },
  startPipeline: {
    method: 'POST',
    path: '/pipelines',
    summary: 'Runs a project through the loop: dataset, split, stages, train or sweep, validate, model, rollout.',
    body: z.strictObject({
      folder: Folder,
      search: z.boolean().optional().describe('Look for a better model by the sweep instead of one training run.'),
      until: z.enum(['dataset', 'split', 'stages', 'train', 'validate', 'model', 'rollout']).optional(),
      requestId: z.string().max(64).optional(),
    }),
    response: Pipeline,
    status: 201,
  },
  getPipeline: { method: 'GET', path: '/pipelines/:id', summary: 'One pipeline.', response: Pipeline },

  listValidations: {
    method: 'GET',
    path: '/validations',
    summary: 'Validations, newest first.',
    query: Page,
    response: list(Validation),
  },
  startValidation: {
    method: 'POST',
    path: '/validations',
    summary: 'Judges the model of a run by the gates of its project; decides to serve or to retrain.',
    body: z.strictObject({
      run: z.string(),
      register: z.boolean().optional().describe('Register a model version if the gates pass (default true).'),
      requestId: z.string().max(64).optional(),
    }),
    response: Validation,
    status: 201,
  },
  getValidation: { method: 'GET', path: '/validations/:id', summary: 'One validation.', response: Validation },

  listModels: { method: 'GET', path: '/models', summary: 'Models.', query: Page, response: list(Model) },
  listModelVersions: {
    method: 'GET',
    path: '/models/:name/versions',
    summary: 'Versions of a model, newest first.',
    query: Page,
    response: list(ModelVersion),
  },
  getModelVersion: {
    method: 'GET',
    path: '/models/:name/versions/:version',
    summary: 'One version.',
    response: ModelVersion,
  },
  getLineage: {
    method: 'GET',
    path: '/models/:name/versions/:version/lineage',
    summary: 'What a version was made from, back to the bytes, and where it went; each step with its receipt.',
    response: Lineage,
  },
  tracePrediction: {
    method: 'GET',
    path: '/predictions/:id',
    summary: 'The model version that gave an answer, by its X-Slipway-Receipt or X-Request-Id.',
    response: TracedPrediction,
  },
  deleteModelVersion: {
    method: 'DELETE',
    path: '/models/:name/versions/:version',
    summary: 'Deletes a version that no endpoint serves; its number is never given again.',
    response: None,
  },
  deleteModel: { method: 'DELETE', path: '/models/:name', summary: 'Deletes all versions of a model.', response: None },
  setAlias: {
    method: 'POST',
    path: '/models/:name/aliases',
    summary: 'Moves an alias (production, staging) to a version: promotion by hand.',
    body: z.strictObject({ alias: Name, version: z.number().int().positive() }),
    response: Model,
  },

  listEndpoints: { method: 'GET', path: '/endpoints', summary: 'Endpoints.', query: Page, response: list(Endpoint) },
  getEndpoint: { method: 'GET', path: '/endpoints/:name', summary: 'One endpoint.', response: Endpoint },
  readEndpointTraffic: {
    method: 'GET',
    path: '/endpoints/:name/traffic',
    summary: 'Requests, errors and latency of each revision in the last hour, by interval.',
    query: z.object({
      since: z.coerce.number().optional().describe('Only intervals that begin at this time or later.'),
    }),
    response: EndpointTraffic,
  },
  deleteEndpoint: {
    method: 'DELETE',
    path: '/endpoints/:name',
    summary: 'Ends the traffic of an endpoint and its model servers; the model versions stay.',
    response: None,
  },
  sendFeedback: {
    method: 'POST',
    path: '/endpoints/:name/feedback',
    summary: 'The true label of an earlier prediction.',
    body: z.strictObject({ requestId: z.string(), label: z.unknown() }),
    response: None,
  },

  listMonitors: {
    method: 'GET',
    path: '/monitors',
    summary: 'What is known of drift, by endpoint.',
    query: Page,
    response: list(EndpointMonitor),
  },
  getMonitor: {
    method: 'GET',
    path: '/endpoints/:name/monitor',
    summary: 'Drift of one endpoint: its last window, its alarms, what is proposed.',
    response: EndpointMonitor,
  },
  answerProposal: {
    method: 'POST',
    path: '/endpoints/:name/proposal',
    summary: 'Accepts or declines what an alarm proposed. An accepted retraining begins at once.',
    body: z.strictObject({ proposal: z.string(), accept: z.boolean() }),
    response: EndpointMonitor,
  },

  listRollouts: {
    method: 'GET',
    path: '/rollouts',
    summary: 'Rollouts, newest first.',
    query: Page,
    response: list(Rollout),
  },
  startRollout: {
    method: 'POST',
    path: '/rollouts',
    summary: 'Rolls a model version out to the endpoint of its project.',
    body: z.strictObject({
      model: z.string().describe('NAME@vN'),
      folder: Folder.optional(),
      requestId: z.string().max(64).optional(),
    }),
    response: Rollout,
    status: 201,
  },
  getRollout: { method: 'GET', path: '/rollouts/:id', summary: 'One rollout.', response: Rollout },
  changeRollout: {
    method: 'POST',
    path: '/rollouts/:id/actions',
    summary: 'Pauses, resumes, promotes to 100 % or aborts a rollout.',
    body: z.strictObject({ action: z.enum(['pause', 'resume', 'promote', 'abort']) }),
    response: Rollout,
  },
  rollBack: {
    method: 'POST',
    path: '/endpoints/:name/rollback',
    summary: 'Back to an earlier model version at once (the one before, if none is named); skips the steps.',
    body: z.strictObject({ version: z.number().int().positive().optional() }),
    response: Rollout,
    status: 201,
  },

  listReceipts: {
    method: 'GET',
    path: '/receipts',
    summary: 'Receipts of a project, newest first, decoded.',
    query: Page.extend({ project: z.string(), subject: z.string().optional() }),
    response: list(
      z.object({
        id: z.string(),
        project: z.string(),
        seq: z.number().int(),
        kind: z.string(),
        at: z.string(),
        subject: z.string(),
        decision: z.string(),
        statement: z.unknown(),
      }),
    ),
  },
  exportReceipts: {
    method: 'GET',
    path: '/receipts/export',
    summary: 'Keys, then the envelopes, as JSON lines.',
    query: z.object({ project: z.string().optional() }),
    response: z.unknown(),
    stream: 'application/x-ndjson',
  },
  verifyReceipts: {
    method: 'POST',
    path: '/receipts/verify',
    summary: 'Checks signatures, order, chain, inputs and the bytes in the store.',
    body: z.strictObject({ project: z.string().optional() }),
    response: Operation,
    status: 202,
  },
  getReceipt: {
    method: 'GET',
    path: '/receipts/:id',
    summary: 'One receipt: its envelope and its statement.',
    response: z.object({ id: z.string(), envelope: z.unknown(), statement: z.unknown() }),
  },

  openTensorBoard: {
    method: 'POST',
    path: '/tensorboards',
    summary:
      'The real TensorBoard over the logs of runs, of all trials of a sweep, or over any folder, on the listener for foreign applications, for one panel.',
    body: z
      .strictObject({
        runs: z.array(z.string()).min(1).max(500).optional(),
        sweep: z.string().optional(),
        folder: z.string().min(1).optional().describe('Absolute path of a log folder; Slipway need not know it.'),
        install: z
          .boolean()
          .default(true)
          .describe(
            'Where TensorBoard is missing: install it into an environment of ours, or refuse (tensorboard.missing).',
          ),
      })
      .refine(
        ({ runs, sweep, folder }) => [runs, sweep, folder].filter((one) => one !== undefined).length === 1,
        'Name runs, a sweep or a folder',
      ),
    response: z.object({
      id: z.string(),
      operation: z.string().describe('While it starts (or is installed first), this operation tells.'),
      url: z.string().describe('Answers once the operation has succeeded.'),
    }),
    status: 201,
  },
  closeTensorBoard: { method: 'DELETE', path: '/tensorboards/:id', summary: 'Ends the panel’s path.', response: None },

  listSecrets: {
    method: 'GET',
    path: '/secrets',
    summary: 'Names of the secrets, with the variables that programs get them in; never a value.',
    response: list(Secret),
  },
  setSecret: {
    method: 'POST',
    path: '/secrets',
    summary: 'Keeps a secret under a name, in place of what it held; what runs already keeps the value it has.',
    body: z.strictObject({ name: Name, value: z.string().min(4).max(65_536) }),
    response: Secret,
  },
  deleteSecret: { method: 'DELETE', path: '/secrets/:name', summary: 'Deletes a secret.', response: None },

  listNodes: {
    method: 'GET',
    path: '/nodes',
    summary: 'Nodes, who holds what, and the queue.',
    query: Page,
    response: list(Node),
  },
  listQueue: {
    method: 'GET',
    path: '/queue',
    summary: 'What waits, in the order of the line, and why.',
    query: z.object({ limit: page.limit }),
    response: z.object({ items: z.array(QueueEntry) }),
  },
  explainRun: {
    method: 'GET',
    path: '/runs/:id/waiting',
    summary: 'Why a run waits, wherever it stands in the line, and what would let it start now.',
    response: z.object({ id: z.string(), status: RunStatus, reason: z.string(), waiting: Waiting.nullable() }),
  },
  whatIf: {
    method: 'POST',
    path: '/queue/what-if',
    summary: 'Plays what was asked for in the last days again, with other nodes or another policy.',
    body: z.strictObject({
      days: z.number().positive().max(90).default(7),
      more: z
        .record(z.string(), z.number().int().min(0).max(1000))
        .optional()
        .describe('So many more nodes like the one of this name.'),
      policy: z.string().max(256_000).optional().describe('A policy.yaml in place of the one that is applied.'),
      placement: z.enum(placements).optional(),
    }),
    response: z.object({ entries: z.number().int(), now: QueueFigures, instead: QueueFigures }),
  },
  estimateSweep: {
    method: 'POST',
    path: '/sweeps/estimate',
    summary:
      'GPU and CPU hours that a sweep will take, by how long runs like its trials took, and what is left of them.',
    body: z.strictObject({ folder: Folder, trials: z.number().int().positive().optional() }),
    response: SweepEstimate,
  },
  getPolicy: {
    method: 'GET',
    path: '/policy',
    summary: 'The policy that is applied: tenants, quotas, and how the queue decides.',
    response: z.object({ text: z.string().describe('As it was applied; the defaults where none was.') }),
  },
  applyPolicy: {
    method: 'POST',
    path: '/policy',
    summary: 'Applies a policy.yaml, or only says what it would change.',
    body: z.strictObject({ text: z.string().max(256_000), dryRun: z.boolean().default(false) }),
    response: z.object({ changes: z.array(z.string()), applied: z.boolean() }),
  },
  listOperations: {
    method: 'GET',
    path: '/operations',
    summary: 'Long work, newest first.',
    query: Page,
    response: list(Operation),
  },
  getOperation: { method: 'GET', path: '/operations/:id', summary: 'One piece of long work.', response: Operation },
  cancelOperation: { method: 'POST', path: '/operations/:id/cancel', summary: 'Cancels it.', body: None, response: Id },
} as const satisfies Record<string, OperationSpec>;

export type OperationName = keyof typeof operations;
type Spec<N extends OperationName> = (typeof operations)[N];
type InputOf<S, K extends string> = S extends Record<K, infer T extends z.ZodType> ? z.input<T> : undefined;

/** The names of `:parameters` in a path. */
type PathParams<P extends string> = P extends `${string}:${infer Name}/${infer Rest}`
  ? Name | PathParams<`/${Rest}`>
  : P extends `${string}:${infer Name}`
    ? Name
    : never;

/** What a caller gives: path parameters, query and body. */
export interface Call<N extends OperationName> {
  params: Record<PathParams<Spec<N>['path']>, string>;
  query: InputOf<Spec<N>, 'query'>;
  body: InputOf<Spec<N>, 'body'>;
}
type OutputOf<S, K extends string> = S extends Record<K, infer T extends z.ZodType> ? z.output<T> : undefined;

/** What the server gets once the schemas have let a call through: defaults filled in, text turned into numbers. */
export interface Received<N extends OperationName> {
  params: Record<PathParams<Spec<N>['path']>, string>;
  query: OutputOf<Spec<N>, 'query'>;
  body: OutputOf<Spec<N>, 'body'>;
}

/** What a caller gets. */
export type Answer<N extends OperationName> = z.infer<Spec<N>['response']>;

/** The parts of a call that must be given: path parameters and bodies; a query may be left away. */
export type CallInput<N extends OperationName> = ([PathParams<Spec<N>['path']>] extends [never]
  ? { params?: undefined }
  : { params: Call<N>['params'] }) &
  (Call<N>['body'] extends undefined ? { body?: undefined } : { body: Call<N>['body'] }) & { query?: Call<N>['query'] };

/** Fills `:parameters` into an operation's path and appends the query. */
export function operationUrl(
  name: OperationName,
  params: Record<string, string> = {},
  query: Record<string, unknown> = {},
): string {
  const path = operations[name].path.replace(/:([a-z]+)/gi, (_, key: string) => encodeURIComponent(params[key] ?? ''));
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
  const text = search.toString();
  return `/api/v1${path}${text ? `?${text}` : ''}`;
}
