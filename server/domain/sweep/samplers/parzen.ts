/**
 * A Parzen estimator over one group of parameters that are active together: a mixture of one kernel an observation,
 * each a product of truncated normals (numeric) and smoothed counts (choices), and one wide kernel as the prior.
 * Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011; the kernels, the widths and the clip
 * as in Watanabe, arXiv:2304.11127, 2023, section 3, with the values that Optuna 5 uses.
 */
import type { Dimension } from '../dimensions.ts';
import type { Generator } from '../generator.ts';
import { normalMass, truncatedNormal } from '../normal.ts';

/** Beyond so many deviations a kernel adds less than a billionth of what the prior kernel adds. */
const NEGLIGIBLE_DEVIATIONS = 8;

/** One an observation: a coordinate of the unit interval for a numeric parameter, the value's index for a choice. */
export type Column = Float64Array;

/** For a discrete numeric coordinate the cell of the unit interval that its value owns; null elsewhere. */
export type Cell = readonly [from: number, to: number] | null;

export interface ParzenEstimator {
  /** One a kernel, the prior last, summing to 1. */
  weights: Float64Array;
  axes: readonly Axis[];
  /** The weights, divided by all that does not depend on the point in the densities of the continuous axes. */
  factors: Float64Array;
}

type Axis = NumericAxis | ChoiceAxis;

interface NumericAxis {
  kind: 'numeric';
  isDiscrete: boolean;
  means: Float64Array;
  deviations: Float64Array;
  /** 1 / deviation. */
  precisions: Float64Array;
  /** 1 / what each kernel has of its mass inside the unit interval. */
  corrections: Float64Array;
}

interface ChoiceAxis {
  kind: 'choice';
  values: number;
  /** The index of each kernel's own value; −1 for the prior. */
  observed: Int32Array;
  /** Probability of a kernel's own value, and of every other one. */
  own: number;
  other: number;
}

/** @param columns the observations, oldest first, one column a dimension */
export function parzenEstimator(dimensions: readonly Dimension[], columns: readonly Column[]): ParzenEstimator {
  const axes = dimensions.map((dimension, axis) =>
    dimension.kind === 'choice'
      ? choiceAxis(columns[axis]!, dimension.values.length)
      : numericAxis(columns[axis]!, dimension.step > 0),
  );
  const weights = kernelWeights(columns[0]!.length);
  const factors = weights.slice();
  for (const axis of axes) {
    if (axis.kind === 'choice' || axis.isDiscrete) continue;
    for (let kernel = 0; kernel < factors.length; kernel++) {
      factors[kernel]! *= axis.precisions[kernel]! * axis.corrections[kernel]!;
    }
  }
  return { weights, axes, factors };
}

/** A draw from the mixture; coordinates of discrete numeric parameters are not rounded yet. */
export function drawPoint(estimator: ParzenEstimator, random: Generator): number[] {
  const kernel = random.weighted(estimator.weights, 1);
  return estimator.axes.map((axis) => {
    if (axis.kind === 'numeric') return truncatedNormal(random, axis.means[kernel]!, axis.deviations[kernel]!);
    const own = axis.observed[kernel]!;
    if (own < 0) return random.integer(axis.values);
    const left = random.uniform() - (axis.own - axis.other);
    return left < 0 ? own : Math.min(Math.floor(left / axis.other), axis.values - 1);
  });
}

/**
 * The logarithm of the density at a point, of the probability of the cell for discrete coordinates; up to a constant
 * that is the same for all estimators over these dimensions.
 */
export function logDensity(estimator: ParzenEstimator, point: readonly number[], cells: readonly Cell[]): number {
  const { axes } = estimator;
  const factors = estimator.factors.slice();
  const squares = new Float64Array(factors.length);
  for (let index = 0; index < axes.length; index++) {
    const axis = axes[index]!;
    if (axis.kind === 'choice') multiplyChoice(factors, axis, point[index]!);
    else if (!axis.isDiscrete) addSquares(squares, axis, point[index]!);
  }
  for (let index = 0; index < axes.length; index++) {
    const axis = axes[index]!;
    const cell = cells[index];
    if (axis.kind === 'numeric' && cell) multiplyCell(factors, squares, axis, cell);
  }
  let sum = 0;
  for (let kernel = 0; kernel < factors.length; kernel++) {
    const square = squares[kernel]!;
    if (square < NEGLIGIBLE_DEVIATIONS ** 2) sum += factors[kernel]! * Math.exp(-0.5 * square);
  }
  return Math.log(sum);
}

function multiplyChoice(factors: Float64Array, { observed, own, other, values }: ChoiceAxis, value: number): void {
  const prior = factors.length - 1;
  for (let kernel = 0; kernel < prior; kernel++) factors[kernel]! *= observed[kernel] === value ? own : other;
  factors[prior]! /= values;
}

