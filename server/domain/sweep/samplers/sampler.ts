/** What every sampler is. A sampler decides the parameters of the next trial from what was observed, and nothing else. */
import type { Params } from '../../../protocol/space.ts';
import type { Dimension } from '../dimensions.ts';
import type { Generator } from '../generator.ts';

/** What does not change while a sweep runs. */
export interface Setup {
  dimensions: readonly Dimension[];
  /** The number of objectives. */
  objectives: number;
  /** How many trials the sweep was first given. */
  budget: number;
  seed: number;
}

/** A trial that ended. */
export interface Observation {
  /** −1 for one that is known from elsewhere. */
  trial: number;
  params: Params;
  /** One an objective, smaller is better, finite; null where the objective was not a number. */
  losses: readonly number[] | null;
  /** The last step reported; −1 for none. */
  step: number;
  isStopped: boolean;
}

/** What is known when the next trial is asked for. */
export interface History {
  /** How many trials ended with an objective. */
  size: number;
  /** The trials that ended, in the order in which they did. */
  observation(index: number): Observation;
  /** The parameters of trials that have not ended. */
  pending: readonly Params[];
}

/**
 * `Memory` is plain JSON: it is stored with the sweep, and the next decision follows from it, the history and the
 * generator alone.
 */
export interface Sampler<Memory> {
  /** The most objectives that it can handle. */
  maxObjectives: number;
  start(setup: Setup): Memory;
  /** Takes in the last observation of `history`. */
  tell(setup: Setup, memory: Memory, history: History): Memory;
  /** The parameters of trial `number`; null when there is nothing left to try. */
  ask(setup: Setup, memory: Memory, history: History, number: number, random: Generator): Asked<Memory>;
}

export interface Asked<Memory> {
  params: Params | null;
  memory: Memory;
  /** The trial from whose checkpoints the new one begins. */
  from?: number;
}
