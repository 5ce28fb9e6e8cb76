/** Jobs, pods and nodes as the API server would tell them, for the pure parts of the Kubernetes runtime. */
import {
  type Job,
  jobSchema,
  type Node,
  nodeSchema,
  type Pod,
  podSchema,
} from '../../../../server/runtimes/kubernetes/objects.ts';

const metadata = { uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };

export function job(more: { suspend?: boolean; annotations?: object; conditions?: object[] } = {}): Job {
  const { suspend = false, annotations = {}, conditions = [] } = more;
  return jobSchema.parse({
    metadata: { ...metadata, name: 'w-1', annotations },
    spec: { suspend },
    status: { conditions },
  });
}

interface PodParts {
  name?: string;
  phase?: string;
  created?: string;
  state?: object;
  init?: object[];
  conditions?: object[];
  gpus?: number;
  labels?: Record<string, string>;
  image?: string;
}

export function pod(parts: PodParts = {}): Pod {
  const { name = 'w-1-abcde', phase = 'Running', created = metadata.creationTimestamp, state, init = [] } = parts;
  const resources = { limits: parts.gpus ? { 'nvidia.com/gpu': String(parts.gpus) } : {} };
  return podSchema.parse({
    metadata: { ...metadata, uid: name, name, creationTimestamp: created, labels: parts.labels ?? {} },
    spec: { nodeName: 'n1', containers: [{ name: 'work', resources }] },
    status: {
      phase,
      conditions: parts.conditions ?? [],
      containerStatuses: state ? [{ name: 'work', image: parts.image ?? 'i', state }] : [],
      initContainerStatuses: init,
    },
  });
}

export function terminated(exitCode: number, message = '', reason = 'Error') {
  const times = { startedAt: '2026-01-01T00:00:05Z', finishedAt: '2026-01-01T00:00:09Z' };
  return { terminated: { exitCode, message, reason, ...times } };
}

export function node(more: { ready?: string; gpus?: number; labels?: Record<string, string> } = {}): Node {
  const { ready = 'True', gpus = 0, labels = {} } = more;
  const conditions = [{ type: 'Ready', status: ready, lastTransitionTime: '2026-01-01T00:00:00Z' }];
  const allocatable = { cpu: '3500m', memory: '2Gi', 'nvidia.com/gpu': String(gpus) };
  return nodeSchema.parse({ metadata: { ...metadata, name: 'n1', labels }, status: { allocatable, conditions } });
}
