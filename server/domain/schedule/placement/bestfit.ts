/**
 * Best fit: the node that has least left afterwards, CPUs and GPUs weighing the same, each as a part of what the
 * largest node has (as in the evaluation of Weng et al., USENIX ATC 2023, section 6).
 */
import type { Cluster } from '../cluster.ts';
import { fullest, gpusLeft, type Policy } from './policy.ts';

export const bestfit: Policy = {
  score(cluster, n, need) {
    const largest = largestOf(cluster);
    const cpu = (cluster.milliCpu[n]! - need.milliCpu) / largest.milliCpu;
    const gpu = (gpusLeft(cluster, n) - need.gpus * need.milliGpu) / largest.milliGpu;
    return -(cpu + gpu) / 2;
  },
  gpuOf: (cluster, n, _need, among) => fullest(cluster, n, among),
  ties: 'first',
};

const largest = new WeakMap<Cluster, { milliCpu: number; milliGpu: number }>();

function largestOf(cluster: Cluster): { milliCpu: number; milliGpu: number } {
  let known = largest.get(cluster);
  if (!known) {
    let milliCpu = 1;
    for (let n = 0; n < cluster.count; n++) milliCpu = Math.max(milliCpu, cluster.node(n).cpus * 1000);
    known = { milliCpu, milliGpu: cluster.stride * 1000 };
    largest.set(cluster, known);
  }
  return known;
}
