/**
 * A search space made ready for samplers: parameters in an order in which every condition comes after what it depends
 * on, and numeric ones mapped to the unit interval. A discrete parameter owns a cell of that interval around each of
 * its values, so that a uniform draw gives its values equal chances (on the log scale for `logInt`).
 */
import type { ParamSpec, Params, ParamValue, SearchSpace } from '../../protocol/space.ts';

interface DimensionBase {
  name: string;
  /** All must hold for the parameter to be active; parents stand at smaller indices. */
  conditions: readonly { parent: string; allowed: readonly ParamValue[] }[];
  /** Equal for parameters with the same conditions: they are active together. */
  group: string;
}

export interface NumericDimension extends DimensionBase {
  kind: 'numeric';
  isLog: boolean;
  isInteger: boolean;
  /** Distance between neighbouring values; 0 for a continuous parameter. */
  step: number;
  low: number;
  /** The largest value that is taken: `low` plus a whole number of steps. */
  high: number;
  /** The ends of the unit interval on the parameter's own scale (logarithm for `isLog`). */
  start: number;
  end: number;
}

export interface ChoiceDimension extends DimensionBase {
  kind: 'choice';
  values: readonly ParamValue[];
}

export type Dimension = NumericDimension | ChoiceDimension;

/** The dimensions of a valid space, parents first and otherwise in the order of the space. */
export function dimensionsOf(space: SearchSpace): readonly Dimension[] {
  const ordered: Dimension[] = [];
  const placed = new Set<string>();
  const place = (name: string) => {
    if (placed.has(name)) return;
    placed.add(name);
    const spec = space[name]!;
    Object.keys(spec.when ?? {}).forEach(place);
    ordered.push(dimensionOf(name, spec));
  };
  Object.keys(space).forEach(place);
  return ordered;
}

/** Whether the parameter is active, given at least the values of its parents. */
export function isActive(dimension: Dimension, params: Params): boolean {
  return dimension.conditions.every(({ parent, allowed }) => {
    const value = Object.hasOwn(params, parent) ? params[parent] : undefined;
    return value !== undefined && allowed.includes(value);
  });
}

/** The number of values of the parameter; infinite for a continuous one. */
export function cardinality(dimension: Dimension): number {
  if (dimension.kind === 'choice') return dimension.values.length;
  if (dimension.low === dimension.high) return 1;
  if (dimension.step === 0) return Number.POSITIVE_INFINITY;
  return Math.round((dimension.high - dimension.low) / dimension.step) + 1;
}

/** The value at a point of the unit interval. */
export function fromUnit(dimension: NumericDimension, unit: number): number {
  const scaled = dimension.start + unit * (dimension.end - dimension.start);
  return nearestValue(dimension, dimension.isLog ? Math.exp(scaled) : scaled);
}

/** Where a value stands in the unit interval. */
export function toUnit(dimension: NumericDimension, value: number): number {
  const width = dimension.end - dimension.start;
  return width === 0 ? 0.5 : ((dimension.isLog ? Math.log(value) : value) - dimension.start) / width;
}

/** The part of the unit interval that a value of a discrete numeric parameter owns; null for all others. */
export function cellOf(dimension: Dimension, value: ParamValue): readonly [from: number, to: number] | null {
  if (dimension.kind === 'choice' || dimension.step === 0 || typeof value !== 'number') return null;
  const half = dimension.step / 2;
  return [Math.max(toUnit(dimension, value - half), 0), Math.min(toUnit(dimension, value + half), 1)];
}

/** The point of a choice in the unit interval and back, for samplers that know numbers only. */
export function choiceFromUnit(dimension: ChoiceDimension, unit: number): ParamValue {
  return dimension.values[Math.min(Math.floor(unit * dimension.values.length), dimension.values.length - 1)]!;
}

/**
 * What a space takes of parameters that were tried elsewhere: the active ones, each at its nearest value. Null where one
 * is missing or lies outside.
 */
export function paramsInSpace(dimensions: readonly Dimension[], params: Params): Params | null {
  const taken: Record<string, ParamValue> = {};
  for (const dimension of dimensions) {
    if (!isActive(dimension, taken)) continue;
    const value = Object.hasOwn(params, dimension.name) ? params[dimension.name]! : undefined;
    if (dimension.kind === 'choice') {
      if (value === undefined || !dimension.values.includes(value)) return null;
      taken[dimension.name] = value;
    } else {
      if (typeof value !== 'number' || value < dimension.low || value > dimension.high) return null;
      taken[dimension.name] = nearestValue(dimension, value);
    }
  }
  return taken;
}

function nearestValue(dimension: NumericDimension, value: number): number {
  const { low, high, step } = dimension;
  if (step === 0) return Math.min(Math.max(value, low), high);
  const steps = Math.min(Math.max(Math.round((value - low) / step), 0), Math.round((high - low) / step));
  return valueAtStep(dimension, steps);
}

/** `low` plus so many steps; 15 digits, so that 0 + 3 × 0.1 is 0.3 and not 0.30000000000000004. */
export function valueAtStep({ low, step }: NumericDimension, steps: number): number {
  return Number((low + steps * step).toPrecision(15));
}

function dimensionOf(name: string, spec: ParamSpec): Dimension {
  const conditions = Object.entries(spec.when ?? {}).map(([parent, allowed]) => ({
    parent,
    allowed: [allowed].flat(),
  }));
  const group = JSON.stringify(
    conditions
      .map(({ parent, allowed }) => [parent, allowed.map((value) => JSON.stringify(value)).sort()] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  const base = { name, conditions, group };
  if ('choice' in spec) return { ...base, kind: 'choice', values: spec.choice };
  if ('const' in spec) return { ...base, kind: 'choice', values: [spec.const] };
  if ('log' in spec) return numeric(base, spec.log, { isLog: true, isInteger: false, step: 0 });
  if ('float' in spec) return numeric(base, spec.float, { isLog: false, isInteger: false, step: spec.step ?? 0 });
  if ('int' in spec) return numeric(base, spec.int, { isLog: false, isInteger: true, step: spec.step ?? 1 });
  return numeric(base, spec.logInt, { isLog: true, isInteger: true, step: 1 });
}

function numeric(
  base: DimensionBase,
  [low, upper]: readonly [number, number],
  scale: { isLog: boolean; isInteger: boolean; step: number },
): NumericDimension {
  const { isLog, step } = scale;
  // The tolerance keeps 0.9 in [0, 0.9] by steps of 0.1 although 0.9 / 0.1 is 8.999….
  const steps = step === 0 ? 0 : Math.floor((upper - low) / step + 1e-9);
  const high = step === 0 ? upper : Number((low + steps * step).toPrecision(15));
  const start = low - step / 2;
  const end = high + step / 2;
  return {
    ...base,
    ...scale,
    kind: 'numeric',
    low,
    high,
    start: isLog ? Math.log(start) : start,
    end: isLog ? Math.log(end) : end,
  };
}
