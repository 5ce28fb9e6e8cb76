/**
 * The life of a rollout: a new revision gets its share of an endpoint's traffic step by step, is judged at each, and
 * goes on, waits or is taken back. A reducer: production, the simulator and the tests run the same function; a log
 * of its events, replayed, gives the same decisions. `analysis.ts` judges, `counters.ts` says what is counted.
 */
import { type ReceiptDraft, type Reduction, unchanged } from '../reducer.ts';
import { type AnalysisRules, evidenceOf, type Judgement, judge, type Quality } from './analysis.ts';
import { add, type Counters, type Labelled, noCounters, since } from './counters.ts';

export interface RolloutSpec {
  id: string;
  endpoint: string;
  /** The model whose version is rolled out. */
  model: string;
  /** The revision that serves now; null for the first one of an endpoint. */
  from: string | null;
  to: string;
  /** Percentages of the traffic for `to`, ascending; the last is 100. */
  steps: number[];
  analysis: AnalysisRules;
  /** Somebody asked for all of the traffic at once, for this reason: nothing is judged. */
  atOnce?: string;
  /** What the receipts name as inputs: the model version and the decision that let it out. */
  inputs: ReceiptDraft['inputs'];
}

export type RolloutStatus =
  | 'waitingReady'
  | 'stepping'
  | 'paused'
  | 'promoting'
  | 'completed'
  | 'rolledBack'
  | 'aborted'
  | 'superseded';

export interface RolloutState extends RolloutSpec {
  /** `promoting` is the last step: all of the traffic is on `to`, and `from` is kept until that has passed, too. */
  status: RolloutStatus;
  /** Why it stands as it does, for people. */
  reason: string;
  /** What resuming goes back to. */
  pausedFrom: 'waitingReady' | 'stepping' | 'promoting' | null;
  pausedAt: number | null;
  /** Whether the replicas of `to` became ready. */
  isReady: boolean;
  /** -1 until the first step begins. */
  stepIndex: number;
  /** The share of `to` now, in percent. */
  weight: number;
  /** When the step began, ms since the epoch; moved on by the time it was paused. */
  stepStartedAt: number;
  /** What each revision did in this step. */
  canary: Counters;
  stable: Counters;
  /** What the labels said since the rollout began. */
  quality: Quality;
  /** The latest reading of each gateway, from which the next is counted. */
  readings: Record<string, { at: number; revisions: Record<string, Counters> }>;
  createdAt: number;
  endedAt: number | null;
}

export type RolloutEvent =
  | { type: 'created'; at: number; rollout: RolloutSpec }
  /** The replicas of `to` are ready. */
  | { type: 'ready'; at: number }
  /** The replicas of `to` never became ready, or have died. */
  | { type: 'failed'; at: number; reason: string }
  /** A reading of one gateway: counters since it started. Without a change it also serves as a clock. */
  | {
      type: 'observed';
      at: number;
      instance: string;
      gatewayStartedAt: number;
      revisions: Record<string, Counters>;
    }
  /** True labels came back: the sums by revision since the rollout began. */
  | { type: 'labelled'; at: number; revisions: Record<string, Labelled> }
  /** Time has passed; see {@link deadline}. */
  | { type: 'clock'; at: number }
  /** What a person asks for; `by` is the pseudonymous id of who. */
  | { type: 'paused'; at: number; by?: string }
  | { type: 'resumed'; at: number; by?: string }
  /** All traffic goes to `to` at once. */
  | { type: 'promoted'; at: number; by?: string }
  | { type: 'aborted'; at: number; by?: string }
  | { type: 'rollbackRequested'; at: number; by?: string }
  /** Another rollout of the endpoint takes over. */
  | { type: 'superseded'; at: number };

export type RolloutCommand =
  /** Percentages by revision; they sum to 100. */
  | { type: 'setWeights'; endpoint: string; weights: Record<string, number> }
  /** The revision gets no traffic any more: drain and remove its replicas. */
  | { type: 'retire'; revision: string }
  | { type: 'finish'; rollout: string; status: RolloutStatus };

type Step = Reduction<RolloutState | null, RolloutCommand>;
export type RolloutStep = Step;

/** Gateways that are gone stay among the readings; with more than these the longest unseen is forgotten. */
const KEPT_READINGS = 16;

/** The next state of a rollout, what to do for it and what to record. Events of an ended rollout change nothing. */
export function reduceRollout(state: RolloutState | null, event: RolloutEvent): Step {
  if (state === null) return event.type === 'created' ? unchanged(created(event.rollout, event.at)) : unchanged(null);
  if (isEnded(state)) return unchanged(state);
  switch (event.type) {
    case 'created':
      return unchanged(state);
    case 'ready':
      if (state.isReady) return unchanged(state);
      if (state.status === 'paused') return unchanged({ ...state, isReady: true });
      return begin({ ...state, isReady: true }, event.at);
    case 'failed':
      return takeBack(state, event.at, 'rolledBack', event.reason);
    case 'observed':
      return decide(observed(state, event), event.at);
    case 'labelled':
      return decide(labelled(state, event), event.at);
    case 'clock':
      return decide(state, event.at);
    case 'paused':
      return unchanged(pause(state, event.at, byHand('Paused', event.by)));
    case 'resumed':
      return resume(state, event.at, byHand('Resumed', event.by));
    case 'promoted':
      return complete(state, event.at, byHand('Promoted', event.by));
    case 'aborted':
      return takeBack(state, event.at, 'aborted', byHand('Aborted', event.by));
    case 'superseded':
      return takeBack(state, event.at, 'superseded', 'Another rollout of the endpoint took over.');
    case 'rollbackRequested':
      return takeBack(state, event.at, 'rolledBack', byHand('Rolled back', event.by));
  }
}

