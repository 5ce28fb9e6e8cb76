/**
 * Bayesian optimization with a Gaussian process: Matérn 5/2 with a length scale a parameter, fitted by its marginal
 * likelihood, and the next trial where the logarithm of the expected improvement is largest. Rasmussen and Williams,
 * "Gaussian processes for machine learning", 2006, chapters 2, 4 and 5; Snoek et al., NeurIPS 2012; Ament et al.,
 * "Unexpected improvements to expected improvement", NeurIPS 2023. Choices are one coordinate a value; an inactive
 * parameter lies in the middle. Pending trials count as observed at their mean, so that parallel ones keep apart.
 */
import type { Params, ParamValue } from '../../../protocol/space.ts';
import { type Dimension, fromUnit, isActive, toUnit } from '../dimensions.ts';
import type { Generator } from '../generator.ts';
import { choleskyOf, dot, solveLower, solveUpper } from '../linear-algebra.ts';
import { normalCdf } from '../normal.ts';
import { drawParams, drawValue } from './random.ts';
import type { History, Sampler } from './sampler.ts';

const STARTUP_TRIALS = 10;
/** The cost of a fit grows with the cube: the best half and the latest half of so many. */
const MOST_POINTS = 120;
/** A decision; the next one starts where the fit ended. */
const FIT_STEPS = 4;
const CANDIDATES = 300;
const CLIMBS = 60;

/** Logarithms: of the length scale of each coordinate and of the variance of the noise; the signal has variance 1. */
interface Hyperparameters {
  lengths: readonly number[];
  noise: number;
}

interface GpMemory {
  /** Of the last fit, where the next one starts. */
  fitted: Hyperparameters;
  /** The observations that are best, best first: their indices in the history. */
  leaders: readonly number[];
  count: number;
}

export const gpSampler: Sampler<GpMemory> = {
  maxObjectives: 1,
  start: ({ dimensions }) => ({
    fitted: { lengths: coordinatesOf(dimensions, {}).map(() => Math.log(0.5)), noise: Math.log(1e-3) },
    leaders: [],
    count: 0,
  }),
  tell(_setup, memory, history) {
    const index = history.size - 1;
    if (!history.observation(index).losses) return memory;
    const loss = (at: number) => history.observation(at).losses![0]!;
    const leaders = [...memory.leaders, index].sort((a, b) => loss(a) - loss(b) || a - b).slice(0, MOST_POINTS / 2);
    return { ...memory, leaders, count: memory.count + 1 };
  },
  ask({ dimensions }, memory, history, _number, random) {
    if (memory.count < STARTUP_TRIALS) return { params: drawParams(dimensions, random), memory };
    const { inputs, losses } = trainingSet(dimensions, memory, history);
    const fitted = fitHyperparameters(memory.fitted, inputs, losses);
    const process = conditioned(
      fitted,
      inputs,
      losses,
      history.pending.map((params) => coordinatesOf(dimensions, params)),
    );
    const best = history.observation(memory.leaders[0]!).params;
    return { params: search(dimensions, process, best, random), memory: { ...memory, fitted } };
  },
};

/** Losses to zero mean and unit variance; what is not a number counts as the worst that is. */
function trainingSet(dimensions: readonly Dimension[], { leaders }: GpMemory, history: History) {
  const chosen = new Set(leaders);
  for (let index = history.size - 1; index >= 0 && chosen.size < MOST_POINTS; index--) {
    chosen.add(index);
  }
  const observations = [...chosen].sort((a, b) => a - b).map((index) => history.observation(index));
  const worst = Math.max(...observations.flatMap(({ losses }) => losses ?? []));
  const raw = observations.map(({ losses }) => losses?.[0] ?? worst);
  const mean = raw.reduce((sum, loss) => sum + loss, 0) / raw.length;
  const deviation = Math.sqrt(raw.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / raw.length) || 1;
  return {
    inputs: observations.map(({ params }) => coordinatesOf(dimensions, params)),
    losses: raw.map((loss) => (loss - mean) / deviation),
  };
}

function coordinatesOf(dimensions: readonly Dimension[], params: Params): number[] {
  return dimensions.flatMap((dimension) => {
    const value = params[dimension.name];
    if (dimension.kind === 'numeric') return [value === undefined ? 0.5 : toUnit(dimension, value as number)];
    if (dimension.values.length === 1) return [];
    return dimension.values.map((choice) => (value === undefined ? 0.5 : Number(choice === value)));
  });
}

