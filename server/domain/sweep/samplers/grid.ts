/**
 * Grid search: every combination once, the last parameter turning fastest, inactive parameters left out. A continuous
 * parameter is cut into as many points as the budget affords, both ends among them.
 */
import type { ParamValue } from '../../../protocol/space.ts';
import { cardinality, type Dimension, fromUnit, isActive, type NumericDimension, valueAtStep } from '../dimensions.ts';
import type { Sampler } from './sampler.ts';

interface GridMemory {
  /** Points on a continuous parameter. */
  points: number;
  /** The index of each parameter's value in the combination to be tried next; null when all were tried. */
  next: readonly number[] | null;
}

export const gridSampler: Sampler<GridMemory> = {
  maxObjectives: Number.POSITIVE_INFINITY,
  start: ({ dimensions, budget }) => ({ points: affordablePoints(dimensions, budget), next: dimensions.map(() => 0) }),
  tell: (_setup, memory) => memory,
  ask({ dimensions }, memory) {
    if (!memory.next) return { params: null, memory };
    const params: Record<string, ParamValue> = {};
    const next = [...memory.next];
    const sizes = dimensions.map((dimension, index) => {
      if (!isActive(dimension, params)) return 1;
      params[dimension.name] = valueAt(dimension, next[index]!, memory.points);
      return sizeOf(dimension, memory.points);
    });
    return { params, memory: { ...memory, next: advance(next, sizes) } };
  },
};

/** The combination after `indices`, or null. What stands right of the turned parameter starts again. */
function advance(indices: readonly number[], sizes: readonly number[]): number[] | null {
  const turned = indices.findLastIndex((value, index) => value + 1 < sizes[index]!);
  return turned < 0 ? null : indices.map((value, index) => (index < turned ? value : index === turned ? value + 1 : 0));
}

function sizeOf(dimension: Dimension, points: number): number {
  return Math.min(cardinality(dimension), isContinuous(dimension) ? points : Number.POSITIVE_INFINITY);
}

function valueAt(dimension: Dimension, index: number, points: number): ParamValue {
  if (dimension.kind === 'choice') return dimension.values[index]!;
  if (dimension.step > 0) return valueAtStep(dimension, index);
  return points === 1 ? fromUnit(dimension, 0.5) : fromUnit(dimension, index / (points - 1));
}

function isContinuous(dimension: Dimension): dimension is NumericDimension {
  return dimension.kind === 'numeric' && dimension.step === 0;
}

/** How many points each continuous parameter gets, so that the whole grid comes near the budget; two at least. */
function affordablePoints(dimensions: readonly Dimension[], budget: number): number {
  const continuous = dimensions.filter(isContinuous).length;
  if (continuous === 0) return 1;
  const discrete = dimensions
    .filter((dimension) => !isContinuous(dimension))
    .reduce((product, dimension) => product * cardinality(dimension), 1);
  return Math.max(2, Math.floor((budget / discrete) ** (1 / continuous) + 1e-9));
}
