/** What the API shows of each state: pure functions from state to views. */
import { type DatasetState, type DatasetVersionState, presentDatasetVersions } from '../domain/dataset/dataset.ts';
import type { EndpointState } from '../domain/endpoint/endpoint.ts';
import { type ModelState, presentVersions } from '../domain/lineage/model.ts';
import type { ValidationState } from '../domain/lineage/validation.ts';
import type { PipelineState } from '../domain/pipeline/pipeline.ts';
import type { ReleaseState } from '../domain/rollout/release.ts';
import type { RunState } from '../domain/run/run.ts';
import type { TrackedState } from '../domain/run/tracked.ts';
import { type QueueState, usedOf } from '../domain/schedule/queue.ts';
import { lineOf } from '../domain/schedule/tell.ts';
import { bestToKeep, noBest } from '../domain/sweep/best.ts';
import { eachItem, itemAt } from '../domain/sweep/pages.ts';
import type { Trial as TrialState } from '../domain/sweep/state.ts';
import { type TrialRunsState, trialRunId } from '../domain/sweep/trialRuns.ts';
import type {
  Dataset,
  DatasetVersion,
  Endpoint,
  Model,
  ModelVersion,
  Node,
  Pipeline,
  Rollout,
  Run,
  Sweep,
  Topic,
  Trial,
  Validation,
} from '../protocol/entities.ts';
import type { View } from './engine.ts';

/** Finds the receipt that this event wrote about a subject; an earlier receipt is kept by the engine. */
export type ReceiptOf = (subject: string) => string | undefined;

/** A thing that is shown no more. */
function gone(topic: Topic, id: string, project: string): View {
  return { topic, id, project, data: null };
}

export function datasetViews(state: DatasetState, before: DatasetState | undefined, receiptOf: ReceiptOf): View[] {
  const missing = state.versions.filter(
    (version) => version.isDeleted && !before?.versions.some((one) => one.version === version.version && one.isDeleted),
  );
  const removed = missing.map((one) => gone('datasetVersions', `${state.name}@v${one.version}`, one.project));
  const present = presentDatasetVersions(state);
  const latest = present.at(-1);
  if (!latest) return [gone('datasets', state.name, state.versions.at(-1)!.project), ...removed];
  const dataset: Dataset = {
    id: state.name,
    name: state.name,
    latest: latest.version,
    files: latest.files,
    bytes: latest.bytes,
    createdAt: state.createdAt,
    updatedAt: latest.createdAt,
  };
  const { project } = latest;
  const changed = present.filter((version) => !before?.versions.includes(version));
  return [
    { topic: 'datasets', id: state.name, project, data: dataset },
    ...removed,
    ...changed.map((version): View => {
      const data = datasetVersionView(state.name, version, receiptOf);
      return { topic: 'datasetVersions', id: data.id, project: version.project, parent: state.name, data };
    }),
  ];
}

export function datasetVersionView(name: string, version: DatasetVersionState, receiptOf: ReceiptOf): DatasetVersion {
  const id = `${name}@v${version.version}`;
  const { md5, isFolder, split, isDeleted: _, ...facts } = version;
  return {
    ...facts,
    id,
    dataset: name,
    digest: isFolder ? `${md5}.dir` : md5,
    split: split && { ...split, receipt: receiptOf(`split:${id}`) },
    usedBy: [],
    receipt: receiptOf(`dataset:${id}`),
  };
}

/** `live` are the figures that stream past the reducers: last metrics and the step reached. */
export function runViews(
  state: RunState,
  receiptOf: ReceiptOf,
  live: { metrics: Run['metrics']; step?: number } | undefined,
): View[] {
  const { spec, prepared, collected, exit } = state;
  if (state.isDeleted) return [gone('runs', spec.id, spec.project)];
  const total = Number(spec.params['epochs'] ?? spec.params['max_epochs'] ?? Number.NaN);
  const step = live?.step;
  const data: Run = {
    id: spec.id,
    project: spec.project,
    kind: spec.kind,
    step: spec.step,
    title: spec.title,
    folder: spec.folder,
    status: state.status,
    reason: state.reason,
    waiting: state.waiting,
    attempt: state.attempt,
    createdAt: state.createdAt,
    startedAt: state.startedAt,
    endedAt: state.endedAt,
    exitCode: exit?.exitCode,
    signal: exit?.signal,
    params: spec.params,
    command: Array.isArray(spec.command) ? spec.command.join(' ') : spec.command,
    environment: prepared?.environment && {
      digest: prepared.environment.digest,
      python: prepared.environment.python,
      label: prepared.environment.label,
    },
    resources: spec.resources,
    code: { sha256: spec.code.sha256, commit: spec.code.commit, changed: spec.code.changed },
    dataset: prepared?.dataset ?? spec.dataset,
    objective: spec.objective,
    metrics: { ...live?.metrics, ...collected?.metrics },
    epoch: step === undefined ? undefined : { step, total: Number.isFinite(total) ? total : undefined },
    exception: collected?.exception,
    outputs: collected?.outputs ?? [],
    cached: false,
    sweep: spec.sweep,
    trial: spec.trial,
    pipeline: spec.pipeline,
    model: state.model,
    tags: [],
    receipt: receiptOf(`run:${spec.id}`),
  };
  return [{ topic: 'runs', id: spec.id, project: spec.project, parent: spec.sweep ?? '', data }];
}

