/**
 * The tree-structured Parzen estimator: one density over the good trials, one over the others, and of a few draws from
 * the good one that with the best ratio. Bergstra et al., NeurIPS 2011; details as in Watanabe, arXiv:2304.11127, 2023,
 * and in Optuna 5: ten random trials first, running trials counted among the others so that parallel trials keep apart.
 * A tenth of the trials (25 at most) is good; of 64 draws, where Optuna makes 24, which test/bench/sweep.ts showed to be
 * better on functions and on learning tasks. Parameters that are active together are drawn jointly.
 */
import type { Params, ParamValue } from '../../../protocol/space.ts';
import { cellOf, type Dimension, fromUnit, isActive, toUnit } from '../dimensions.ts';
import type { Generator } from '../generator.ts';
import { preferenceOrder } from '../pareto.ts';
import { type Cell, drawPoint, logDensity, type ParzenEstimator, parzenEstimator } from './parzen.ts';
import { drawParams, drawValue } from './random.ts';
import type { History, Observation, Sampler } from './sampler.ts';

const STARTUP_TRIALS = 10;
const MOST_CANDIDATES = 64;
const FEWEST_CANDIDATES = 24;
/** Candidates times kernels: with many trials fewer are drawn, so that a decision stays fast. */
const MOST_DENSITIES = 24_000;
const GOOD_SHARE = 0.1;
const MOST_GOOD = 25;
/** Older trials beyond so many weigh next to nothing; leaving them out bounds the time of a decision. */
const MOST_OTHERS = 1000;

export interface TpeMemory {
  /** Trials that ended with a finite objective, by how far they came, the farthest first. */
  levels: readonly Level[];
}

interface Level {
  /** Of trials that ran to their end {@link FINISHED}, else by their last step: levels lie half a doubling apart. */
  reach: number;
  count: number;
  /** The best of them: their indices in the history, best first. */
  leaders: readonly number[];
}

/**
 * Where trials are stopped early there are many of them, and what is learned from their first steps can mislead for
 * good: a third is drawn at random. BOHB's ρ: Falkner et al., "BOHB", ICML 2018, section 4.
 */
const RANDOM_SHARE = 1 / 3;

const FINISHED = Number.MAX_SAFE_INTEGER;

/** @param isJoint whether parameters are drawn jointly (multivariate TPE) or each on its own */
export function tpeSampler(isJoint: boolean): Sampler<TpeMemory> {
  return {
    maxObjectives: Number.POSITIVE_INFINITY,
    start: () => ({ levels: [] }),
    tell(_setup, { levels }, history) {
      const index = history.size - 1;
      const observation = history.observation(index);
      if (!observation.losses) return { levels };
      const reach = reachOf(observation);
      const level = levels.find((one) => one.reach === reach) ?? { reach, count: 0, leaders: [] };
      const leaders = rank([...level.leaders, index], history).slice(0, MOST_GOOD);
      const others = levels.filter((one) => one !== level);
      return { levels: [...others, { reach, count: level.count + 1, leaders }].sort((x, y) => y.reach - x.reach) };
    },
    ask: ({ dimensions }, memory, history, _number, random) => ({
      params: estimateParams(groupsOf(dimensions, isJoint), memory, history, random),
      memory,
    }),
  };
}

/** Parameters by groups, parents first; `given` ones are kept. */
export function estimateParams(
  groups: readonly (readonly Dimension[])[],
  memory: TpeMemory,
  history: History,
  random: Generator,
  given: Params = {},
): Params {
  const isStartup = countOf(memory) < STARTUP_TRIALS;
  if (isStartup || (isStoppedEarly(memory) && random.uniform() < RANDOM_SHARE))
    return drawParams(groups.flat(), random, given);
  const { good, others } = split(memory, history);
  const params: Record<string, ParamValue> = { ...given };
  for (const group of groups) {
    if (isActive(group[0]!, params)) drawGroup(group, good, others, random, params);
  }
  return params;
}

function reachOf({ isStopped, step }: Observation): number {
  return isStopped ? Math.floor(2 * Math.log2(Math.max(step, 0) + 1)) : FINISHED;
}

