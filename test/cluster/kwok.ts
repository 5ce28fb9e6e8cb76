/** Nodes of kwok: they are scheduled on, and their pods only pretend to run. For scale. */
import { gpuLabels } from './gpus.ts';
import { apply, type Kubectl } from './kubectl.ts';
import { controlPlane } from './layout.ts';
import { kubeconfigOf } from './pki.ts';
import { componentPids, startComponent } from './processes.ts';

/** Pods must tolerate this taint to get onto a node of kwok, so that real work never lands there. */
export const kwokTaint = { key: 'kwok.x-k8s.io/node', value: 'fake', effect: 'NoSchedule' } as const;

/** Adds nodes and starts the program that plays their kubelets: by its default a pod of a Job succeeds at once. */
export async function addKwokNodes(kwok: string, kubectl: Kubectl, count: number, gpus = 8): Promise<void> {
  if (componentPids('kwok').length === 0) startKwok(kwok);
  await apply(
    kubectl,
    Array.from({ length: count }, (_, index) => kwokNode(`kwok-${index}`, gpus)),
  );
}

function startKwok(kwok: string): void {
  startComponent('kwok', controlPlane, [
    kwok,
    `--kubeconfig=${kubeconfigOf('kwok')}`,
    '--manage-all-nodes=false',
    '--manage-nodes-with-label-selector=type=kwok',
    `--node-ip=${controlPlane.address}`,
    '--node-lease-duration-seconds=40',
    '--server-address=127.0.0.1:10247',
  ]);
}

function kwokNode(name: string, gpus: number): object {
  const gpu = gpuLabels({ gpus, gpuProduct: 'NVIDIA-H100-80GB-HBM3', gpuMemoryMib: 81_559 });
  const resources = { cpu: '64', memory: '512Gi', pods: '500', 'nvidia.com/gpu': String(gpus) };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { type: 'kwok', 'kubernetes.io/hostname': name, ...gpu },
      annotations: { 'kwok.x-k8s.io/node': 'fake' },
    },
    spec: { taints: [kwokTaint] },
    status: { capacity: resources, allocatable: resources },
  };
}
