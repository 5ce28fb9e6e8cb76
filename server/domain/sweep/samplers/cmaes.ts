/**
 * CMA-ES: a normal distribution that moves, widens and turns towards the better trials. N. Hansen, "The CMA evolution
 * strategy: a tutorial", arXiv:1604.00772, 2016 (the equations cited below), with a restart by a larger population when
 * it has narrowed to a point: Auger and Hansen, "A restart CMA evolution strategy", CEC 2005. It moves the numeric
 * parameters that are always active; choices and conditional parameters are drawn by TPE. A generation is done when so
 * many trials have ended, whichever; nobody waits.
 */
import type { ParamValue } from '../../../protocol/space.ts';
import { cardinality, type Dimension, fromUnit, type NumericDimension, toUnit } from '../dimensions.ts';
import type { Generator } from '../generator.ts';
import { dot, eigenOf, identity, type Matrix, multiply, transpose } from '../linear-algebra.ts';
import type { History, Sampler, Setup } from './sampler.ts';
import { estimateParams, type TpeMemory, tpeSampler } from './tpe.ts';

/** Of the unit interval; a sixth, so that the first draws fill it. */
const INITIAL_DEVIATION = 1 / 6;
const LEAST_DEVIATION = 1e-9;
const MOST_REDRAWS = 100;

interface CmaesMemory {
  /** For what CMA-ES does not move. */
  others: TpeMemory;
  distribution: Distribution;
  /** The trials of this generation that have ended: their indices in the history. */
  ended: readonly number[];
  restarts: number;
}

interface Distribution {
  generation: number;
  mean: readonly number[];
  /** σ. */
  deviation: number;
  covariance: Matrix;
  /** The covariance is B·D²·Bᵀ: the square roots of its eigenvalues, and its eigenvectors as columns. */
  scales: readonly number[];
  axes: Matrix;
  /** p_σ and p_c. */
  deviationPath: readonly number[];
  covariancePath: readonly number[];
}

const others = tpeSampler(false);

export const cmaesSampler: Sampler<CmaesMemory> = {
  maxObjectives: 1,
  start: (setup) => ({
    others: others.start(setup),
    distribution: initialDistribution(movedBy(setup).length),
    ended: [],
    restarts: 0,
  }),
  tell(setup, memory, history) {
    const told = { ...memory, others: others.tell(setup, memory.others, history) };
    const moved = movedBy(setup);
    const ended = [...memory.ended, history.size - 1];
    if (moved.length === 0 || ended.length < populationSize(moved.length, memory.restarts)) return { ...told, ended };
    const distribution = update(memory.distribution, ranked(moved, ended, history));
    const widest = distribution.deviation * Math.max(...distribution.scales);
    if (widest > LEAST_DEVIATION) return { ...told, distribution, ended: [] };
    return { ...told, distribution: initialDistribution(moved.length), ended: [], restarts: memory.restarts + 1 };
  },
  ask(setup, memory, history, _number, random) {
    const moved = movedBy(setup);
    const point = drawInside(memory.distribution, random);
    const given: Record<string, ParamValue> = {};
    for (const [index, dimension] of moved.entries()) given[dimension.name] = fromUnit(dimension, point[index]!);
    const rest = setup.dimensions.filter(({ name }) => !Object.hasOwn(given, name)).map((dimension) => [dimension]);
    return { params: estimateParams(rest, memory.others, history, random, given), memory };
  },
};

function movedBy({ dimensions }: Setup): NumericDimension[] {
  const isMoved = (dimension: Dimension): dimension is NumericDimension =>
    dimension.kind === 'numeric' && dimension.conditions.length === 0 && cardinality(dimension) > 1;
  return dimensions.filter(isMoved);
}

function initialDistribution(size: number): Distribution {
  const zeros = new Array<number>(size).fill(0);
  return {
    generation: 0,
    mean: zeros.map(() => 0.5),
    deviation: INITIAL_DEVIATION,
    covariance: identity(size),
    scales: zeros.map(() => 1),
    axes: identity(size),
    deviationPath: zeros,
    covariancePath: zeros,
  };
}

/** λ, equation 48, doubled at each restart. */
function populationSize(size: number, restarts: number): number {
  return (4 + Math.floor(3 * Math.log(size))) * 2 ** restarts;
}

/** Draws again what falls out of the box, and clips if that does not help. */
function drawInside({ mean, deviation, scales, axes }: Distribution, random: Generator): number[] {
  let point: number[] = [];
  for (let draw = 0; draw < MOST_REDRAWS; draw++) {
    const step = multiply(
      axes,
      scales.map((scale) => scale * random.normal()),
    );
    point = mean.map((center, index) => center + deviation * step[index]!);
    if (point.every((unit) => unit >= 0 && unit <= 1)) return point;
  }
  return point.map((unit) => Math.min(Math.max(unit, 0), 1));
}

