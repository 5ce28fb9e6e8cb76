/** Nodes and GPUs of a cluster, from its nodes and from all pods on them. */

import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Capacity, GpuCapacity, NodeCapacity } from '../runtime.ts';
import type { KubernetesClient } from './client.ts';
import { labels, managedBy } from './names.ts';
import { type Node, nodeSchema, type Pod, podSchema, quantity } from './objects.ts';
import { isOver } from './outcome.ts';
import { type Change, watchList } from './watchList.ts';

const gpuResource = 'nvidia.com/gpu';
/** Changes come in swarms; watchers see the last of each. */
const spacingMs = 250;

export async function* watchClusterCapacity(client: KubernetesClient, signal: AbortSignal): AsyncGenerator<Capacity> {
  const nodes = new Map<string, Node>();
  const pods = new Map<string, Pod>();
  const done = new AbortController();
  const both = AbortSignal.any([signal, done.signal]);
  let wake = () => {};
  const listed = { nodes: false, pods: false };
  const follow = <T extends { metadata: { uid: string } }>(known: Map<string, T>, kind: keyof typeof listed) => {
    return (change: Change<T>) => {
      take(known, change);
      listed[kind] = true;
      wake();
    };
  };
  const nodeList = { path: '/api/v1/nodes', schema: nodeSchema, signal: both, onChange: follow(nodes, 'nodes') };
  const podList = {
    path: '/api/v1/pods',
    fieldSelector: 'spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed',
    schema: podSchema,
    signal: both,
    onChange: follow(pods, 'pods'),
  };
  void watchList(client, nodeList);
  void watchList(client, podList);
  both.addEventListener('abort', () => wake());
  let last: Capacity | undefined;
  try {
    while (!signal.aborted) {
      const changed = new Promise<void>((resolve) => (wake = resolve));
      if (listed.nodes && listed.pods) {
        const capacity = capacityOf([...nodes.values()], [...pods.values()]);
        if (!isDeepStrictEqual(capacity, last)) yield capacity;
        last = capacity;
      }
      if (signal.aborted) return;
      await changed;
      await delay(spacingMs, undefined, { signal: both }).catch(() => {});
    }
  } finally {
    done.abort();
  }
}

/** Pure: what the nodes offer, and what is taken of it by pods that are no workloads of ours. */
export function capacityOf(nodes: Node[], pods: Pod[]): Capacity {
  const foreign = new Map<string, number>();
  for (const pod of pods) {
    if (isOver(pod) || pod.metadata.labels[labels.managedBy] === managedBy) continue;
    const node = pod.spec.nodeName ?? '';
    foreign.set(node, (foreign.get(node) ?? 0) + gpusOf(pod));
  }
  const seen = nodes.map((node) => nodeCapacity(node, foreign.get(node.metadata.name) ?? 0));
  return { nodes: seen.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

function nodeCapacity(node: Node, foreignGpus: number): NodeCapacity {
  const { name, labels: own } = node.metadata;
  const count = quantity(node.status.allocatable[gpuResource]) ?? 0;
  const memoryMib = Number(own['nvidia.com/gpu.memory']);
  const gpus = Array.from({ length: count }, (_, index): GpuCapacity => {
    return {
      index,
      product: own['nvidia.com/gpu.product'] ?? 'GPU',
      memoryBytes: memoryMib > 0 ? memoryMib * 2 ** 20 : null,
      // Which of its GPUs a pod holds is the device plugin's to know: the last ones stand for them.
      busyByForeign: index >= count - foreignGpus,
    };
  });
  return {
    name,
    cpus: quantity(node.status.allocatable['cpu']) ?? 0,
    memoryBytes: quantity(node.status.allocatable['memory']) ?? 0,
    gpus,
    problems: problemsOf(node),
  };
}

function problemsOf(node: Node): string[] {
  const ready = node.status.conditions.find(({ type }) => type === 'Ready');
  const since = ready?.lastTransitionTime ? ` since ${new Date(ready.lastTransitionTime).toISOString()}` : '';
  if (ready?.status === 'Unknown') return [`It has not been heard of${since}.`];
  const problems = ready?.status === 'True' ? [] : [`It is not ready${since}: ${ready?.message ?? ''}`];
  return node.spec.unschedulable ? [...problems, 'It is cordoned: nothing new is placed on it.'] : problems;
}

function gpusOf(pod: Pod): number {
  const sum = (containers: Pod['spec']['containers']) =>
    containers.reduce((total, { resources }) => total + (quantity(resources.limits[gpuResource]) ?? 0), 0);
  return sum(pod.spec.containers);
}

function take<T extends { metadata: { uid: string } }>(known: Map<string, T>, change: Change<T>): void {
  if (change.type === 'listed') {
    known.clear();
    for (const object of change.objects) known.set(object.metadata.uid, object);
  } else if (change.type === 'deleted') known.delete(change.object.metadata.uid);
  else known.set(change.object.metadata.uid, change.object);
}
