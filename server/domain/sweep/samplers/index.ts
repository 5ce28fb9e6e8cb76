/** The samplers by name. What a sampler is: sampler.ts; one file each beside it. */
import { SlipwayError } from '../../../protocol/errors.ts';
import { cmaesSampler } from './cmaes.ts';
import { gpSampler } from './gp.ts';
import { gridSampler } from './grid.ts';
import { nsga2Sampler } from './nsga2.ts';
import { pbtSampler } from './pbt.ts';
import { randomSampler } from './random.ts';
import type { Sampler } from './sampler.ts';
import { sobolSampler } from './sobol.ts';
import { tpeSampler } from './tpe.ts';

export type SamplerSpec =
  | { type: 'random' | 'grid' | 'sobol' | 'cmaes' | 'gp' | 'nsga2' | 'pbt' }
  /** `multivariate: false` draws each parameter on its own. */
  | { type: 'tpe'; multivariate?: boolean };

export const samplerNames = [
  'random',
  'grid',
  'tpe',
  'sobol',
  'cmaes',
  'gp',
  'nsga2',
  'pbt',
] as const satisfies readonly SamplerSpec['type'][];

/**
 * The sampler of a sweep with so many objectives; its memory is JSON that only it reads.
 *
 * @throws SlipwayError `sweep.tooManyGoals` where it cannot handle as many
 */
export function samplerOf(spec: SamplerSpec, objectives: number): Sampler<unknown> {
  const sampler = samplerByType(spec);
  if (objectives > sampler.maxObjectives) {
    throw new SlipwayError(
      'sweep.tooManyGoals',
      `The sampler ${spec.type} handles ${sampler.maxObjectives} goal, not ${objectives}.`,
      'For several goals take nsga2, tpe, random, sobol or grid.',
    );
  }
  return sampler;
}

function samplerByType(spec: SamplerSpec): Sampler<unknown> {
  switch (spec.type) {
    case 'random':
      return randomSampler;
    case 'grid':
      return gridSampler;
    case 'tpe':
      return tpeSampler(spec.multivariate ?? true);
    case 'sobol':
      return sobolSampler;
    case 'cmaes':
      return cmaesSampler;
    case 'gp':
      return gpSampler;
    case 'nsga2':
      return nsga2Sampler;
    case 'pbt':
      return pbtSampler;
  }
}