const trackedStatuses = {
  RUNNING: 'running',
  SCHEDULED: 'waiting',
  FINISHED: 'succeeded',
  FAILED: 'failed',
  KILLED: 'stopped',
} as const;

/** A run that an MLflow client began; what a client tells of a run of ours stands in that run's own view. */
export function trackedViews(state: TrackedState, receiptOf: ReceiptOf): View[] {
  if (!state.isForeign) return [];
  const { id, project, name, startTime, endTime, metrics, params, tags } = state;
  const isOver = endTime !== undefined;
  const source = tags['mlflow.source.name'] ?? '';
  const data: Run = {
    ...{ id, project, kind: 'program', step: 'mlflow', title: name, folder: '', params },
    status: trackedStatuses[state.status],
    reason: '',
    attempt: 1,
    createdAt: startTime,
    startedAt: startTime,
    ...(isOver ? { endedAt: endTime } : {}),
    command: source,
    resources: {},
    metrics: Object.fromEntries(Object.entries(metrics).map(([key, { value }]) => [key, value])),
    outputs: [],
    cached: false,
    tags: [],
    receipt: receiptOf(`run:${id}`),
  };
  return [{ topic: 'runs', id, project, parent: '', data: state.isDeleted ? null : data }];
}

const sweepStatuses = { running: 'running', paused: 'paused', stopping: 'stopping', ended: 'finished' } as const;

export function sweepViews(state: TrialRunsState, before: TrialRunsState | undefined, receiptOf: ReceiptOf): View[] {
  const { sweep, spec } = state;
  if (state.isDeleted) {
    const trials = [...eachItem(sweep?.trials ?? [])].map(({ number }) => `${state.id}/${number}`);
    return [gone('sweeps', state.id, state.project), ...trials.map((id) => gone('trials', id, state.project))];
  }
  const counts = countTrials(sweep);
  const bestTrial = sweep && bestToKeep(sweep);
  const ended = state.status === 'ended';
  const data: Sweep = {
    id: state.id,
    project: state.project,
    folder: state.folder,
    title: state.title,
    status: ended && !bestTrial ? 'failed' : sweep ? sweepStatuses[sweep.status] : ended ? 'failed' : 'running',
    reason:
      state.reason || (sweep ? '' : 'prepares what the trials share') || (ended && !bestTrial ? noBest(sweep) : ''),
    sampler: spec.sampler.type,
    stopper: spec.stopper?.type ?? 'none',
    objective: spec.goals[0]!,
    objectives: spec.goals.length > 1 ? [...spec.goals] : undefined,
    front: spec.goals.length > 1 ? [...(sweep?.best ?? [])] : undefined,
    space: { ...spec.space },
    seed: spec.seed,
    known: spec.known?.length || undefined,
    runsElsewhere: state.template ? undefined : true,
    trials: sweep?.budget ?? spec.trials,
    parallel: sweep?.parallel ?? spec.parallel,
    counts,
    best: bestTrial && {
      trial: bestTrial.number,
      value: bestTrial.values![0]!,
      params: { ...bestTrial.params },
      run: state.template ? trialRunId(state.id, bestTrial.number, bestTrial.attempt) : '',
    },
    createdAt: state.createdAt,
    endedAt: state.endedAt,
    pipeline: state.parent?.kind === 'pipeline' ? state.parent.id : undefined,
    receipt: receiptOf(`sweep:${state.id}`),
  };
  const trials = changedTrials(state, before).map((trial): View => {
    const id = `${state.id}/${trial.number}`;
    return { topic: 'trials', id, project: state.project, parent: state.id, data: trialView(state, trial) };
  });
  return [{ topic: 'sweeps', id: state.id, project: state.project, data }, ...trials];
}