/** The points of a generation, best first; those without a finite objective last. */
function ranked(moved: readonly NumericDimension[], ended: readonly number[], history: History): number[][] {
  return ended
    .map((index) => history.observation(index))
    .sort((a, b) => rankLoss(a.losses) - rankLoss(b.losses) || a.trial - b.trial)
    .map(({ params }) => moved.map((dimension) => toUnit(dimension, params[dimension.name] as number)));
}

function rankLoss(losses: readonly number[] | null): number {
  return losses ? losses[0]! : Number.MAX_VALUE;
}

/** One generation: equations 38–47 with the default parameters of table 1. */
function update(old: Distribution, points: readonly number[][]): Distribution {
  const size = old.mean.length;
  const { weights, parents, effective, forDeviation, damping, forCovariance, rankOne, rankMu } = strategy(
    size,
    points.length,
  );
  const steps = points.map((point) => point.map((unit, index) => (unit - old.mean[index]!) / old.deviation));
  const meanStep = old.mean.map((_, index) =>
    dot(
      weights.slice(0, parents),
      steps.slice(0, parents).map((step) => step[index]!),
    ),
  );
  const mean = old.mean.map((unit, index) => unit + old.deviation * meanStep[index]!);

  const whiten = (vector: readonly number[]) => {
    const turned = multiply(transpose(old.axes), vector);
    return multiply(
      old.axes,
      turned.map((value, index) => value / old.scales[index]!),
    );
  };
  const generation = old.generation + 1;
  const deviationPath = follow(old.deviationPath, whiten(meanStep), forDeviation, effective);
  const length = Math.sqrt(dot(deviationPath, deviationPath));
  const expected = Math.sqrt(size) * (1 - 1 / (4 * size) + 1 / (21 * size * size));
  const deviation = old.deviation * Math.exp(Math.min(1, (forDeviation / damping) * (length / expected - 1)));

  const settled = length / Math.sqrt(1 - (1 - forDeviation) ** (2 * generation));
  const isStalled = settled >= (1.4 + 2 / (size + 1)) * expected;
  const covariancePath = follow(
    old.covariancePath,
    isStalled ? meanStep.map(() => 0) : meanStep,
    forCovariance,
    effective,
  );
  const correction = isStalled ? forCovariance * (2 - forCovariance) : 0;

  const scaledWeights = weights.map((weight, index) => {
    if (weight >= 0) return weight;
    const white = whiten(steps[index]!);
    return (weight * size) / (dot(white, white) + 1e-12);
  });
  const sumOfWeights = weights.reduce((sum, weight) => sum + weight, 0);
  const kept = 1 + rankOne * correction - rankOne - rankMu * sumOfWeights;
  const covariance = old.covariance.map((row, i) =>
    row.map((value, j) => {
      const spread = scaledWeights.reduce(
        (sum, weight, index) => sum + weight * steps[index]![i]! * steps[index]![j]!,
        0,
      );
      return kept * value + rankOne * covariancePath[i]! * covariancePath[j]! + rankMu * spread;
    }),
  );
  const { values, vectors } = eigenOf(covariance);
  const scales = values.map((value) => Math.sqrt(Math.max(value, 1e-20)));
  return { generation, mean, deviation, covariance, scales, axes: vectors, deviationPath, covariancePath };
}

/** A path: fades and follows the step, normalized so that it stays standard normal under random selection. */
function follow(path: readonly number[], step: readonly number[], rate: number, effective: number): number[] {
  const gain = Math.sqrt(rate * (2 - rate) * effective);
  return path.map((value, index) => (1 - rate) * value + gain * step[index]!);
}

/** Table 1: weights (negative ones too), μ, μ_eff, c_σ, d_σ, c_c, c_1, c_μ. */
function strategy(size: number, population: number) {
  const raw = Array.from({ length: population }, (_, index) => Math.log((population + 1) / 2) - Math.log(index + 1));
  const parents = Math.floor(population / 2);
  const effective = effectiveCount(raw.slice(0, parents));
  const rankOne = 2 / ((size + 1.3) ** 2 + effective);
  const rankMu = Math.min(1 - rankOne, (2 * (0.25 + effective + 1 / effective - 2)) / ((size + 2) ** 2 + effective));
  const negative = Math.min(
    1 + rankOne / rankMu,
    1 + (2 * effectiveCount(raw.slice(parents))) / (effective + 2),
    (1 - rankOne - rankMu) / (size * rankMu),
  );
  const total = (sign: number) => raw.reduce((sum, weight) => sum + Math.max(sign * weight, 0), 0);
  const [positiveTotal, negativeTotal] = [total(1), total(-1)];
  const weights = raw.map((weight) => (weight >= 0 ? weight / positiveTotal : (negative * weight) / negativeTotal));
  const forDeviation = (effective + 2) / (size + effective + 5);
  const damping = 1 + 2 * Math.max(0, Math.sqrt((effective - 1) / (size + 1)) - 1) + forDeviation;
  const forCovariance = (4 + effective / size) / (size + 4 + (2 * effective) / size);
  return { weights, parents, effective, forDeviation, damping, forCovariance, rankOne, rankMu };
}

function effectiveCount(weights: readonly number[]): number {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return (sum * sum) / dot(weights, weights);
}
