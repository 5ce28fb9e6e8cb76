/**
 * What the API shows: one schema for each thing a person can look at. The engine writes them as views of its states;
 * the trees, the pages and the CLI read them. Times are milliseconds since 1970; sizes are bytes.
 */
import * as z from 'zod';
import { EndpointMonitor } from './monitors.ts';
import { Gate, Objective } from './slipwayFile.ts';

const Time = z.number().int().describe('Milliseconds since 1970.');
const ParamValue = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const Params = z.record(z.string(), ParamValue);
/** A number as JSON can carry it: non-finite ones by name. */
// Literals, since the declaration of an enum with the member `-Infinity` is emitted as a computed key and lost.
export const Float = z.union([z.number(), z.literal(['NaN', 'Infinity', '-Infinity'])]);
export type Float = z.infer<typeof Float>;
const Digests = z.record(z.string(), z.string()).describe('By algorithm: md5 (32 hex) and sha256 (64 hex).');

/** Why something waits: reason, place in the line, who is ahead, until about when. */
export const Waiting = z.object({
  reason: z.string(),
  position: z.number().int().optional().describe('1 is the head of the line.'),
  ahead: z.array(z.string()).optional().describe('Ids of up to 10 entries ahead.'),
  since: Time,
  startsNowIf: z.string().optional().describe('What would have to be otherwise for it to start now.'),
  estimatedStart: Time.optional(),
  earliestStart: Time.optional().describe('If what is awaited takes as short as its shortest like.'),
  latestStart: Time.optional(),
  basis: z.string().optional().describe('What the estimate rests on.'),
});
export type Waiting = z.infer<typeof Waiting>;

export const Leakage = z.object({
  verdict: z.enum(['none', 'leaks']),
  exact: z.number().int().describe('Files of the test side whose bytes are also on the train side.'),
  groups: z.number().int().describe('Groups with files on both sides.'),
  examples: z.array(z.string()),
});

export const Split = z.object({
  strategy: z.enum(['random', 'stratified', 'group', 'time']),
  by: z.string().optional(),
  seed: z.number().int(),
  train: z.number().int().describe('Files on the train side.'),
  test: z.number().int().describe('Files on the test side.'),
  classes: z.record(z.string(), z.object({ train: z.number().int(), test: z.number().int() })),
  moved: z.number().int().describe('Files that changed sides against the version before.'),
  leakage: Leakage,
  sha256: z.string(),
  receipt: z.string().optional(),
});
export type Split = z.infer<typeof Split>;

export const DatasetVersion = z.object({
  id: z.string().describe('NAME@vN'),
  dataset: z.string(),
  version: z.number().int(),
  digest: z.string().nullable().describe("DVC's digest: <32 hex>.dir, or 32 hex for a single file."),
  sha256: z.string().nullable(),
  files: z.number().int(),
  bytes: z.number().int(),
  added: z.number().int(),
  changed: z.number().int(),
  removed: z.number().int(),
  source: z.string().describe('Where it was added from.'),
  createdAt: Time,
  actor: z.string(),
  project: z.string(),
  receipt: z.string().optional(),
  split: Split.optional(),
  usedBy: z.array(z.string()).default([]).describe('Model versions trained on it.'),
});
export type DatasetVersion = z.infer<typeof DatasetVersion>;

export const Dataset = z.object({
  id: z.string(),
  name: z.string(),
  title: z.string().optional(),
  latest: z.number().int(),
  files: z.number().int(),
  bytes: z.number().int(),
  createdAt: Time,
  updatedAt: Time,
});
export type Dataset = z.infer<typeof Dataset>;

export const runStatuses = [
  'preparing',
  'waiting',
  'starting',
  'running',
  'stopping',
  'succeeded',
  'failed',
  'stopped',
  'lost',
] as const;
export const RunStatus = z.enum(runStatuses);
export type RunStatus = z.infer<typeof RunStatus>;
export const endedRunStatuses: readonly RunStatus[] = ['succeeded', 'failed', 'stopped', 'lost'];

export const Frame = z.object({ file: z.string(), line: z.number().int(), function: z.string().optional() });

