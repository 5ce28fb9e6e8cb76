/** Spreading: the node that has most left, and the emptiest GPU of it: least interference between neighbours. */
import { gpusLeft, left, type Policy } from './policy.ts';

export const spread: Policy = {
  score(cluster, n, need) {
    const node = cluster.node(n);
    const cpu = (cluster.milliCpu[n]! - need.milliCpu) / Math.max(1, node.cpus * 1000);
    if (need.gpus === 0) return cpu;
    return (gpusLeft(cluster, n) - need.gpus * need.milliGpu) / (node.gpus.length * 1000) + cpu / 1000;
  },
  gpuOf: (cluster, n, _need, among) =>
    among.reduce((best, g) => (left(cluster, n, g) > left(cluster, n, best) ? g : best)),
  ties: 'first',
};