/** The reason of what a person asked for. */
export function byHand(what: string, by: string | undefined): string {
  return by === undefined ? `${what} by hand.` : `${what} by hand, by ${by}.`;
}

/** When a `clock` event is due at the latest, ms since the epoch; null while nothing waits for time. */
export function deadline(state: RolloutState): number | null {
  const isStepRunning = state.status === 'stepping' || state.status === 'promoting';
  return isStepRunning ? state.stepStartedAt + state.analysis.maxWaitMs : null;
}

/** Whether nothing can change any more. */
export function isEnded({ status }: RolloutState): boolean {
  return status === 'completed' || status === 'rolledBack' || status === 'aborted' || status === 'superseded';
}

function created(spec: RolloutSpec, at: number): RolloutState {
  const steps = [...new Set(spec.steps)].filter((step) => step > 0 && step < 100).sort((a, b) => a - b);
  return {
    ...spec,
    steps: [...steps, 100],
    status: 'waitingReady',
    reason: `Waiting until the replicas of ${spec.to} are ready.`,
    pausedFrom: null,
    pausedAt: null,
    isReady: false,
    stepIndex: -1,
    weight: 0,
    stepStartedAt: at,
    canary: noCounters(),
    stable: noCounters(),
    quality: { canary: { labels: 0, wrong: 0 }, stable: { labels: 0, wrong: 0 } },
    readings: {},
    createdAt: at,
    endedAt: null,
  };
}

/** The new revision is ready: the first one of an endpoint, or one wanted at once, gets everything, any other its first step. */
function begin(state: RolloutState, at: number): Step {
  if (state.from === null) return complete(state, at, `${state.to} is the endpoint's first revision.`);
  if (state.atOnce !== undefined) return complete(state, at, state.atOnce);
  return enterStep(state, 0, at);
}

function enterStep(state: RolloutState, stepIndex: number, at: number): Step {
  const weight = state.steps[stepIndex]!;
  const next: RolloutState = {
    ...state,
    status: weight === 100 ? 'promoting' : 'stepping',
    reason: `${state.to} gets ${weight} % of the traffic.`,
    stepIndex,
    weight,
    stepStartedAt: at,
    canary: noCounters(),
    stable: noCounters(),
  };
  return { state: next, commands: [setWeights(next)], receipts: [] };
}

/** Adds what a gateway counted since its reading before. */
function observed(state: RolloutState, event: Extract<RolloutEvent, { type: 'observed' }>): RolloutState {
  const before = state.readings[event.instance];
  const fresh = (revision: string): Counters => {
    const reading = event.revisions[revision];
    if (reading === undefined) return noCounters();
    const earlier = before?.revisions[revision];
    if (earlier !== undefined) return since(earlier, reading);
    // A gateway seen for the first time: all of it is new if that gateway, or its view of the revision, is.
    return before !== undefined || event.gatewayStartedAt >= state.stepStartedAt ? reading : noCounters();
  };
  const revisions: Record<string, Counters> = {};
  for (const revision of [state.from, state.to]) {
    const reading = revision === null ? undefined : event.revisions[revision];
    if (revision !== null && reading !== undefined) revisions[revision] = reading;
  }
  const readings = { ...state.readings, [event.instance]: { at: event.at, revisions } };
  const instances = Object.keys(readings).sort((a, b) => readings[b]!.at - readings[a]!.at);
  for (const instance of instances.slice(KEPT_READINGS)) delete readings[instance];
  return {
    ...state,
    readings,
    canary: add(state.canary, fresh(state.to)),
    stable: state.from === null ? state.stable : add(state.stable, fresh(state.from)),
  };
}

function labelled(state: RolloutState, event: Extract<RolloutEvent, { type: 'labelled' }>): RolloutState {
  const sum = (revision: string | null, before: Labelled) => {
    return (revision === null ? undefined : event.revisions[revision]) ?? before;
  };
  const { canary, stable } = state.quality;
  return { ...state, quality: { canary: sum(state.to, canary), stable: sum(state.from, stable) } };
}