export const Run = z.object({
  id: z.string(),
  project: z.string(),
  kind: z.enum(['train', 'stage', 'trial', 'validate', 'program']),
  step: z.string().describe('train, validate, a stage name, or the program.'),
  title: z.string(),
  folder: z.string().describe('The project folder it was started from.'),
  status: RunStatus,
  /** One line: why it waits, fails, or was stopped; empty while nothing is to be said. */
  reason: z.string(),
  waiting: Waiting.optional(),
  attempt: z.number().int(),
  createdAt: Time,
  startedAt: Time.optional(),
  endedAt: Time.optional(),
  exitCode: z.number().int().nullable().optional(),
  signal: z.string().nullable().optional(),
  params: Params,
  command: z.string(),
  environment: z.object({ digest: z.string().optional(), python: z.string().optional(), label: z.string() }).optional(),
  /** As in slipway.yaml, with sizes in bytes. */
  resources: z.object({
    cpu: z.number().optional(),
    memory: z.number().optional(),
    gpu: z.number().optional(),
    gpuMemory: z.number().optional(),
    shm: z.number().optional(),
    disk: z.number().optional(),
    nodes: z.number().int().optional(),
    queue: z.string().optional(),
  }),
  code: z.object({ sha256: z.string(), commit: z.string().optional(), changed: z.boolean().optional() }).optional(),
  dataset: z.string().optional().describe('NAME@vN'),
  objective: Objective.optional(),
  /** The latest value of each metric the head line and tables show. */
  metrics: z.record(z.string(), Float),
  epoch: z.object({ step: z.number(), total: z.number().optional() }).optional(),
  exception: z.object({ type: z.string(), message: z.string(), frame: Frame.optional() }).optional(),
  outputs: z.array(z.object({ name: z.string(), digests: Digests, files: z.number().int(), bytes: z.number().int() })),
  cached: z
    .boolean()
    .default(false)
    .describe('The outputs come from an earlier run of the same stage on the same inputs.'),
  sweep: z.string().optional(),
  trial: z.number().int().optional(),
  pipeline: z.string().optional(),
  model: z.string().optional().describe('The model version registered from it: NAME@vN'),
  tags: z.array(z.string()).default([]),
  receipt: z.string().optional(),
});
export type Run = z.infer<typeof Run>;

export const trialStatuses = ['waiting', 'running', 'finished', 'stoppedEarly', 'stopped', 'failed'] as const;
export const Trial = z.object({
  id: z.string().describe('SWEEP/NUMBER'),
  sweep: z.string(),
  number: z.number().int(),
  status: z.enum(trialStatuses),
  reason: z.string(),
  params: Params,
  value: Float.optional(),
  values: z.array(Float).optional().describe('One a goal, where there are several.'),
  step: z.number().optional(),
  run: z.string().optional(),
  from: z.number().int().optional().describe('The trial from whose checkpoints it began.'),
  attempt: z.number().int(),
  startedAt: Time.optional(),
  endedAt: Time.optional(),
});
export type Trial = z.infer<typeof Trial>;

export const Sweep = z.object({
  id: z.string(),
  project: z.string(),
  folder: z.string(),
  title: z.string(),
  status: z.enum(['running', 'paused', 'stopping', 'finished', 'stopped', 'failed']),
  reason: z.string(),
  sampler: z.string(),
  stopper: z.string(),
  objective: Objective,
  objectives: z.array(Objective).optional().describe('All goals, where there are several.'),
  front: z
    .array(z.number().int())
    .optional()
    .describe('With several goals: the trials that none beats in all of them.'),
  space: z.record(z.string(), z.unknown()).optional().describe('As under `space:` in slipway.yaml.'),
  seed: z.number().int().optional(),
  known: z.number().int().optional().describe('How many trials of other sweeps and runs it began from.'),
  runsElsewhere: z.boolean().optional().describe('Its trials are asked for and told, not run by Slipway.'),
  trials: z.number().int().describe('Budget.'),
  parallel: z.number().int(),
  counts: z.object({
    waiting: z.number().int(),
    running: z.number().int(),
    finished: z.number().int(),
    stoppedEarly: z.number().int(),
    stopped: z.number().int(),
    failed: z.number().int(),
  }),
  best: z.object({ trial: z.number().int(), value: Float, params: Params, run: z.string() }).optional(),
  createdAt: Time,
  endedAt: Time.optional(),
  pipeline: z.string().optional(),
  receipt: z.string().optional(),
});
export type Sweep = z.infer<typeof Sweep>;

export const GateResult = z.object({
  gate: Gate,
  value: Float.optional(),
  production: Float.optional(),
  passed: z.boolean(),
  reason: z.string(),
});
export type GateResult = z.infer<typeof GateResult>;

export const Validation = z.object({
  id: z.string(),
  project: z.string(),
  run: z.string().describe('The run whose model is judged.'),
  validateRun: z.string().optional(),
  status: z.enum(['running', 'decided', 'failed']),
  decision: z.enum(['serve', 'retrain']).optional(),
  how: z.array(z.string()).describe('With what to retrain: sweep, augment, propose.'),
  reason: z.string(),
  metrics: z.record(z.string(), Float),
  gates: z.array(GateResult),
  createdAt: Time,
  decidedAt: Time.optional(),
  receipt: z.string().optional(),
});
export type Validation = z.infer<typeof Validation>;