interface Process {
  hyperparameters: Hyperparameters;
  inputs: readonly (readonly number[])[];
  lower: readonly Float64Array[];
  /** K⁻¹·losses. */
  dual: Float64Array;
  /** The least loss. */
  least: number;
}

function condition(
  hyperparameters: Hyperparameters,
  inputs: Process['inputs'],
  losses: readonly number[],
): Process | undefined {
  const lower = choleskyOf(kernelMatrix(hyperparameters, inputs));
  if (!lower) return undefined;
  const dual = solveUpper(lower, solveLower(lower, losses));
  return { hyperparameters, inputs, lower, dual, least: Math.min(...losses) };
}

/** As {@link condition}, with pending points at their mean, and more noise where the matrix is near singular. */
function conditioned(
  fitted: Hyperparameters,
  inputs: Process['inputs'],
  losses: readonly number[],
  pending: number[][],
): Process {
  for (let noise = fitted.noise; ; noise += Math.log(10)) {
    const process = condition({ ...fitted, noise }, inputs, losses);
    if (!process) continue;
    const believed = pending.map((point) => predict(process, point).mean);
    const all = condition({ ...fitted, noise }, [...inputs, ...pending], [...losses, ...believed]);
    if (all) return { ...all, least: process.least };
  }
}

function kernelMatrix({ lengths, noise }: Hyperparameters, inputs: Process['inputs']): Float64Array[] {
  const scales = lengths.map((length) => Math.exp(-length));
  return inputs.map((a, row) =>
    Float64Array.from(inputs, (b, column) =>
      column > row ? 0 : matern(distance(a, b, scales)) + (column === row ? Math.exp(noise) : 0),
    ),
  );
}

function distance(a: readonly number[], b: readonly number[], scales: readonly number[]): number {
  let sum = 0;
  for (let index = 0; index < scales.length; index++) sum += ((a[index]! - b[index]!) * scales[index]!) ** 2;
  return Math.sqrt(sum);
}

/** Rasmussen and Williams, equation 4.17. */
function matern(r: number): number {
  const root = Math.sqrt(5) * r;
  return (1 + root + (root * root) / 3) * Math.exp(-root);
}

function predict(
  { hyperparameters, inputs, lower, dual }: Process,
  point: readonly number[],
): { mean: number; variance: number } {
  const scales = hyperparameters.lengths.map((length) => Math.exp(-length));
  const covariances = Float64Array.from(inputs, (input) => matern(distance(input, point, scales)));
  const solved = solveLower(lower, covariances);
  return { mean: dot(covariances, dual), variance: Math.max(1 - dot(solved, solved), 1e-12) };
}

/** Steps uphill in the log posterior, each shortened until it climbs. */
function fitHyperparameters(start: Hyperparameters, inputs: Process['inputs'], losses: readonly number[]) {
  let process = condition(start, inputs, losses);
  let slope = process && gradient(process);
  let rate = 0.3;
  for (let step = 0; step < FIT_STEPS && process && slope; step++) {
    const next = condition(moved(process.hyperparameters, slope, rate), inputs, losses);
    if (next && logPosterior(next, losses) > logPosterior(process, losses)) {
      process = next;
      slope = gradient(next);
      rate *= 1.5;
    } else rate /= 3;
  }
  return process?.hyperparameters ?? start;
}

/** Moved by `distance` in the direction of the slope. */
function moved(from: Hyperparameters, slope: Hyperparameters, distance: number): Hyperparameters {
  const factor = distance / Math.max(Math.hypot(...slope.lengths, slope.noise), 1e-9);
  return {
    lengths: from.lengths.map((length, index) => length + factor * slope.lengths[index]!),
    noise: Math.min(Math.max(from.noise + factor * slope.noise, Math.log(1e-6)), 0),
  };
}

/** Normal priors on the logarithms keep lengths near half the box (wider with more parameters) and the noise small. */
const NOISE_PRIOR = { mean: Math.log(1e-3), deviation: 2 };
const LENGTH_PRIOR_DEVIATION = 1;

function lengthPriorMean(coordinates: number): number {
  return Math.log(0.4) + 0.5 * Math.log(Math.max(coordinates, 1));
}

