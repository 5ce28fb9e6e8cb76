/** The Job that carries a workload. Pure: the same workload and settings give the same Job. */
import { createHash } from 'node:crypto';
import type { Workload } from '../runtime.ts';
import {
  agentContainer,
  agentPort,
  annotations,
  labels,
  launcherPath,
  managedBy,
  prepareContainer,
  sharedFolder,
  workContainer,
} from './names.ts';

/** What the cluster's administrators set. */
export interface PodSettings {
  namespace: string;
  /** The image of a workload that names none. */
  image: string;
  agentImage: string;
  /** A Secret with the agent's access to the object store, mounted into no container of the user's. */
  storeSecret: string;
  /** Pods never run as root; users do not choose. */
  uid: number;
  gid: number;
  supplementalGroups: number[];
  pullSecrets: string[];
  nodeSelector: Record<string, string>;
  tolerations: { key: string; operator?: string; value?: string; effect?: string }[];
  /** Kueue's LocalQueue, where Kueue admits: Slipway then never writes `suspend`. */
  localQueue?: string;
}

const hour = 3600;
/** A finished Job is kept for those who look with kubectl; how it ended is stored long before. */
const keptSeconds = 24 * hour;

const restricted = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};

/** A Job, suspended: whoever admits lets it run. */
export function jobManifest(workload: Workload, settings: PodSettings): object {
  const own = { [labels.managedBy]: managedBy, [labels.workload]: workload.id, [labels.kind]: workload.kind };
  const queue = settings.localQueue ? { 'kueue.x-k8s.io/queue-name': settings.localQueue } : {};
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: workload.id,
      namespace: settings.namespace,
      labels: { ...own, ...queue },
      annotations: { [annotations.specHash]: specHash(workload) },
    },
    spec: {
      suspend: true,
      backoffLimit: 0,
      parallelism: 1,
      completions: 1,
      // A replacement starts when the pod before it has ended for certain: the work never runs twice at a time.
      podReplacementPolicy: 'Failed',
      // Evictions, drains and preemptions are nobody's fault: the pod is replaced and nothing is counted.
      podFailurePolicy: { rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] }] },
      ttlSecondsAfterFinished: keptSeconds,
      template: { metadata: { labels: own }, spec: podSpec(workload, settings) },
    },
  };
}

/** A Job that is never to run: it holds the name of work that was stopped before it was started. */
export function tombstoneManifest(id: string, stop: string, settings: PodSettings): object {
  const own = { [labels.managedBy]: managedBy, [labels.workload]: id };
  const container = {
    name: workContainer,
    image: settings.agentImage,
    command: ['false'],
    securityContext: restricted,
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: id, namespace: settings.namespace, labels: own, annotations: { [annotations.stop]: stop } },
    spec: {
      suspend: true,
      backoffLimit: 0,
      template: {
        metadata: { labels: own },
        spec: { restartPolicy: 'Never', containers: [container], securityContext: { runAsNonRoot: true } },
      },
    },
  };
}

/** The environment may differ: tokens in it are made anew, and the first start has settled it. */
export function specHash({ kind, command, cwd }: Workload): string {
  return createHash('sha256')
    .update(JSON.stringify([kind, command, cwd]))
    .digest('hex');
}

function podSpec(workload: Workload, settings: PodSettings): object {
  const shared = { name: 'slipway', mountPath: sharedFolder };
  const store = { name: 'slipway-store', mountPath: '/var/run/slipway-store', readOnly: true };
  const agentEnv = [
    { name: 'SLIPWAY_WORKLOAD', value: workload.id },
    { name: 'SLIPWAY_AGENT_PORT', value: String(agentPort) },
    { name: 'SLIPWAY_POD_UID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
  ];
  const agent = {
    image: settings.agentImage,
    env: agentEnv,
    volumeMounts: [shared, store],
    securityContext: restricted,
    resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '256Mi' } },
  };
  const graceSeconds = Math.max(1, Math.ceil(workload.graceMs / 1000));
  const needs = workload.needs;
  return {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: graceSeconds,
    imagePullSecrets: settings.pullSecrets.map((name) => ({ name })),
    nodeSelector: { ...settings.nodeSelector, ...needs?.nodeSelector },
    tolerations: settings.tolerations,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: settings.uid,
      runAsGroup: settings.gid,
      fsGroup: settings.gid,
      supplementalGroups: settings.supplementalGroups,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    initContainers: [
      { ...agent, name: prepareContainer, command: ['slipway-agent', 'prepare'] },
      // A sidecar (restartPolicy Always of an init container): it outlives the work, and ends before the pod does.
      { ...agent, name: agentContainer, command: ['slipway-agent', 'ship'], restartPolicy: 'Always' },
    ],
    containers: [
      {
        name: workContainer,
        image: needs?.image ?? settings.image,
        command: [
          ...['/bin/sh', launcherPath, workload.timeoutMs === undefined ? '' : String(workload.timeoutMs / 1000)],
          String(workload.graceMs / 1000),
          ...workload.command.map(literal),
        ],
        workingDir: workload.cwd,
        env: [
          { name: 'HOME', value: `${sharedFolder}/home` },
          ...Object.entries(workload.env).map(([name, value]) => ({ name, value: literal(value) })),
        ],
        volumeMounts: [shared, ...(needs?.shmBytes ? [{ name: 'shm', mountPath: '/dev/shm' }] : [])],
        securityContext: restricted,
        resources: resourcesOf(workload),
      },
    ],
    volumes: [
      { name: 'slipway', emptyDir: {} },
      { name: 'slipway-store', secret: { secretName: settings.storeSecret, optional: true } },
      ...(needs?.shmBytes ? [{ name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: String(needs.shmBytes) } }] : []),
    ],
  };
}

/** Memory and GPUs are limits too; the CPU is only requested: idle CPUs may be used. */
function resourcesOf({ needs }: Workload): object {
  const memory = needs?.memoryBytes ? { memory: String(needs.memoryBytes) } : {};
  const gpu = needs?.gpus ? { 'nvidia.com/gpu': String(needs.gpus) } : {};
  const disk = needs?.diskBytes ? { 'ephemeral-storage': String(needs.diskBytes) } : {};
  const cpu = { cpu: needs?.cpus ? `${Math.round(needs.cpus * 1000)}m` : '10m' };
  return { requests: { ...cpu, ...memory, ...gpu, ...disk }, limits: { ...memory, ...gpu, ...disk } };
}

/** `$(NAME)` in commands and variables would be replaced; `$$` is a dollar sign. */
function literal(text: string): string {
  return text.replaceAll('$', '$$$$');
}