export const ModelVersion = z.object({
  id: z.string().describe('NAME@vN'),
  model: z.string(),
  version: z.number().int(),
  project: z.string(),
  run: z.string(),
  dataset: z.string().optional(),
  digests: Digests,
  files: z.number().int(),
  bytes: z.number().int(),
  params: Params,
  metrics: z.record(z.string(), Float),
  aliases: z.array(z.string()).describe('production, staging, …'),
  validation: z.string().optional(),
  gatesPassed: z.boolean().optional(),
  createdAt: Time,
  receipt: z.string().optional(),
});
export type ModelVersion = z.infer<typeof ModelVersion>;

export const Model = z.object({
  id: z.string(),
  name: z.string(),
  project: z.string(),
  latest: z.number().int(),
  aliases: z.record(z.string(), z.number().int()).describe('Alias → version number.'),
  createdAt: Time,
  updatedAt: Time,
});
export type Model = z.infer<typeof Model>;

export const Revision = z.object({
  name: z.string().describe('v5: the model version it serves.'),
  modelVersion: z.string(),
  weight: z.number(),
  status: z.enum(['starting', 'ready', 'failed', 'retired']),
  reason: z.string(),
  replicas: z.number().int(),
  ready: z.number().int(),
  requests: z.number().int(),
  errors: z.number().int(),
  requestsPerSecond: z.number(),
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
  inFlight: z.number().int(),
  shadow: z
    .object({
      sent: z.number().int(),
      same: z.number().int(),
      different: z.number().int(),
      failed: z.number().int(),
      dropped: z.number().int(),
    })
    .optional()
    .describe('Copies of requests that it got, and how its answers compared with those that clients got.'),
});
export type Revision = z.infer<typeof Revision>;

export const Endpoint = z.object({
  id: z.string(),
  name: z.string(),
  project: z.string(),
  model: z.string(),
  access: z.enum(['private', 'keys', 'open']),
  url: z.string().describe('Where the gateway answers for it.'),
  revisions: z.array(Revision),
  rollout: z.string().optional().describe('The rollout in progress.'),
  samples: z
    .object({ taken: z.number().int(), dropped: z.number().int() })
    .optional()
    .describe('Requests that the gateway wrote down for drift and labels, and those that it could not.'),
  trafficAt: Time.optional().describe('End of the last interval with a request; see readEndpointTraffic.'),
  recentErrors: z.array(
    z.object({ requestId: z.string(), revision: z.string(), status: z.number(), at: Time, message: z.string() }),
  ),
  createdAt: Time,
  updatedAt: Time,
});
export type Endpoint = z.infer<typeof Endpoint>;

export const RolloutStep = z.object({
  weight: z.number(),
  status: z.enum(['waiting', 'running', 'passed', 'failed']),
  startedAt: Time.optional(),
  endedAt: Time.optional(),
  requests: z.number().int().optional(),
  needed: z.number().int().optional(),
  errorRate: z.number().nullable().optional(),
  p95Ms: z.number().nullable().optional(),
  stableP95Ms: z.number().nullable().optional(),
  p95IntervalMs: z
    .array(z.number().nullable())
    .length(2)
    .optional()
    .describe('Bounds of the p95 without a supposed distribution; null where there are too few requests for one.'),
  quality: z
    .object({
      labels: z.number().int(),
      wrong: z.number().int(),
      stableLabels: z.number().int(),
      stableWrong: z.number().int(),
    })
    .optional()
    .describe('Labels that came back since the rollout began, where a quality rule asks for them.'),
  reason: z.string(),
  receipt: z.string().optional(),
});

export const Rollout = z.object({
  id: z.string(),
  endpoint: z.string(),
  project: z.string(),
  model: z.string(),
  from: z.string().nullable(),
  to: z.string(),
  status: z.enum(['starting', 'stepping', 'paused', 'completed', 'rolledBack', 'aborted', 'superseded', 'failed']),
  reason: z.string(),
  weight: z.number(),
  steps: z.array(RolloutStep),
  step: z.number().int(),
  analysis: z.object({
    maxErrorRate: z.number(),
    maxP95Ratio: z.number(),
    minRequests: z.number().int(),
    maxQualityDrop: z.number().nullable(),
    minLabels: z.number().int(),
    onInconclusive: z.enum(['wait', 'pass']),
    maxWaitMs: z.number(),
  }),
  createdAt: Time,
  endedAt: Time.optional(),
  pipeline: z.string().optional(),
  receipt: z.string().optional(),
});
export type Rollout = z.infer<typeof Rollout>;

