/** Random search: every active parameter on its own, uniform on its scale. Bergstra and Bengio, JMLR 13, 2012. */
import type { Params, ParamValue } from '../../../protocol/space.ts';
import { choiceFromUnit, type Dimension, fromUnit, isActive } from '../dimensions.ts';
import type { Generator } from '../generator.ts';
import type { Sampler } from './sampler.ts';

export const randomSampler: Sampler<null> = {
  maxObjectives: Number.POSITIVE_INFINITY,
  start: () => null,
  tell: () => null,
  ask: (setup, memory, _history, _number, random) => ({ params: drawParams(setup.dimensions, random), memory }),
};

/** Parameters drawn at random; `given` ones are kept. */
export function drawParams(dimensions: readonly Dimension[], random: Generator, given: Params = {}): Params {
  const params: Record<string, ParamValue> = { ...given };
  for (const dimension of dimensions) {
    if (Object.hasOwn(params, dimension.name) || !isActive(dimension, params)) continue;
    params[dimension.name] = drawValue(dimension, random);
  }
  return params;
}

export function drawValue(dimension: Dimension, random: Generator): ParamValue {
  const unit = random.uniform();
  return dimension.kind === 'choice' ? choiceFromUnit(dimension, unit) : fromUnit(dimension, unit);
}