function trialView({ id: sweep, template, spec }: TrialRunsState, trial: TrialState): Trial {
  const statuses = { stopping: 'running', stopped: 'stoppedEarly' } as const;
  const { status } = trial;
  return {
    id: `${sweep}/${trial.number}`,
    sweep,
    number: trial.number,
    status: status === 'stopping' || status === 'stopped' ? statuses[status] : status,
    reason: trial.reason ?? '',
    params: { ...trial.params },
    value: trial.values?.[0],
    values: spec.goals.length > 1 && trial.values ? [...trial.values] : undefined,
    step: trial.step >= 0 ? trial.step : undefined,
    run: template && trialRunId(sweep, trial.number, trial.attempt),
    from: trial.from ?? undefined,
    attempt: trial.attempt,
    startedAt: trial.startedAt,
    endedAt: trial.endedAt,
  };
}

function countTrials(sweep: TrialRunsState['sweep']): Sweep['counts'] {
  const { finished = 0, stopped = 0, failed = 0 } = sweep?.counts ?? {};
  const active = sweep?.active.map((number) => itemAt(sweep.trials, number)!) ?? [];
  const waiting = active.filter(({ status }) => status === 'waiting').length;
  return { waiting, running: active.length - waiting, finished, stoppedEarly: stopped, stopped: 0, failed };
}

/** Trials are shared between states where they did not change: whole pages are passed over by identity. */
function changedTrials(state: TrialRunsState, before: TrialRunsState | undefined): TrialState[] {
  const now = state.sweep?.trials ?? [];
  const then = before?.sweep?.trials ?? [];
  return now.flatMap((page, p) => (page === then[p] ? [] : page.filter((trial, i) => trial !== then[p]?.[i])));
}

export function validationViews(state: ValidationState, receiptOf: ReceiptOf): View[] {
  const data: Validation = {
    id: state.id,
    project: state.project,
    run: state.candidate.run,
    validateRun: state.validateRun,
    status: state.status,
    decision: state.verdict?.decision,
    how: state.verdict?.how ?? [],
    reason: state.reason,
    metrics: state.metrics,
    gates: state.verdict?.gates ?? [],
    createdAt: state.createdAt,
    decidedAt: state.decidedAt,
    receipt: receiptOf(`validation:${state.id}`),
  };
  return [{ topic: 'validations', id: state.id, project: state.project, parent: state.candidate.run, data }];
}

export function modelViews(state: ModelState, before: ModelState | undefined, receiptOf: ReceiptOf): View[] {
  const { name, project } = state;
  const present = presentVersions(state);
  const missing = state.versions.filter(
    (version) => version.isDeleted && !before?.versions.some((one) => one.version === version.version && one.isDeleted),
  );
  const removed = missing.map(({ version }) => gone('modelVersions', `${name}@v${version}`, project));
  const latest = present.at(-1);
  if (!latest) return [gone('models', name, project), ...removed];
  const model: Model = {
    id: name,
    name,
    project,
    latest: latest.version,
    aliases: state.aliases,
    createdAt: state.createdAt,
    updatedAt: latest.createdAt,
  };
  const changed = present.filter((version) => {
    return (
      !before?.versions.includes(version) ||
      aliasesOf(state, version.version).join() !== aliasesOf(before, version.version).join()
    );
  });
  return [
    { topic: 'models', id: name, project, data: model },
    ...removed,
    ...changed.map((version): View => {
      const id = `${name}@v${version.version}`;
      const data: ModelVersion = {
        id,
        model: name,
        version: version.version,
        project,
        run: version.run,
        dataset: version.dataset,
        digests: version.digests,
        files: version.files,
        bytes: version.bytes,
        params: version.params,
        metrics: version.metrics,
        aliases: aliasesOf(state, version.version),
        validation: version.validation?.id,
        gatesPassed: version.gatesPassed,
        createdAt: version.createdAt,
        receipt: receiptOf(`model:${id}`),
      };
      return { topic: 'modelVersions', id, project, parent: name, data };
    }),
  ];
}

function aliasesOf(state: ModelState, version: number): string[] {
  return Object.keys(state.aliases).filter((alias) => state.aliases[alias] === version);
}

export function pipelineViews(state: PipelineState): View[] {
  const { canSweep: _, code: __, ...data } = state;
  return [{ topic: 'pipelines', id: state.id, project: state.project, data: data satisfies Pipeline }];
}