export const Pipeline = z.object({
  id: z.string(),
  project: z.string(),
  folder: z.string(),
  status: z.enum(['running', 'succeeded', 'failed', 'stopped']),
  reason: z.string(),
  steps: z.array(
    z.object({
      id: z
        .string()
        .describe('dataset, split, stage:NAME, train, sweep, validate, model, rollout; #2 for a second round.'),
      status: z.enum(['waiting', 'running', 'done', 'cached', 'failed', 'skipped']),
      detail: z.string(),
      subject: z.string().optional().describe('Id of what it made: a run, a sweep, digits@v3, …'),
      startedAt: Time.optional(),
      endedAt: Time.optional(),
    }),
  ),
  createdAt: Time,
  endedAt: Time.optional(),
});
export type Pipeline = z.infer<typeof Pipeline>;

/** Long work that is not a run: adding a dataset version, verifying, building an environment. */
export const Operation = z.object({
  id: z.string(),
  kind: z.string(),
  subject: z.string(),
  status: z.enum(['running', 'succeeded', 'failed', 'cancelled']),
  progress: z.object({ done: z.number(), total: z.number().optional(), unit: z.string(), message: z.string() }),
  result: z.unknown().optional(),
  error: z.object({ code: z.string(), message: z.string(), hint: z.string() }).optional(),
  createdAt: Time,
  endedAt: Time.optional(),
});
export type Operation = z.infer<typeof Operation>;

export const Project = z.object({
  id: z.string(),
  name: z.string(),
  receipts: z.number().int(),
  head: z.string().optional(),
  updatedAt: Time,
});
export type Project = z.infer<typeof Project>;

/** What may be known of a secret: not its value. */
export const Secret = z.object({
  name: z.string(),
  variable: z.string().describe('The environment variable that programs get it in.'),
  updatedAt: Time,
});
export type Secret = z.infer<typeof Secret>;

export const Node = z.object({
  id: z.string(),
  name: z.string(),
  cpus: z.number(),
  cpusUsed: z.number(),
  memoryBytes: z.number(),
  memoryUsedBytes: z.number(),
  gpus: z.array(
    z.object({ index: z.number().int(), product: z.string(), memoryBytes: z.number(), holder: z.string().nullable() }),
  ),
  queue: z
    .array(
      z.object({
        id: z.string(),
        reason: z.string(),
        position: z.number().int(),
        since: Time.optional(),
        estimatedStart: Time.optional(),
      }),
    )
    .describe('The line of all nodes, told with the first of them.'),
  lastSeenAt: Time,
});
export type Node = z.infer<typeof Node>;

/** One that waits, with its place in the line of all nodes. */
export const QueueEntry = z.object({
  id: z.string(),
  tenant: z.string(),
  priority: z.number(),
  waiting: Waiting,
});
export type QueueEntry = z.infer<typeof QueueEntry>;

const Percentiles = z.object({ p50: z.number(), p95: z.number(), max: z.number() });

/** How a queue did over some time. */
export const QueueFigures = z.object({
  gpusTotal: z.number().int(),
  gpusAllocatedPct: z.number(),
  waitSeconds: Percentiles,
  slowdown: Percentiles,
  preemptions: z.number().int(),
  jainFairness: z.number(),
});
export type QueueFigures = z.infer<typeof QueueFigures>;

/** What a sweep will take; null where nothing is known yet, or nothing is limited. */
export const SweepEstimate = z.object({
  trials: z.number().int(),
  trialSeconds: z.number().nullable(),
  gpuHours: z.number().nullable(),
  cpuHours: z.number().nullable(),
  basis: z.string(),
  left: z.object({ gpuHours: z.number().nullable(), cpuHours: z.number().nullable() }),
});
export type SweepEstimate = z.infer<typeof SweepEstimate>;

/** Every topic of the event stream, with the schema of its objects. A topic's objects are keyed by `id`. */
export const topics = {
  datasets: Dataset,
  datasetVersions: DatasetVersion,
  runs: Run,
  sweeps: Sweep,
  trials: Trial,
  validations: Validation,
  models: Model,
  modelVersions: ModelVersion,
  endpoints: Endpoint,
  rollouts: Rollout,
  monitors: EndpointMonitor,
  pipelines: Pipeline,
  operations: Operation,
  projects: Project,
  nodes: Node,
} as const;
export type Topic = keyof typeof topics;
export type EntityOf<T extends Topic> = z.infer<(typeof topics)[T]>;