/** The exponents of all axes are summed, and the exponential is taken once. */
function addSquares(squares: Float64Array, { means, precisions }: NumericAxis, at: number): void {
  for (let kernel = 0; kernel < squares.length; kernel++) {
    const z = (at - means[kernel]!) * precisions[kernel]!;
    squares[kernel]! += z * z;
  }
}

function multiplyCell(factors: Float64Array, squares: Float64Array, axis: NumericAxis, [from, to]: NonNullable<Cell>) {
  const { means, precisions, corrections } = axis;
  for (let kernel = 0; kernel < factors.length; kernel++) {
    if (factors[kernel] === 0 || squares[kernel]! >= NEGLIGIBLE_DEVIATIONS ** 2) continue;
    const a = (from - means[kernel]!) * precisions[kernel]!;
    const b = (to - means[kernel]!) * precisions[kernel]!;
    const isFar = a > NEGLIGIBLE_DEVIATIONS || b < -NEGLIGIBLE_DEVIATIONS;
    factors[kernel]! *= isFar ? 0 : normalMass(a, b) * corrections[kernel]!;
  }
}

/** All alike below 25; above, the 25 newest full and the older ones less, in a line down to 1/n; the prior 1. */
function kernelWeights(count: number): Float64Array {
  const weights = new Float64Array(count + 1).fill(1);
  const ramp = count - 25;
  for (let index = 0; index < ramp; index++) {
    weights[index] = ramp === 1 ? 1 / count : 1 / count + (1 - 1 / count) * (index / (ramp - 1));
  }
  let total = 0;
  for (const weight of weights) total += weight;
  for (let kernel = 0; kernel <= count; kernel++) weights[kernel]! /= total;
  return weights;
}

/** Each kernel counts its own value once and every value 1/n of the prior's weight besides. */
function choiceAxis(column: Column, values: number): ChoiceAxis {
  const kernels = column.length + 1;
  const observed = new Int32Array(kernels).fill(-1);
  observed.set(column);
  const total = 1 + values / kernels;
  return { kind: 'choice', values, observed, own: (1 + 1 / kernels) / total, other: 1 / kernels / total };
}

function numericAxis(column: Column, isDiscrete: boolean): NumericAxis {
  const kernels = column.length + 1;
  const means = new Float64Array(kernels).fill(0.5);
  means.set(column);
  const deviations = kernelDeviations(column);
  const precisions = new Float64Array(kernels);
  const corrections = new Float64Array(kernels);
  for (let kernel = 0; kernel < kernels; kernel++) {
    const precision = 1 / deviations[kernel]!;
    precisions[kernel] = precision;
    const [below, above] = [means[kernel]! * precision, (1 - means[kernel]!) * precision];
    const isInside = below > NEGLIGIBLE_DEVIATIONS && above > NEGLIGIBLE_DEVIATIONS;
    corrections[kernel] = isInside ? 1 : 1 / normalMass(-below, above);
  }
  return { kind: 'numeric', isDiscrete, means, deviations, precisions, corrections };
}

/**
 * A kernel is as wide as the larger of the gaps to its neighbours (the outermost look inwards only), clipped to
 * between 1/min(100, n + 2) and 1 ("magic clipping"); the prior, last, has width 1.
 */
function kernelDeviations(column: Column): Float64Array {
  const count = column.length;
  const deviations = new Float64Array(count + 1).fill(1);
  if (count === 1) deviations[0] = Math.max(column[0]!, 1 - column[0]!);
  if (count < 2) return deviations;
  const order = sortedOrder(column);
  const least = 1 / Math.min(100, count + 2);
  let left = 0;
  for (let position = 0; position < count; position++) {
    const kernel = order[position]!;
    const right = position < count - 1 ? column[order[position + 1]!]! - column[kernel]! : 0;
    deviations[kernel] = Math.min(Math.max(left, right, least), 1);
    left = right;
  }
  return deviations;
}

const BINS = 4096;

/** The indices of values in the unit interval in ascending order: counted into bins, then sorted by insertion. */
function sortedOrder(column: Column): Uint32Array {
  const ends = new Uint32Array(BINS + 1);
  for (let index = 0; index < column.length; index++) ends[binOf(column[index]!) + 1]!++;
  for (let bin = 0; bin < BINS; bin++) ends[bin + 1]! += ends[bin]!;
  const order = new Uint32Array(column.length);
  for (let index = 0; index < column.length; index++) order[ends[binOf(column[index]!)]!++] = index;
  for (let position = 1; position < order.length; position++) {
    const index = order[position]!;
    const value = column[index]!;
    let free = position;
    for (; free > 0 && column[order[free - 1]!]! > value; free--) order[free] = order[free - 1]!;
    order[free] = index;
  }
  return order;
}

function binOf(unit: number): number {
  return Math.min(Math.max(Math.floor(unit * BINS), 0), BINS - 1);
}
