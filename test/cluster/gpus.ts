/** GPUs as the NVIDIA device plugin and its feature discovery show them; no device is behind them. */
import type { Kubectl } from './kubectl.ts';
import type { Node } from './layout.ts';

/** Labels as in https://github.com/NVIDIA/k8s-device-plugin/tree/main/docs/gpu-feature-discovery. */
export function gpuLabels(node: Pick<Node, 'gpus' | 'gpuProduct' | 'gpuMemoryMib'>): Record<string, string> {
  return {
    'nvidia.com/gpu.present': 'true',
    'nvidia.com/gpu.count': String(node.gpus),
    'nvidia.com/gpu.product': node.gpuProduct,
    'nvidia.com/gpu.memory': String(node.gpuMemoryMib),
    'nvidia.com/cuda.driver-version.full': '570.86.15',
    'nvidia.com/cuda.driver-version.major': '570',
    'nvidia.com/cuda.runtime-version.full': '12.8',
    'nvidia.com/cuda.runtime-version.major': '12',
    'nvidia.com/cuda.runtime-version.minor': '8',
  };
}

export async function addGpus(kubectl: Kubectl, node: Node): Promise<void> {
  const labels = Object.entries(gpuLabels(node)).map(([name, value]) => `${name}=${value}`);
  await kubectl(['label', '--overwrite', 'node', node.name, ...labels]);
  const patch = [{ op: 'add', path: '/status/capacity/nvidia.com~1gpu', value: String(node.gpus) }];
  await kubectl(['patch', 'node', node.name, '--subresource=status', '--type=json', '-p', JSON.stringify(patch)]);
}
