/**
 * The tree-structured Parzen estimator: one density over the good trials, one over the others, and of a few draws from
 * the good one that with the best ratio. Bergstra et al., NeurIPS 2011; details as in Watanabe, arXiv:2304.11127, 2023,
 * and in Optuna 5: ten random trials first, a tenth of the trials (25 at most) good, 24 draws, running trials counted
 * among the others so that parallel trials keep apart. Parameters that are active together are drawn jointly.
 */
import type { Params, ParamValue } from '../../../protocol/space.ts';
import { cellOf, type Dimension, fromUnit, isActive, toUnit } from '../dimensions.ts';
import type { Generator } from '../generator.ts';
import { preferenceOrder } from '../pareto.ts';
import { type Cell, drawPoint, logDensity, type ParzenEstimator, parzenEstimator } from './parzen.ts';
import { drawParams, drawValue } from './random.ts';
import type { History, Observation, Sampler } from './sampler.ts';

const STARTUP_TRIALS = 10;
const CANDIDATES = 24;
const MOST_GOOD = 25;
/** Older trials beyond so many weigh next to nothing; leaving them out bounds the time of a decision. */
const MOST_OTHERS = 1000;

export interface TpeMemory {
  /** Of the best observations: their indices in the history, best first. */
  leaders: readonly number[];
  /** Trials that ended with a finite objective. */
  count: number;
}

/** @param isJoint whether parameters are drawn jointly (multivariate TPE) or each on its own */
export function tpeSampler(isJoint: boolean): Sampler<TpeMemory> {
  return {
    maxObjectives: Number.POSITIVE_INFINITY,
    start: () => ({ leaders: [], count: 0 }),
    tell(_setup, memory, history) {
      const index = history.size - 1;
      const observation = history.observation(index);
      if (!observation.losses) return memory;
      const leaders = rank([...memory.leaders, index], history).slice(0, MOST_GOOD);
      return { leaders, count: memory.count + 1 };
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
  if (memory.count < STARTUP_TRIALS) return drawParams(groups.flat(), random, given);
  const { good, others } = split(memory, history);
  const params: Record<string, ParamValue> = { ...given };
  for (const group of groups) {
    if (isActive(group[0]!, params)) drawGroup(group, good, others, random, params);
  }
  return params;
}

/** Trials that ran to their end first, then by how far they came, then by their losses. */
function rank(indices: readonly number[], history: History): number[] {
  const observations = indices.map((index) => history.observation(index));
  const { order } = preferenceOrder(observations.map(({ losses }) => losses!));
  const place = new Map(order.map((position, nth) => [position, nth]));
  return [...indices.keys()]
    .sort((a, b) => compareReach(observations[a]!, observations[b]!) || place.get(a)! - place.get(b)!)
    .map((position) => indices[position]!);
}

function compareReach(a: Observation, b: Observation): number {
  if (a.isStopped !== b.isStopped) return a.isStopped ? 1 : -1;
  return a.isStopped ? b.step - a.step : 0;
}

function split({ leaders, count }: TpeMemory, history: History): { good: Params[]; others: Params[] } {
  const goodIndices = leaders.slice(0, Math.min(Math.ceil(0.1 * count), MOST_GOOD)).toSorted((a, b) => a - b);
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
  for (let nth = 0; nth < CANDIDATES; nth++) {
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
