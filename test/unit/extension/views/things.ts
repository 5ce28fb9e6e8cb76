// Objects of the API as tests need them: whole, with what a test is about changed.

import type { Collections } from '../../../../extension/model/liveModel.ts';
import type {
  DatasetVersion,
  Endpoint,
  EntityOf,
  Model,
  ModelVersion,
  Node,
  Rollout,
  Run,
  Sweep,
  Topic,
  Trial,
} from '../../../../server/protocol/entities.ts';

import type { EndpointMonitor } from '../../../../server/protocol/monitors.ts';

/** A Wednesday noon. */
export const now = new Date(2024, 5, 5, 12).getTime();

/** The live collections with these objects in them. */
export function collections(objects: { [T in Topic]?: EntityOf<T>[] }): Collections {
  return ((topic: Topic) => new Map((objects[topic] ?? []).map((item) => [item.id, item]))) as Collections;
}

export function version(number: number, change: Partial<DatasetVersion> = {}, leaks = 0): DatasetVersion {
  const leakage = { verdict: leaks > 0 ? 'leaks' : 'none', exact: leaks, groups: 0, examples: [] } as const;
  return {
    id: `digits@v${number}`,
    dataset: 'digits',
    version: number,
    digest: null,
    sha256: null,
    files: 1797,
    bytes: 1_400_000,
    added: 0,
    changed: 0,
    removed: 0,
    source: '/data',
    createdAt: now,
    actor: 'a',
    project: 'digits',
    usedBy: [],
    split: {
      strategy: 'stratified',
      seed: 7,
      train: 1437,
      test: 360,
      classes: {},
      moved: 0,
      leakage: { ...leakage, examples: [] },
      sha256: '',
    },
    ...change,
  };
}

export function model(change: Partial<Model> = {}): Model {
  return {
    id: 'digits',
    name: 'digits',
    project: 'digits',
    latest: 5,
    aliases: {},
    createdAt: now,
    updatedAt: now,
    ...change,
  };
}

export function modelVersion(number: number, change: Partial<ModelVersion> = {}): ModelVersion {
  return {
    id: `digits@v${number}`,
    model: 'digits',
    version: number,
    project: 'digits',
    run: 'r1',
    digests: {},
    files: 1,
    bytes: 1,
    params: {},
    metrics: { 'test/accuracy': 0.981 },
    aliases: [],
    createdAt: now,
    ...change,
  };
}

export function run(change: Partial<Run> = {}): Run {
  return {
    id: 'r1',
    project: 'digits',
    kind: 'train',
    step: 'train',
    title: 'train digits',
    folder: '/p',
    status: 'running',
    reason: '',
    attempt: 1,
    createdAt: now,
    params: {},
    command: 'python train.py',
    resources: {},
    objective: { metric: 'val/accuracy', goal: 'maximize' },
    metrics: {},
    outputs: [],
    cached: false,
    tags: [],
    ...change,
  };
}

export function sweep(change: Partial<Sweep> = {}): Sweep {
  return {
    id: 's1',
    project: 'digits',
    folder: '/p',
    title: 'lr × hidden',
    status: 'running',
    reason: '',
    sampler: 'tpe',
    stopper: 'asha',
    objective: { metric: 'val/accuracy', goal: 'maximize' },
    trials: 60,
    parallel: 2,
    counts: { waiting: 0, running: 2, finished: 34, stoppedEarly: 11, stopped: 0, failed: 0 },
    best: { trial: 3, value: 0.982, params: { lr: 0.1 }, run: 'r3' },
    createdAt: now,
    ...change,
  };
}

export function trial(number: number, change: Partial<Trial> = {}): Trial {
  return {
    id: `s1/${number}`,
    sweep: 's1',
    number,
    status: 'finished',
    reason: '',
    params: { lr: 0.1 },
    attempt: 1,
    ...change,
  };
}

export function rollout(change: Partial<Rollout> = {}): Rollout {
  const step = { status: 'waiting' as const, reason: '' };
  return {
    id: 'ro1',
    endpoint: 'digits',
    project: 'digits',
    model: 'digits',
    from: 'v5',
    to: 'v6',
    status: 'stepping',
    reason: '',
    weight: 25,
    steps: [
      { ...step, weight: 5, status: 'passed' },
      { ...step, weight: 25, status: 'running', requests: 131, needed: 200 },
      { ...step, weight: 50 },
      { ...step, weight: 100 },
    ],
    step: 1,
    analysis: {
      maxErrorRate: 0.01,
      maxP95Ratio: 1.5,
      minRequests: 200,
      maxQualityDrop: null,
      minLabels: 1000,
      onInconclusive: 'wait',
      maxWaitMs: 1,
    },
    createdAt: now,
    ...change,
  };
}

export function endpoint(change: Partial<Endpoint> = {}): Endpoint {
  const revision = {
    status: 'ready',
    reason: '',
    replicas: 2,
    ready: 2,
    requests: 100,
    errors: 0,
    p50Ms: 3,
    p95Ms: 8,
    inFlight: 0,
  } as const;
  return {
    id: 'digits',
    name: 'digits',
    project: 'digits',
    model: 'digits',
    access: 'private',
    url: 'http://127.0.0.1/endpoints/digits',
    revisions: [
      { ...revision, name: 'v5', modelVersion: 'digits@v5', weight: 75, requestsPerSecond: 90 },
      { ...revision, name: 'v6', modelVersion: 'digits@v6', weight: 25, requestsPerSecond: 30 },
    ],
    recentErrors: [],
    createdAt: now,
    updatedAt: now,
    ...change,
  };
}

export function node(change: Partial<Node> = {}): Node {
  return {
    id: 'here',
    name: 'here',
    cpus: 8,
    cpusUsed: 1,
    memoryBytes: 16e9,
    memoryUsedBytes: 1e9,
    gpus: [],
    queue: [],
    lastSeenAt: now,
    ...change,
  };
}

export function monitor(change: Partial<EndpointMonitor>): EndpointMonitor {
  const feature = { feature: 'x', aspect: 'distribution', test: 'psi', effect: 0.04, threshold: 0.2, p: 0.4 } as const;
  return {
    id: 'digits',
    endpoint: 'digits',
    project: 'digits',
    model: 'digits',
    version: 5,
    reference: 'training',
    isDrifting: false,
    alarms: 0,
    window: {
      from: now - 3_600_000,
      to: now,
      verdict: 'steady',
      reason: 'No drift.',
      rows: 500,
      falseAlarmRate: 0.001,
      features: [{ ...feature, values: 500, isDrifted: false }],
    },
    proposal: null,
    retrainings: [],
    ...change,
  };
}
