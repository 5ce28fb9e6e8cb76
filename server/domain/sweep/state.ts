/** What a sweep is made of: its state, the events that change it and the commands that follow. All plain JSON. */
import type { Params, SearchSpace } from '../../protocol/space.ts';
import type { GeneratorState } from './generator.ts';
import { countItems, itemAt, type Pages } from './pages.ts';
import type { SamplerSpec } from './samplers/index.ts';
import type { History, Observation } from './samplers/sampler.ts';
import type { StopperSpec } from './stoppers/index.ts';

/** A number as JSON can hold it; what is not finite stands as a word, so that it can be shown. */
export type ReportedNumber = number | 'NaN' | 'Infinity' | '-Infinity';

export interface Goal {
  /** The metric that is the objective. */
  metric: string;
  goal: 'minimize' | 'maximize';
}

export interface SweepSpec {
  name: string;
  space: SearchSpace;
  sampler: SamplerSpec;
  /** Needs a single goal. */
  stopper: StopperSpec | null;
  /** One or more. */
  goals: readonly Goal[];
  /** The budget: how many trials are started, failed and stopped ones included. */
  trials: number;
  /** How many may run at once. */
  parallel: number;
  seed: number;
  /** How often a trial that failed or was lost is started again. */
  retries: number;
  /** What is known from elsewhere before the first trial: earlier sweeps, receipts. Parameters lie in the space. */
  known?: readonly KnownTrial[];
}

/** Parameters that were tried elsewhere, and their values, one a goal. */
export interface KnownTrial {
  params: Params;
  values: readonly ReportedNumber[];
}

export type TrialStatus = 'waiting' | 'running' | 'stopping' | 'finished' | 'stopped' | 'failed';

export interface Trial {
  number: number;
  params: Params;
  status: TrialStatus;
  /** From 0; counts the starts of this trial. */
  attempt: number;
  /** Whether the attempt still waits for its start command (a retry while the sweep is paused). */
  isHeld: boolean;
  runId: string | null;
  /** The largest step reported in this attempt, and how many steps were; −1 and 0 for none. */
  step: number;
  reports: number;
  /** The largest step that the stopper has judged, in any attempt; −1 for none. */
  judgedStep: number;
  /** One a goal: of the last step reported, or final ones. */
  values: readonly ReportedNumber[] | null;
  /** Why it was stopped or failed. */
  reason: string | null;
  /** When this attempt began and when it was over, ms since 1970; absent where events carry no time. */
  startedAt?: number;
  endedAt?: number;
  /** The trial from whose checkpoints it begins (population based training). */
  from: number | null;
  /** Whether somebody had it go on after it was stopped early: no stopper judges it again. */
  isPromoted: boolean;
}

export interface SweepState {
  /** As it was created; the budget and the parallelism in force stand below. */
  spec: SweepSpec;
  status: 'running' | 'paused' | 'stopping' | 'ended';
  budget: number;
  parallel: number;
  trials: Pages<Trial>;
  /** The numbers of the trials that have not ended, ascending. */
  active: readonly number[];
  /** What the sampler learned from: what was known before, then the trials in the order in which they ended. */
  observed: Pages<Observation>;
  counts: Readonly<Record<'finished' | 'stopped' | 'failed', number>>;
  /** The best trial, or with several goals the Pareto front; empty before the first objective. */
  best: readonly number[];
  /** By the first goal the best of the trials that ran to their end. */
  bestFinished: number | null;
  /** The sampler has nothing left to try. */
  isExhausted: boolean;
  sampler: unknown;
  stopper: unknown;
  random: GeneratorState;
}

/**
 * Events of trials carry the attempt that they speak of: what a former attempt says late changes nothing. `extended`
 * carries the new total, so that a repeat changes nothing.
 */
export type SweepEvent =
  | { type: 'created'; spec: SweepSpec }
  | { type: 'trialStarted'; trial: number; attempt: number; runId?: string; at?: number }
  | { type: 'reported'; trial: number; attempt: number; step: number; values: readonly ReportedNumber[]; at?: number }
  | TrialEnded
  | { type: 'paused' }
  | { type: 'resumed' }
  | { type: 'stopped' }
  | { type: 'extended'; trials: number }
  /** A trial that was stopped early in `attempt` goes on from its checkpoints, to its end. */
  | { type: 'promoted'; trial: number; attempt: number }
  | { type: 'parallelChanged'; parallel: number };

export interface TrialEnded {
  type: 'trialEnded';
  trial: number;
  attempt: number;
  /** `stopped`: on our command; `lost`: gone without a trace, by positive evidence. */
  outcome: 'finished' | 'failed' | 'stopped' | 'lost';
  /** The final objective, one a goal; without it the last reported one counts. */
  values?: readonly ReportedNumber[];
  /** Why there is none, or why it failed. */
  reason?: string;
  at?: number;
}

/** Ids follow from the trial and the attempt, so that doing a command twice is doing it once. */
export type SweepCommand =
  | {
      type: 'startTrial';
      id: string;
      trial: number;
      attempt: number;
      params: Params;
      /** The attempt, of this trial or another, from whose checkpoints it begins. */
      resume?: { trial: number; attempt: number };
    }
  | { type: 'stopTrial'; id: string; trial: number; attempt: number; reason: string };

export function hasEnded({ status }: Trial): boolean {
  return status === 'finished' || status === 'stopped' || status === 'failed';
}

/** The losses (smaller is better) of complete and finite values, else null. */
export function lossesOf(values: readonly ReportedNumber[] | null, goals: readonly Goal[]): readonly number[] | null {
  if (values?.length !== goals.length) return null;
  // `+ 0` makes −0 a 0: JSON has only one of them, and a replay from storage must not differ.
  const losses = values.map((value, i) => (goals[i]!.goal === 'maximize' ? -Number(value) : Number(value)) + 0);
  return losses.every(Number.isFinite) ? losses : null;
}

/** What the sampler may know. */
export function historyOf(state: SweepState): History {
  return {
    size: countItems(state.observed),
    observation: (index) => itemAt(state.observed, index)!,
    pending: state.active.map((number) => itemAt(state.trials, number)!.params),
  };
}

export function observationOf(trial: Trial, goals: readonly Goal[]): Observation {
  return {
    trial: trial.number,
    params: trial.params,
    losses: trial.status === 'failed' ? null : lossesOf(trial.values, goals),
    step: trial.step,
    isStopped: trial.status === 'stopped',
  };
}
