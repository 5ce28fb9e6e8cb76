/**
 * Population based training: members train in stretches, a trial each, from the checkpoints of the stretch before. A
 * member in the worst fifth takes the checkpoints and parameters of one in the best fifth and changes them. Jaderberg
 * et al., "Population based training of neural networks", arXiv:1711.09846, 2017: truncation selection, and perturbing by
 * 1.2 or 0.8 or, one time in four, drawing again. As there, nobody waits: a member is compared with the last stretch of each.
 */
import type { Params, ParamValue } from '../../../protocol/space.ts';
import { type Dimension, fromUnit, isActive, type NumericDimension, toUnit } from '../dimensions.ts';
import type { Generator } from '../generator.ts';
import { drawParams, drawValue } from './random.ts';
import type { History, Sampler } from './sampler.ts';

const POPULATION = 10;
const TRUNCATION = 0.2;
const REDRAW_PROBABILITY = 0.25;
/** Of a parameter's range, where a factor is no change: at 0, or where a range lies on both sides of it. */
const STEP = 0.2;

interface Member {
  /** The trial that trains it now, or that trained it last. */
  trial: number;
  /** Its last stretch that ended, as an index in the history; null before the first. */
  ended: number | null;
  isTraining: boolean;
}

interface PbtMemory {
  members: readonly Member[];
}

export const pbtSampler: Sampler<PbtMemory> = {
  maxObjectives: 1,
  start: () => ({ members: [] }),
  tell(_setup, { members }, history) {
    const ended = history.size - 1;
    const { trial, losses } = history.observation(ended);
    // A member that diverged is taken out; a new one comes in its place.
    if (!losses) return { members: members.filter((member) => member.trial !== trial) };
    return {
      members: members.map((member) => (member.trial === trial ? { trial, ended, isTraining: false } : member)),
    };
  },
  ask({ dimensions }, { members }, history, number, random) {
    const place = longestWaiting(members);
    const member = members[place];
    const begun: Member = { trial: number, ended: member?.ended ?? null, isTraining: true };
    if (!member || members.length < POPULATION) {
      return { params: drawParams(dimensions, random), memory: { members: [...members, { ...begun, ended: null }] } };
    }
    const memory = { members: members.with(place, begun) };
    const better = betterThan(member, members, history, random);
    const own = history.observation(member.ended!);
    if (!better) return { params: own.params, from: own.trial, memory };
    return { params: explored(dimensions, better.params, random), from: better.trial, memory };
  },
};

/** The index of the member whose last stretch ended first; −1 while all train. */
function longestWaiting(members: readonly Member[]): number {
  let found = -1;
  for (const [index, { isTraining, ended }] of members.entries()) {
    if (!isTraining && (found < 0 || ended! < members[found]!.ended!)) found = index;
  }
  return found;
}

/** For a member in the worst fifth, the observation of one in the best fifth. */
function betterThan(member: Member, members: readonly Member[], history: History, random: Generator) {
  const indices = members.flatMap(({ ended }) => (ended === null ? [] : [ended]));
  const loss = (index: number) => history.observation(index).losses![0]!;
  const ranked = indices.toSorted((a, b) => loss(a) - loss(b) || a - b);
  const few = Math.floor(ranked.length * TRUNCATION);
  if (few === 0 || ranked.indexOf(member.ended!) < ranked.length - few) return undefined;
  return history.observation(ranked[random.integer(few)]!);
}

function explored(dimensions: readonly Dimension[], from: Params, random: Generator): Params {
  const params: Record<string, ParamValue> = {};
  for (const dimension of dimensions) {
    if (!isActive(dimension, params)) continue;
    const old = from[dimension.name];
    const isRedrawn = old === undefined || random.uniform() < REDRAW_PROBABILITY;
    if (isRedrawn) params[dimension.name] = drawValue(dimension, random);
    else params[dimension.name] = dimension.kind === 'choice' ? old : perturbed(dimension, old as number, random);
  }
  return params;
}

function perturbed(dimension: NumericDimension, value: number, random: Generator): number {
  const isUp = random.uniform() < 0.5;
  const byFactor = dimension.low > 0 || dimension.high < 0;
  const unit = byFactor
    ? toUnit(dimension, value * (isUp ? 1.2 : 0.8))
    : toUnit(dimension, value) + (isUp ? STEP : -STEP);
  const moved = fromUnit(dimension, Math.min(Math.max(Number.isFinite(unit) ? unit : 0, 0), 1));
  if (moved !== value || dimension.step === 0) return moved;
  // A factor may be less than a step: then to the neighbour.
  const next = value + (isUp ? dimension.step : -dimension.step);
  return Math.min(Math.max(next, dimension.low), dimension.high);
}
