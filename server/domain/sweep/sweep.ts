/**
 * The sweep: which trial starts next, which is stopped early, when the sweep is over and what its best trial is. Pure;
 * the engine applies events and carries out the commands, and `optimize.ts` drives the same function line by line.
 * Samplers and stoppers stand in folders of their own; the words of state, events and commands in `state.ts`.
 *
 * Rules:
 * - A trial that ended without an objective failed. So did one whose objective is not finite: it is never the best,
 *   and the sampler learns to avoid it. Failed and stopped trials use budget.
 * - A trial that was stopped early counts with its last value. One that ends otherwise after we asked it to stop
 *   counts as stopped, unless it finished first.
 * - A failed or lost trial is started again with the same parameters while `retries` allow; one that wrote no
 *   objective or no finite one is not, because it would do the same again.
 * - A trial that is started again begins from the checkpoints of the attempt before. One that was stopped early may be
 *   promoted: it goes on from its checkpoints, nobody stops it early again, and if that fails its former value stands.
 * - Events may come late, twice or in another order. Of one step the last report is kept; a step below the largest
 *   one seen is ignored; the stopper judges each step of a trial once.
 */
import { SlipwayError } from '../../protocol/errors.ts';
import { type Reduction, unchanged } from '../reducer.ts';
import { dimensionsOf } from './dimensions.ts';
import { Generator } from './generator.ts';
import { append, countItems, eachItem, itemAt, withItem } from './pages.ts';
import { dominates } from './pareto.ts';
import { finishedReceipt } from './receipt.ts';
import { samplerOf } from './samplers/index.ts';
import type { Observation, Setup } from './samplers/sampler.ts';
import {
  hasEnded,
  historyOf,
  lossesOf,
  observationOf,
  type SweepCommand,
  type SweepEvent,
  type SweepSpec,
  type SweepState,
  type Trial,
  type TrialEnded,
} from './state.ts';
import { stopperOf } from './stoppers/index.ts';

type SweepReduction = Reduction<SweepState, SweepCommand>;

/**
 * @param state undefined before `created`, which any later `created` leaves alone
 * @throws SlipwayError `sweep.unknownTrial`, `sweep.invalid`, `sweep.tooManyGoals`
 */
export function reduceSweep(state: SweepState | undefined, event: SweepEvent): SweepReduction {
  if (event.type === 'created') return state ? unchanged(state) : proceed(createSweep(event.spec));
  if (!state) throw new Error(`a sweep got ${event.type} before it was created`);
  switch (event.type) {
    case 'trialStarted':
      return trialStarted(state, event);
    case 'reported':
      return reported(state, event);
    case 'trialEnded':
      return trialEnded(state, event);
    case 'paused':
      return state.status === 'running' ? unchanged({ ...state, status: 'paused' }) : unchanged(state);
    case 'resumed':
      return state.status === 'paused' ? proceed({ ...state, status: 'running' }) : unchanged(state);
    case 'stopped':
      return stopSweep(state);
    case 'extended':
      return extendSweep(state, event.trials);
    case 'promoted':
      return promoteTrial(state, event);
    case 'parallelChanged':
      return proceed({ ...state, parallel: Math.max(1, Math.floor(event.parallel)) });
  }
}

function createSweep(spec: SweepSpec): SweepState {
  if (spec.goals.length === 0) throw new SlipwayError('sweep.invalid', `Sweep ${spec.name} has no goal.`);
  if (spec.stopper && spec.goals.length > 1) {
    throw new SlipwayError(
      'sweep.invalid',
      `Sweep ${spec.name} has ${spec.goals.length} goals and the stopper ${spec.stopper.type}, which judges by one.`,
      'Leave the stopper out, or keep one goal.',
    );
  }
  const state: SweepState = {
    spec,
    status: 'running',
    budget: spec.trials,
    parallel: spec.parallel,
    trials: [],
    active: [],
    observed: [],
    counts: { finished: 0, stopped: 0, failed: 0 },
    best: [],
    bestFinished: null,
    isExhausted: false,
    sampler: samplerOf(spec.sampler, spec.goals.length).start(setupOf(spec)),
    stopper: spec.stopper ? stopperOf(spec.stopper).start() : null,
    random: Generator.seeded(spec.seed).snapshot(),
  };
  const known = spec.known ?? [];
  return known.reduce((next, { params, values }) => {
    const losses = lossesOf(values, spec.goals);
    return learned(next, { trial: -1, params, losses, step: -1, isStopped: false });
  }, state);
}

