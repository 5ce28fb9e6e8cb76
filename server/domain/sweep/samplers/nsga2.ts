/**
 * NSGA-II, for several goals: generations of 50, of which the fronts and the loneliest survive; children by tournament,
 * simulated binary crossover and polynomial mutation. Deb et al., "A fast and elitist multiobjective genetic
 * algorithm: NSGA-II", IEEE TEC 6(2), 2002; the operators Deb and Agrawal, Complex Systems 9, 1995. A generation is
 * done when so many trials have ended, whichever; nobody waits.
 */
import type { Params, ParamValue } from '../../../protocol/space.ts';
import { type Dimension, fromUnit, isActive, type NumericDimension, toUnit } from '../dimensions.ts';
import type { Generator } from '../generator.ts';
import { preferenceOrder } from '../pareto.ts';
import { drawParams, drawValue } from './random.ts';
import type { History, Sampler } from './sampler.ts';

const POPULATION = 50;
const CROSSOVER_PROBABILITY = 0.9;
/** η_c and η_m: how near children stay to their parents. */
const CROSSOVER_INDEX = 20;
const MUTATION_INDEX = 20;

/** Indices in the history. */
interface Nsga2Memory {
  /** Best first; none in the first generation. */
  parents: readonly number[];
  /** Of this generation, as they end. */
  children: readonly number[];
}

export const nsga2Sampler: Sampler<Nsga2Memory> = {
  maxObjectives: Number.POSITIVE_INFINITY,
  start: () => ({ parents: [], children: [] }),
  tell(_setup, { parents, children }, history) {
    const index = history.size - 1;
    if (!history.observation(index).losses) return { parents, children };
    const grown = [...children, index];
    if (grown.length < POPULATION) return { parents, children: grown };
    return { parents: survivors([...parents, ...grown], history), children: [] };
  },
  ask({ dimensions }, memory, history, _number, random) {
    if (memory.parents.length === 0) return { params: drawParams(dimensions, random), memory };
    const mother = tournament(memory.parents, history, random);
    const father = tournament(memory.parents, history, random);
    return { params: child(dimensions, mother, father, random), memory };
  },
};

function survivors(indices: readonly number[], history: History): number[] {
  const { order } = preferenceOrder(indices.map((index) => history.observation(index).losses!));
  return order.slice(0, POPULATION).map((position) => indices[position]!);
}

function tournament(parents: readonly number[], history: History, random: Generator): Params {
  const winner = Math.min(random.integer(parents.length), random.integer(parents.length));
  return history.observation(parents[winner]!).params;
}

function child(dimensions: readonly Dimension[], mother: Params, father: Params, random: Generator): Params {
  const isCrossed = random.uniform() < CROSSOVER_PROBABILITY;
  const params: Record<string, ParamValue> = {};
  for (const dimension of dimensions) {
    if (!isActive(dimension, params)) continue;
    const inherited = inherit(
      dimension,
      mother[dimension.name],
      isCrossed ? father[dimension.name] : undefined,
      random,
    );
    const isMutated = random.uniform() < 1 / dimensions.length;
    params[dimension.name] = isMutated ? mutated(dimension, inherited, random) : inherited;
  }
  return params;
}

/** From a parent that has the parameter; where neither has, at random. */
function inherit(
  dimension: Dimension,
  mother: ParamValue | undefined,
  father: ParamValue | undefined,
  random: Generator,
): ParamValue {
  if (mother === undefined && father === undefined) return drawValue(dimension, random);
  if (mother === undefined || father === undefined) return (mother ?? father)!;
  if (random.uniform() < 0.5) return mother;
  return dimension.kind === 'choice' ? father : crossed(dimension, mother as number, father as number, random);
}

/** One of the two children of simulated binary crossover. */
function crossed(dimension: NumericDimension, mother: number, father: number, random: Generator): number {
  const [a, b] = [toUnit(dimension, mother), toUnit(dimension, father)];
  const draw = random.uniform();
  const power = 1 / (CROSSOVER_INDEX + 1);
  const spread = draw < 0.5 ? (2 * draw) ** power : (1 / (2 * (1 - draw))) ** power;
  const side = random.uniform() < 0.5 ? 1 : -1;
  return fromUnit(dimension, clamp((a + b + side * spread * Math.abs(a - b)) / 2));
}

function mutated(dimension: Dimension, value: ParamValue, random: Generator): ParamValue {
  if (dimension.kind === 'choice') return drawValue(dimension, random);
  const draw = random.uniform();
  const power = 1 / (MUTATION_INDEX + 1);
  const shift = draw < 0.5 ? (2 * draw) ** power - 1 : 1 - (2 * (1 - draw)) ** power;
  return fromUnit(dimension, clamp(toUnit(dimension, value as number) + shift));
}

function clamp(unit: number): number {
  return Math.min(Math.max(unit, 0), 1);
}
