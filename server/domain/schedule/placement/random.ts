/** Any node where it fits: the yardstick that every other policy must beat. */
import type { Policy } from './policy.ts';

export const random: Policy = {
  score: () => 0,
  gpuOf: (_cluster, _n, _need, among, generator) => among[generator.integer(among.length)]!,
  ties: 'random',
};