function setupOf(spec: SweepSpec): Setup {
  return {
    dimensions: dimensionsOf(spec.space),
    objectives: spec.goals.length,
    budget: spec.trials,
    seed: spec.seed,
  };
}

type Of<Type extends SweepEvent['type']> = Extract<SweepEvent, { type: Type }>;

function trialStarted(state: SweepState, event: Of<'trialStarted'>): SweepReduction {
  const trial = currentAttempt(state, event);
  if (!trial || trial.isHeld) return unchanged(state);
  const status = trial.status === 'waiting' ? 'running' : trial.status;
  return unchanged(withTrial(state, { ...trial, status, runId: event.runId ?? trial.runId, ...startOf(trial, event) }));
}

function reported(state: SweepState, event: Of<'reported'>): SweepReduction {
  const trial = currentAttempt(state, event);
  if (!trial || trial.isHeld || event.step < trial.step) return unchanged(state);
  const seen: Trial = {
    ...trial,
    status: trial.status === 'waiting' ? 'running' : trial.status,
    ...startOf(trial, event),
    step: event.step,
    reports: event.step > trial.step ? trial.reports + 1 : trial.reports,
    judgedStep: Math.max(trial.judgedStep, event.step),
    values: event.values,
  };
  const { stopper } = state.spec;
  const isJudged = stopper !== null && !trial.isPromoted && seen.status !== 'stopping' && event.step > trial.judgedStep;
  if (!stopper || !isJudged) return unchanged(withTrial(state, seen));
  const loss = lossesOf(event.values, state.spec.goals)?.[0] ?? Number.NaN;
  const { memory, stop } = stopperOf(stopper).report(state.stopper, trial.number, event.step, loss);
  const judged = { ...state, stopper: memory };
  if (!stop) return unchanged(withTrial(judged, seen));
  const reason = `Stopped early by ${stopper.type} at step ${event.step}, where ${state.spec.goals[0]!.metric} was ${event.values[0]}.`;
  return {
    state: withTrial(judged, { ...seen, status: 'stopping', reason }),
    commands: [stopCommand(seen, reason)],
    receipts: [],
  };
}

/** An attempt begins with the first that is heard of it. */
function startOf(trial: Trial, { at }: { at?: number }): Pick<Trial, 'startedAt'> {
  const startedAt = trial.startedAt ?? at;
  return startedAt === undefined ? {} : { startedAt };
}

function trialEnded(state: SweepState, event: TrialEnded): SweepReduction {
  const current = currentAttempt(state, event);
  if (!current || current.isHeld) return unchanged(state);
  const trial: Trial = event.at === undefined ? current : { ...current, endedAt: event.at };
  const wasStopped = event.outcome === 'stopped' || (trial.status === 'stopping' && event.outcome !== 'finished');
  const hasFailed = !wasStopped && event.outcome !== 'finished';
  if (hasFailed && trial.attempt < state.spec.retries) {
    return proceed(withTrial(state, nextAttempt(trial, event.reason)));
  }
  const values = event.values ?? trial.values;
  if (hasFailed && trial.isPromoted && lossesOf(values, state.spec.goals)) {
    const reason = `Promoted, and then it failed: ${event.reason ?? 'no reason is known'}`;
    return proceed(closeTrial(state, { ...trial, values, status: 'stopped', reason }, true));
  }
  if (hasFailed) {
    const reason = event.reason ?? (event.outcome === 'lost' ? 'The trial was lost.' : 'The trial failed.');
    return proceed(closeTrial(state, { ...trial, values, status: 'failed', reason }, false));
  }
  if (!values) {
    const missing =
      event.reason ?? `The trial ended without ${state.spec.goals.map(({ metric }) => metric).join(', ')}.`;
    return proceed(closeTrial(state, { ...trial, status: 'failed', reason: missing }, false));
  }
  if (!lossesOf(values, state.spec.goals)) {
    const notFinite = `${state.spec.goals.map(({ metric }, index) => `${metric} was ${values[index]}`).join(', ')}.`;
    return proceed(closeTrial(state, { ...trial, values, status: 'failed', reason: notFinite }, true));
  }
  const closed: Trial = wasStopped
    ? { ...trial, values, status: 'stopped', reason: event.reason ?? trial.reason }
    : { ...trial, values, status: 'finished', reason: null };
  return proceed(closeTrial(state, closed, true));
}