function logPosterior({ hyperparameters, lower, dual }: Process, losses: readonly number[]): number {
  const { lengths, noise } = hyperparameters;
  const logDeterminant = lower.reduce((sum, row, index) => sum + Math.log(row[index]!), 0);
  const mean = lengthPriorMean(lengths.length);
  const prior = lengths.reduce((sum, length) => sum + ((length - mean) / LENGTH_PRIOR_DEVIATION) ** 2, 0);
  const noisePrior = ((noise - NOISE_PRIOR.mean) / NOISE_PRIOR.deviation) ** 2;
  return -0.5 * (dot(dual, losses) + prior + noisePrior) - logDeterminant;
}

/** Rasmussen and Williams, equation 5.9, and the slope of the priors. */
function gradient({ hyperparameters, inputs, lower, dual }: Process): Hyperparameters {
  const { lengths, noise } = hyperparameters;
  const inverse = inputs.map((_, column) => {
    const unit = new Float64Array(inputs.length);
    unit[column] = 1;
    return solveUpper(lower, solveLower(lower, unit));
  });
  const scales = lengths.map((length) => Math.exp(-length));
  const mean = lengthPriorMean(lengths.length);
  const slopes = lengths.map((length) => -(length - mean) / LENGTH_PRIOR_DEVIATION ** 2);
  let noiseSlope = -(noise - NOISE_PRIOR.mean) / NOISE_PRIOR.deviation ** 2;
  for (let row = 0; row < inputs.length; row++) {
    noiseSlope += 0.5 * Math.exp(noise) * (dual[row]! ** 2 - inverse[row]![row]!);
    for (let column = 0; column < row; column++) {
      const root = Math.sqrt(5) * distance(inputs[row]!, inputs[column]!, scales);
      // ∂k/∂log ℓ_d = 5/3 · (1 + √5 r) · exp(−√5 r) · (Δ_d/ℓ_d)²; both triangles.
      const common = (dual[row]! * dual[column]! - inverse[row]![column]!) * (5 / 3) * (1 + root) * Math.exp(-root);
      for (let index = 0; index < scales.length; index++) {
        slopes[index]! += common * ((inputs[row]![index]! - inputs[column]![index]!) * scales[index]!) ** 2;
      }
    }
  }
  return { lengths: slopes, noise: noiseSlope };
}

/** The best of random candidates and neighbours of the best trial, then improved by small random steps. */
function search(dimensions: readonly Dimension[], process: Process, best: Params, random: Generator): Params {
  const valued = (params: Params) => ({
    params,
    gain: logExpectedImprovement(process, coordinatesOf(dimensions, params)),
  });
  let chosen = valued(drawParams(dimensions, random));
  const consider = (params: Params) => {
    const candidate = valued(params);
    if (candidate.gain > chosen.gain) chosen = candidate;
  };
  for (let nth = 0; nth < CANDIDATES; nth++) {
    consider(
      nth % 3 === 0
        ? neighbour(dimensions, best, 10 ** (-random.uniform() * 3), random)
        : drawParams(dimensions, random),
    );
  }
  for (let nth = 0; nth < CLIMBS; nth++) {
    consider(neighbour(dimensions, chosen.params, 10 ** (-0.5 - random.uniform() * 3), random));
  }
  return chosen.params;
}

/** Some parameters moved by a normal step, or drawn again; what becomes active is drawn. */
function neighbour(dimensions: readonly Dimension[], from: Params, deviation: number, random: Generator): Params {
  const params: Record<string, ParamValue> = {};
  for (const dimension of dimensions) {
    if (!isActive(dimension, params)) continue;
    const old = from[dimension.name];
    if (old === undefined) params[dimension.name] = drawValue(dimension, random);
    else if (dimension.kind === 'choice')
      params[dimension.name] = random.uniform() < 0.1 ? drawValue(dimension, random) : old;
    else {
      const unit = toUnit(dimension, old as number) + (random.uniform() < 0.7 ? deviation * random.normal() : 0);
      params[dimension.name] = fromUnit(dimension, Math.min(Math.max(unit, 0), 1));
    }
  }
  return params;
}

/** log(σ·(φ(z) + z·Φ(z))) with z = (least − μ)/σ; far in the tail by its asymptote (Ament et al., equation 9). */
function logExpectedImprovement(process: Process, point: readonly number[]): number {
  const { mean, variance } = predict(process, point);
  const deviation = Math.sqrt(variance);
  const z = (process.least - mean) / deviation;
  const logDensity = -0.5 * z * z - 0.5 * Math.log(2 * Math.PI);
  if (z < -6) return Math.log(deviation) + logDensity - 2 * Math.log(-z);
  return Math.log(deviation) + Math.log(Math.exp(logDensity) + z * normalCdf(z));
}