/** Judges the step that is running; one that is paused can still fail, but not pass. */
function decide(state: RolloutState, at: number): Step {
  const isPaused = state.status === 'paused';
  if (state.stepIndex < 0 || (isPaused && state.pausedFrom === 'waitingReady')) return unchanged(state);
  const stable = state.weight === 100 || state.from === null ? null : state.stable;
  const quality = state.from === null ? null : state.quality;
  const judgement = judge(state.canary, stable, state.analysis, state.steps.length, quality);
  if (judgement.verdict === 'failed') return takeBack(state, at, 'rolledBack', judgement.reason, judgement);
  if (isPaused) return unchanged(state);
  if (judgement.verdict === 'passed') return pass(state, at, judgement);
  const { maxWaitMs, onInconclusive } = state.analysis;
  if (at < state.stepStartedAt + maxWaitMs) return unchanged({ ...state, reason: judgement.reason });
  if (onInconclusive === 'pass') return pass(state, at, judgement);
  return unchanged(
    pause(state, at, `Undecided after ${maxWaitMs / 1000} s, somebody has to decide: ${judgement.reason}`),
  );
}

function pass(state: RolloutState, at: number, judgement: Judgement): Step {
  const receipt: ReceiptDraft = {
    kind: 'rollout.stepped',
    subject: { name: subjectOf(state) },
    inputs: state.inputs,
    decision: judgement.verdict === 'passed' ? 'passed' : 'passed without enough evidence',
    evidence: { ...stepEvidence(state, at), judgement },
  };
  const isLast = state.stepIndex === state.steps.length - 1;
  const next = isLast ? complete(state, at, judgement.reason) : enterStep(state, state.stepIndex + 1, at);
  return { ...next, receipts: [receipt, ...next.receipts] };
}

function complete(state: RolloutState, at: number, reason: string): Step {
  const next: RolloutState = { ...ended(state, at, 'completed', reason), weight: 100 };
  const commands: RolloutCommand[] = state.weight === 100 ? [] : [setWeights(next)];
  if (state.from !== null) commands.push({ type: 'retire', revision: state.from });
  commands.push({ type: 'finish', rollout: state.id, status: 'completed' });
  return { state: next, commands, receipts: [endReceipt(state, next, null)] };
}

/** Ends a rollout with all of the traffic where it was before. */
function takeBack(
  state: RolloutState,
  at: number,
  status: 'rolledBack' | 'aborted' | 'superseded',
  reason: string,
  judgement: Judgement | null = null,
): Step {
  const next: RolloutState = { ...ended(state, at, status, reason), weight: 0 };
  const commands: RolloutCommand[] = state.from === null ? [] : [setWeights(next)];
  commands.push({ type: 'retire', revision: state.to }, { type: 'finish', rollout: state.id, status });
  return { state: next, commands, receipts: [endReceipt(state, next, judgement)] };
}

function ended(state: RolloutState, at: number, status: RolloutStatus, reason: string): RolloutState {
  return { ...state, status, reason, pausedFrom: null, pausedAt: null, endedAt: at };
}

function pause(state: RolloutState, at: number, reason: string): RolloutState {
  const { status } = state;
  if (status !== 'waitingReady' && status !== 'stepping' && status !== 'promoting') return state;
  return { ...state, status: 'paused', reason, pausedFrom: status, pausedAt: at };
}

function resume(state: RolloutState, at: number, reason: string): Step {
  if (state.pausedFrom === null) return unchanged(state);
  // A step that was left undecided for too long gets its whole time again; any other only the time it was paused.
  const isTimeUp = state.pausedAt! >= state.stepStartedAt + state.analysis.maxWaitMs;
  const next: RolloutState = {
    ...state,
    status: state.pausedFrom,
    reason,
    pausedFrom: null,
    pausedAt: null,
    stepStartedAt: isTimeUp ? at : state.stepStartedAt + (at - state.pausedAt!),
  };
  return next.status === 'waitingReady' && next.isReady ? begin(next, at) : unchanged(next);
}

function setWeights({ endpoint, from, to, weight }: RolloutState): RolloutCommand {
  const weights: Record<string, number> = from === null ? { [to]: 100 } : { [from]: 100 - weight, [to]: weight };
  return { type: 'setWeights', endpoint, weights };
}

function endReceipt(before: RolloutState, after: RolloutState, judgement: Judgement | null): ReceiptDraft {
  return {
    kind: 'rollout.ended',
    subject: { name: subjectOf(before) },
    inputs: before.inputs,
    decision: `${after.status}: ${after.reason}`,
    evidence: { ...stepEvidence(before, after.endedAt!), ...(judgement === null ? {} : { judgement }) },
  };
}

/** What is known of the step at its end, with the interval it rests on. */
function stepEvidence(state: RolloutState, at: number): Record<string, unknown> {
  const { id, endpoint, model, from, to, stepIndex, steps, weight } = state;
  return {
    rollout: { id, endpoint, model, from, to },
    step: stepIndex < 0 ? null : { index: stepIndex, of: steps.length, weight },
    interval: { from: state.stepStartedAt, to: at },
    canary: evidenceOf(state.canary),
    stable: from === null ? null : evidenceOf(state.stable),
    ...(state.analysis.maxQualityDrop === null ? {} : { quality: state.quality }),
  };
}

function subjectOf({ endpoint, id }: RolloutState): string {
  return `rollout:${endpoint}/${id}`;
}