function nextAttempt(trial: Trial, reason: string | undefined): Trial {
  const { startedAt: _, endedAt: __, ...rest } = trial;
  return {
    ...rest,
    status: 'waiting',
    attempt: trial.attempt + 1,
    isHeld: true,
    runId: null,
    step: -1,
    reports: 0,
    values: null,
    reason: reason ?? null,
  };
}

function promoteTrial(state: SweepState, { trial: number, attempt }: Of<'promoted'>): SweepReduction {
  const trial = itemAt(state.trials, number);
  if (trial?.status !== 'stopped' || trial.attempt !== attempt || state.status === 'stopping') return unchanged(state);
  const again: Trial = { ...nextAttempt(trial, undefined), values: trial.values, isPromoted: true };
  let next: SweepState = {
    ...withTrial(state, again),
    status: state.status === 'ended' ? 'running' : state.status,
    active: [...state.active, number].sort((a, b) => a - b),
    counts: { ...state.counts, stopped: state.counts.stopped - 1 },
    best: [],
  };
  // Its value counts again when it has ended.
  for (const other of eachItem(next.trials)) {
    if (other.status === 'finished' || other.status === 'stopped') next = { ...next, best: withContender(next, other) };
  }
  return proceed(next);
}

function stopSweep(state: SweepState): SweepReduction {
  if (state.status === 'stopping' || state.status === 'ended') return unchanged(state);
  const reason = 'The sweep was stopped.';
  const commands: SweepCommand[] = [];
  let next: SweepState = { ...state, status: 'stopping' };
  for (const number of state.active) {
    const trial = itemAt(state.trials, number)!;
    if (trial.isHeld && trial.isPromoted) next = closeTrial(next, { ...trial, isHeld: false, status: 'stopped' }, true);
    else if (trial.isHeld) next = closeTrial(next, { ...trial, isHeld: false, status: 'failed' }, false);
    else if (trial.status !== 'stopping') {
      commands.push(stopCommand(trial, reason));
      next = withTrial(next, { ...trial, status: 'stopping', reason });
    }
  }
  const { state: proceeded, receipts } = proceed(next);
  return { state: proceeded, commands, receipts };
}

/** More budget takes up again a sweep that has ended or is being stopped; a paused one stays paused. */
function extendSweep(state: SweepState, trials: number): SweepReduction {
  if (trials <= state.budget) return unchanged(state);
  return proceed({ ...state, budget: trials, status: state.status === 'paused' ? 'paused' : 'running' });
}

/** Starts what may start, and ends the sweep when nothing is left to do. */
function proceed(state: SweepState): SweepReduction {
  const commands: SweepCommand[] = [];
  let next = state;
  if (state.status === 'running') {
    for (const number of state.active) {
      const trial = itemAt(next.trials, number)!;
      if (!trial.isHeld) continue;
      next = withTrial(next, { ...trial, isHeld: false });
      commands.push(startCommand(next, trial));
    }
    while (isRoomLeft(next)) {
      const asked = askTrial(next);
      next = asked.state;
      if (asked.trial) commands.push(startCommand(next, asked.trial));
    }
  }
  const isOver = next.status === 'stopping' || next.isExhausted || countItems(next.trials) >= next.budget;
  if (next.status === 'ended' || next.active.length > 0 || !isOver) return { state: next, commands, receipts: [] };
  next = { ...next, status: 'ended' };
  return { state: next, commands, receipts: [finishedReceipt(next)] };
}

function isRoomLeft(state: SweepState): boolean {
  return !state.isExhausted && state.active.length < state.parallel && countItems(state.trials) < state.budget;
}

