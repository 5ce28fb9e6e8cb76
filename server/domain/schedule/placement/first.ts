/** The first node where it fits: for questions about whether, not where. */
import { fullest, type Policy } from './policy.ts';

export const first: Policy = {
  score: () => 0,
  gpuOf: (cluster, n, _need, among) => fullest(cluster, n, among),
  ties: 'first',
};