function isStoppedEarly({ levels }: TpeMemory): boolean {
  return levels.some(({ reach }) => reach !== FINISHED);
}

function countOf({ levels }: TpeMemory): number {
  return levels.reduce((sum, { count }) => sum + count, 0);
}

function rank(indices: readonly number[], history: History): number[] {
  const { order } = preferenceOrder(indices.map((index) => history.observation(index).losses!));
  return order.map((position) => indices[position]!);
}

/**
 * The best are looked for among the trials that came farthest, at least twice as many as are taken: losses at very
 * different steps say little about each other, and the first trials of a sweep finish however bad they are. As BOHB
 * learns from the largest budget that enough trials have had: Falkner et al., ICML 2018, section 3.
 */
function leadersOf(memory: TpeMemory, history: History): number[] {
  const wanted = Math.min(Math.ceil(GOOD_SHARE * countOf(memory)), MOST_GOOD);
  const candidates: number[] = [];
  let count = 0;
  for (const level of memory.levels) {
    candidates.push(...level.leaders);
    count += level.count;
    if (count >= 2 * wanted) break;
  }
  return rank(candidates, history).slice(0, wanted);
}

function split(memory: TpeMemory, history: History): { good: Params[]; others: Params[] } {
  const goodIndices = leadersOf(memory, history).sort((a, b) => a - b);
  const isGood = new Set(goodIndices);
  const others: Params[] = [];
  for (let index = history.size - 1; index >= 0 && others.length < MOST_OTHERS; index--) {
    if (!isGood.has(index)) others.push(history.observation(index).params);
  }
  others.reverse().push(...history.pending);
  return { good: goodIndices.map((index) => history.observation(index).params), others };
}

/** Parents come before children, as in the dimensions, because a group's conditions name earlier parameters only. */
function groupsOf(dimensions: readonly Dimension[], isJoint: boolean): Dimension[][] {
  if (!isJoint) return dimensions.map((dimension) => [dimension]);
  return [...Map.groupBy(dimensions, (dimension) => dimension.group).values()];
}

function drawGroup(
  group: readonly Dimension[],
  good: readonly Params[],
  others: readonly Params[],
  random: Generator,
  params: Record<string, ParamValue>,
): void {
  const goodEstimator = estimate(group, good);
  const otherEstimator = estimate(group, others);
  let best: ParamValue[] = group.map((dimension) => drawValue(dimension, random));
  let bestRatio = Number.NEGATIVE_INFINITY;
  const candidates = Math.min(
    Math.max(Math.floor(MOST_DENSITIES / (others.length + 1)), FEWEST_CANDIDATES),
    MOST_CANDIDATES,
  );
  for (let nth = 0; nth < candidates; nth++) {
    const drawn = drawPoint(goodEstimator, random);
    const values = group.map((dimension, axis) => valueAt(dimension, drawn[axis]!));
    const point = group.map((dimension, axis) => coordinateOf(dimension, values[axis]!));
    const cells: Cell[] = group.map((dimension, axis) => cellOf(dimension, values[axis]!));
    const ratio = logDensity(goodEstimator, point, cells) - logDensity(otherEstimator, point, cells);
    if (ratio > bestRatio) {
      best = values;
      bestRatio = ratio;
    }
  }
  for (const [axis, dimension] of group.entries()) params[dimension.name] = best[axis]!;
}

/** Of the trials in which the group was active. */
function estimate(group: readonly Dimension[], trials: readonly Params[]): ParzenEstimator {
  const active = trials.filter((params) => Object.hasOwn(params, group[0]!.name));
  const columns = group.map((dimension) => {
    const column = new Float64Array(active.length);
    for (let row = 0; row < active.length; row++) column[row] = coordinateOf(dimension, active[row]![dimension.name]!);
    return column;
  });
  return parzenEstimator(group, columns);
}

function valueAt(dimension: Dimension, coordinate: number): ParamValue {
  return dimension.kind === 'choice' ? dimension.values[coordinate]! : fromUnit(dimension, coordinate);
}

function coordinateOf(dimension: Dimension, value: ParamValue): number {
  return dimension.kind === 'choice' ? dimension.values.indexOf(value) : toUnit(dimension, value as number);
}