/** Figures of an endpoint's revisions as the gateway counts them. */
export interface RevisionFigures {
  requests: number;
  errors: number;
  requestsPerSecond: number;
  p50Ms: number | null;
  p95Ms: number | null;
  inFlight: number;
  shadow?: Endpoint['revisions'][number]['shadow'];
}

const noFigures: RevisionFigures = {
  requests: 0,
  errors: 0,
  requestsPerSecond: 0,
  p50Ms: null,
  p95Ms: null,
  inFlight: 0,
};

export function endpointViews(
  state: EndpointState,
  live: Pick<Endpoint, 'recentErrors' | 'samples' | 'trafficAt'> & {
    gatewayUrl: string;
    figures: Record<string, RevisionFigures>;
  },
): View[] {
  if (state.isDeleted) return [gone('endpoints', state.name, state.project)];
  const data: Endpoint = {
    id: state.name,
    name: state.name,
    project: state.project,
    model: state.model,
    access: state.access,
    url: `${live.gatewayUrl}/endpoints/${state.name}`,
    revisions: Object.values(state.revisions)
      .filter((revision) => revision.status !== 'retired')
      .map((revision) => ({
        name: revision.name,
        modelVersion: revision.modelVersion,
        weight: revision.weight,
        status: revision.status,
        reason: revision.reason,
        replicas: revision.replicas.length,
        ready: revision.replicas.filter((replica) => replica.status === 'ready').length,
        ...(live.figures[revision.name] ?? noFigures),
      })),
    rollout: state.rollout?.id,
    samples: live.samples,
    trafficAt: live.trafficAt,
    recentErrors: live.recentErrors,
    createdAt: state.createdAt,
    updatedAt: state.updatedAt,
  };
  return [{ topic: 'endpoints', id: state.name, project: state.project, data }];
}

const rolloutStatuses = { waitingReady: 'starting', promoting: 'stepping' } as const;

export function releaseViews(state: ReleaseState, receiptOf: ReceiptOf): View[] {
  const { rollout } = state;
  const { status } = rollout;
  const data: Rollout = {
    id: state.id,
    endpoint: rollout.endpoint,
    project: state.project,
    model: rollout.model,
    from: rollout.from,
    to: rollout.to,
    status: status === 'waitingReady' || status === 'promoting' ? rolloutStatuses[status] : status,
    reason: rollout.reason,
    weight: rollout.weight,
    steps: state.steps,
    step: Math.max(rollout.stepIndex, 0),
    analysis: rollout.analysis,
    createdAt: rollout.createdAt,
    endedAt: rollout.endedAt ?? undefined,
    pipeline: state.parent?.kind === 'pipeline' ? state.parent.id : undefined,
    receipt: receiptOf(`rollout:${rollout.endpoint}/${state.id}`),
  };
  return [{ topic: 'rollouts', id: state.id, project: state.project, parent: rollout.endpoint, data }];
}

/** How much of the line is shown with the nodes. */
const shownWaiting = 50;

export function nodeViews(state: QueueState, before: QueueState | undefined): View[] {
  const names = new Set(state.nodes.map(({ node }) => node.name));
  const gone = (before?.nodes ?? []).filter(({ node }) => !names.has(node.name));
  const removed = gone.map(({ node }): View => ({ topic: 'nodes', id: node.name, project: '', data: null }));
  const line = lineOf(state, shownWaiting).map(({ id, at, told }, i) => ({
    id,
    reason: told?.reason ?? 'waits',
    position: i + 1,
    since: at,
    estimatedStart: told?.estimatedStart,
  }));
  const shown = state.nodes.map(({ node, held }, n): View => {
    const used = usedOf(state, node.name);
    const holder = (index: number) => Object.values(held).find(({ share }) => share.gpus.includes(index))?.entry.id;
    const data: Node = {
      id: node.name,
      name: node.name,
      cpus: node.cpus,
      cpusUsed: used.cpus,
      memoryBytes: node.memoryBytes,
      memoryUsedBytes: used.memoryBytes,
      gpus: node.gpus.map((gpu) => ({
        index: gpu.index,
        product: gpu.product,
        memoryBytes: gpu.memoryBytes,
        holder: holder(gpu.index) ?? (gpu.busy ? 'foreign' : null),
      })),
      // There is one line for all nodes: it stands at the first.
      queue: n === 0 ? line : [],
      lastSeenAt: state.seenAt,
    };
    return { topic: 'nodes', id: node.name, project: '', data };
  });
  return [...removed, ...shown];
}