function askTrial(state: SweepState): { state: SweepState; trial: Trial | null } {
  const { spec } = state;
  const number = countItems(state.trials);
  const random = Generator.restore(state.random);
  const sampler = samplerOf(spec.sampler, spec.goals.length);
  const { params, memory, from } = sampler.ask(setupOf(spec), state.sampler, historyOf(state), number, random);
  if (!params) return { state: { ...state, sampler: memory, isExhausted: true }, trial: null };
  const trial: Trial = {
    number,
    params,
    status: 'waiting',
    attempt: 0,
    isHeld: false,
    runId: null,
    step: -1,
    reports: 0,
    judgedStep: -1,
    values: null,
    reason: null,
    from: from ?? null,
    isPromoted: false,
  };
  const next: SweepState = {
    ...state,
    trials: append(state.trials, trial),
    active: [...state.active, number],
    sampler: memory,
    random: random.snapshot(),
  };
  return { state: next, trial };
}

/** Puts an ended trial away: counts it, compares it with the best and tells the sampler if that can learn from it. */
function closeTrial(state: SweepState, trial: Trial, isTold: boolean): SweepState {
  const { spec } = state;
  const status = trial.status as keyof SweepState['counts'];
  let next: SweepState = {
    ...withTrial(state, trial),
    active: state.active.filter((number) => number !== trial.number),
    counts: { ...state.counts, [status]: state.counts[status] + 1 },
    stopper: spec.stopper ? stopperOf(spec.stopper).end(state.stopper, trial.number) : null,
  };
  if (!isTold) return next;
  next = learned(next, observationOf(trial, spec.goals));
  if (trial.status === 'failed') return next;
  return { ...next, best: withContender(next, trial), bestFinished: bestFinished(next, trial) };
}

/** Tells the sampler. */
function learned(state: SweepState, observation: Observation): SweepState {
  const { spec } = state;
  const next = { ...state, observed: append(state.observed, observation) };
  const sampler = samplerOf(spec.sampler, spec.goals.length).tell(setupOf(spec), next.sampler, historyOf(next));
  return { ...next, sampler };
}

function bestFinished({ spec, trials, bestFinished }: SweepState, trial: Trial): number | null {
  if (trial.status !== 'finished') return bestFinished;
  const firstLoss = ({ values }: Trial) => lossesOf(values, spec.goals)![0]!;
  const isBetter = bestFinished === null || firstLoss(trial) < firstLoss(itemAt(trials, bestFinished)!);
  return isBetter ? trial.number : bestFinished;
}

/** With one goal the earlier of equals stays the best; on a Pareto front both stand. */
function withContender(state: SweepState, trial: Trial): readonly number[] {
  const { goals } = state.spec;
  const losses = lossesOf(trial.values, goals)!;
  const lossesOfBest = (number: number) => lossesOf(itemAt(state.trials, number)!.values, goals)!;
  const isBeaten = state.best.some((number) => {
    const others = lossesOfBest(number);
    return dominates(others, losses) || (goals.length === 1 && others[0] === losses[0]);
  });
  if (isBeaten) return state.best;
  return [...state.best.filter((number) => !dominates(losses, lossesOfBest(number))), trial.number];
}

/** The trial of an event; undefined if it has ended or the event speaks of another attempt. */
function currentAttempt(state: SweepState, { trial, attempt }: { trial: number; attempt: number }): Trial | undefined {
  const found = itemAt(state.trials, trial);
  if (!found) {
    throw new SlipwayError(
      'sweep.unknownTrial',
      `Sweep ${state.spec.name} has no trial ${trial}.`,
      `It has started ${countItems(state.trials)}, counted from 0.`,
      404,
    );
  }
  return hasEnded(found) || found.attempt !== attempt ? undefined : found;
}

function withTrial(state: SweepState, trial: Trial): SweepState {
  return { ...state, trials: withItem(state.trials, trial.number, trial) };
}

function startCommand({ trials }: SweepState, { number, attempt, params, from }: Trial): SweepCommand {
  const other = from === null ? undefined : itemAt(trials, from);
  const parent = other && { trial: other.number, attempt: other.attempt };
  const resume = attempt > 0 ? { trial: number, attempt: attempt - 1 } : parent;
  const id = `start-${number}-${attempt}`;
  return { type: 'startTrial', id, trial: number, attempt, params, ...(resume ? { resume } : {}) };
}

function stopCommand({ number, attempt }: Trial, reason: string): SweepCommand {
  return { type: 'stopTrial', id: `stop-${number}-${attempt}`, trial: number, attempt, reason };
}
