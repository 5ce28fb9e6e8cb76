/** What a placement policy is. Each is one file beside this; {@link place} asks it for every node where a need fits. */
import type { Generator } from '../../sweep/generator.ts';
import type { Cluster } from '../cluster.ts';
import type { Need } from '../resources.ts';

export interface Policy {
  /** Of the nodes where a need fits, the one with the highest score gets it. Depends on nothing but its arguments. */
  score(cluster: Cluster, n: number, need: Need): number;
  /**
   * Which GPU (its place) a fraction goes to.
   * @param among those that have room for it, at least one
   */
  gpuOf(cluster: Cluster, n: number, need: Need, among: readonly number[], random: Generator): number;
  /** Which of several nodes with the same score. */
  ties: 'first' | 'random';
}

/** The fullest GPU that has room, the first of several. */
export function fullest(cluster: Cluster, n: number, among: readonly number[]): number {
  return among.reduce((best, g) => (left(cluster, n, g) < left(cluster, n, best) ? g : best));
}

export function left(cluster: Cluster, n: number, g: number): number {
  return cluster.milliGpu[n * cluster.stride + g]!;
}

/** Thousandths of GPUs that a node has left. */
export function gpusLeft(cluster: Cluster, n: number): number {
  let sum = 0;
  for (let g = 0; g < cluster.gpusOf[n]!; g++) sum += left(cluster, n, g);
  return sum;
}
