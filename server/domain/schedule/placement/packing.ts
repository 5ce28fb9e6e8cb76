/**
 * Packing: onto GPUs that are shared already, then onto free GPUs of nodes in use, then onto free nodes, the smallest
 * first (Weng et al., USENIX ATC 2023, section 6, "GpuPacking"). What needs no GPU goes anywhere.
 */
import { fullest, left, type Policy } from './policy.ts';

export const packing: Policy = {
  score(cluster, n, need) {
    if (need.gpus === 0) return 0;
    let free = 0;
    for (let g = 0; g < cluster.gpusOf[n]!; g++) if (left(cluster, n, g) === 1000) free++;
    if (free === cluster.gpusOf[n]!) return 1000 - free;
    const milliGpu = cluster.milliGpuOn(n, need)!;
    const among = cluster.suitable(n, need, milliGpu).map((g) => left(cluster, n, g));
    const used = among.sort((a, b) => a - b).slice(0, need.gpus);
    const whole = used.filter((milli) => milli === 1000).length;
    if (whole > 0) return 2000 - whole;
    return 4000 - used.reduce((sum, milli) => sum + milli, 0);
  },
  gpuOf: (cluster, n, _need, among) => fullest(cluster, n, among),
  ties: 'first',
};
