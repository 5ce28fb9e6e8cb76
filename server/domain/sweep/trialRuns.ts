/**
 * A sweep of a project: prepares once what all trials share, then makes each trial a run. The decisions are those of
 * `sweep.ts`; this reducer turns its commands into runs, and the ends of runs into its events.
 */
import type { Float } from '../../protocol/entities.ts';
import { deletedReceipt } from '../lineage/deletion.ts';
import { type ReceiptDraft, type Reduction, type Send, send, unchanged } from '../reducer.ts';
import type { InputRef, RunSpec } from '../run/run.ts';
import { bestToKeep, noBest } from './best.ts';
import { eachItem, itemAt } from './pages.ts';
import { hasEnded, type SweepCommand, type SweepEvent, type SweepSpec, type SweepState, type Trial } from './state.ts';
import { reduceSweep } from './sweep.ts';

export interface TrialRunsState {
  id: string;
  project: string;
  /** Empty where trials run elsewhere. */
  folder: string;
  title: string;
  spec: SweepSpec;
  /** What every trial's run is made from; the trial's parameters come on top. Without it trials run elsewhere. */
  template?: RunSpec;
  parent?: { kind: string; id: string };
  status: 'preparing' | 'running' | 'ended';
  reason: string;
  /** Undefined while the shared inputs are being prepared. */
  sweep?: SweepState;
  createdAt: number;
  endedAt?: number;
  isDeleted?: true;
}

export type TrialRunsEvent = { at: number } & (
  | {
      type: 'created';
      id: string;
      project: string;
      folder: string;
      title: string;
      spec: SweepSpec;
      template?: RunSpec;
      parent?: { kind: string; id: string };
    }
  /** Somebody wants a trial that waits; the same ticket gets the same trial. */
  | { type: 'asked'; ticket: string }
  | ({ type: 'told'; trial: number } & Told)
  | { type: 'prepared'; dataset?: string; refs: InputRef[] }
  | { type: 'prepareFailed'; message: string; hint: string }
  | { type: 'runStarted'; run: string; trial: number }
  | { type: 'reported'; run: string; trial: number; attempt: number; step: number; values: Float[] }
  | {
      type: 'runEnded';
      run: string;
      trial: number;
      status: string;
      early: boolean;
      reason: string;
      objective: { value: Float } | { missing: string } | null;
      /** What else it wrote: several goals are read from here. */
      metrics?: Record<string, Float>;
    }
  | { type: 'paused' }
  | { type: 'resumed' }
  | { type: 'stopped' }
  | { type: 'extended'; trials: number }
  | { type: 'promoted'; trial: number; attempt: number }
  | { type: 'parallelChanged'; parallel: number }
  | { type: 'deleted'; dependents: string[] }
  | { type: 'commandFailed'; message: string }
);

/** What somebody who runs trials says of one: that it failed, its values on the way (with `step`) or its last ones. */
export type Told = { failed: true } | { values: Float[]; step?: number };

export type TrialRunsCommand = Send | { type: 'sweep.prepare' };
type Step = Reduction<TrialRunsState, TrialRunsCommand>;

export function reduceTrialRuns(state: TrialRunsState | undefined, event: TrialRunsEvent): Step {
  if (!state) {
    if (event.type !== 'created') throw new Error(`a sweep begins with created, not ${event.type}`);
    const { type: _, at, ...facts } = event;
    const created: TrialRunsState = { ...facts, status: 'preparing', reason: '', createdAt: at };
    if (!facts.template) return apply({ ...created, status: 'running' }, { type: 'created', spec: facts.spec }, at);
    return { state: created, commands: [{ type: 'sweep.prepare' }], receipts: [] };
  }
  if (event.type === 'deleted') return remove(state, event);
  if (state.status === 'ended') return takenUp(state, event);
  switch (event.type) {
    case 'created':
      return unchanged(state);
    case 'prepared': {
      if (state.sweep || !state.template) return unchanged(state);
      const template = { ...state.template, dataset: event.dataset, inputs: event.refs, resolve: false };
      return apply({ ...state, template, status: 'running' }, { type: 'created', spec: state.spec }, event.at);
    }
    case 'prepareFailed':
      if (state.sweep) return unchanged(state);
      return fail(state, [event.message, event.hint].filter(Boolean).join(' '), event.at);
    case 'commandFailed':
      if (state.sweep) return unchanged(state);
      return fail(state, event.message, event.at);
    case 'asked':
      return asked(state, event);
    case 'told':
      return told(state, event);
    case 'reported':
      return apply(state, { ...event, type: 'reported' }, event.at);
    case 'runStarted': {
      const { run, trial, at } = event;
      return apply(state, { type: 'trialStarted', trial, attempt: attemptOf(run), runId: run, at }, at);
    }
    case 'runEnded':
      return ended(state, event);
    case 'stopped':
      if (!state.sweep) return fail(state, 'Stopped before the first trial.', event.at);
      return apply(state, event, event.at);
    case 'extended':
      if (!state.sweep) return unchanged({ ...state, spec: { ...state.spec, trials: event.trials } });
      return apply(state, event, event.at);
    case 'parallelChanged':
      if (!state.sweep) return unchanged({ ...state, spec: { ...state.spec, parallel: event.parallel } });
      return apply(state, event, event.at);
    default:
      return state.sweep ? apply(state, event, event.at) : unchanged(state);
  }
}

/** Only a sweep that has ended can be deleted; the runs of its trials go with it. */
function remove(state: TrialRunsState, { at, dependents }: Extract<TrialRunsEvent, { type: 'deleted' }>): Step {
  if (state.status !== 'ended' || state.isDeleted) return unchanged(state);
  const runs = runsOf(state);
  const commands = runs.map((run) => send('run', run, { type: 'deleted', dependents }));
  const evidence = { trials: runs.length };
  const receipt = deletedReceipt({ subject: `sweep:${state.id}`, parts: [], dependents, at, evidence });
  return { state: { ...state, isDeleted: true }, commands, receipts: [receipt] };
}

/** The runs of all attempts at all trials. */
export function runsOf(state: TrialRunsState): string[] {
  return [...eachItem(state.sweep?.trials ?? [])].flatMap(({ number, attempt }) =>
    Array.from({ length: attempt + 1 }, (_, n) => trialRunId(state.id, number, n)),
  );
}

/** A sweep that has ended goes on when it gets more trials, or when one that was stopped early is promoted. */
function takenUp(state: TrialRunsState, event: TrialRunsEvent): Step {
  if (!state.sweep || state.isDeleted || (event.type !== 'extended' && event.type !== 'promoted'))
    return unchanged(state);
  const { endedAt: _, ...rest } = state;
  const step = apply({ ...rest, status: 'running', reason: '' }, event, event.at);
  return step.state.sweep === state.sweep ? unchanged(state) : step;
}

/** The run of one attempt at one trial. */
export function trialRunId(sweep: string, trial: number, attempt: number): string {
  return `${sweep}-t${trial}${attempt > 0 ? `-${attempt}` : ''}`;
}

/** The trial that was given for a ticket. */
export function trialOfTicket(state: TrialRunsState, ticket: string): Trial | undefined {
  const { trials = [] } = state.sweep ?? {};
  return [...eachItem(trials)].find(({ runId }) => runId === ticket);
}

function asked(state: TrialRunsState, { ticket, at }: Extract<TrialRunsEvent, { type: 'asked' }>): Step {
  const { sweep } = state;
  if (!sweep || state.template || trialOfTicket(state, ticket)) return unchanged(state);
  const waiting = sweep.active
    .map((number) => itemAt(sweep.trials, number)!)
    .find((one) => one.status === 'waiting' && !one.isHeld);
  if (!waiting) return unchanged(state);
  const { number: trial, attempt } = waiting;
  return apply(state, { type: 'trialStarted', trial, attempt, runId: ticket, at }, at);
}

/** A trial that is to stop is over at once: who runs it reads that in the answer. */
function told(state: TrialRunsState, event: Extract<TrialRunsEvent, { type: 'told' }>): Step {
  const { sweep } = state;
  const trial = sweep && itemAt(sweep.trials, event.trial);
  if (!trial || state.template || hasEnded(trial)) return unchanged(state);
  const about = { trial: trial.number, attempt: trial.attempt, at: event.at };
  if ('failed' in event) return apply(state, { type: 'trialEnded', ...about, outcome: 'failed' }, event.at);
  const { values, step, at } = event;
  if (step === undefined) return apply(state, { type: 'trialEnded', ...about, outcome: 'finished', values }, at);
  const reported = apply(state, { type: 'reported', ...about, step, values }, at);
  if (itemAt(reported.state.sweep!.trials, trial.number)!.status !== 'stopping') return reported;
  const over = apply(reported.state, { type: 'trialEnded', ...about, outcome: 'stopped' }, at);
  return { ...over, receipts: [...reported.receipts, ...over.receipts] };
}

function attemptOf(run: string): number {
  return Number(/-t\d+-(\d+)$/.exec(run)?.[1] ?? 0);
}

function ended(state: TrialRunsState, event: Extract<TrialRunsEvent, { type: 'runEnded' }>): Step {
  const { trial, objective, at } = event;
  const attempt = attemptOf(event.run);
  const base = { type: 'trialEnded', trial, attempt, at } as const;
  if (event.status === 'succeeded') {
    const { goals } = state.spec;
    const found = goals.length > 1 ? valuesOf(goals, event.metrics ?? {}) : single(objective);
    return apply(state, { ...base, outcome: 'finished', ...found }, at);
  }
  const outcome = event.status === 'stopped' || event.status === 'lost' ? event.status : 'failed';
  return apply(state, { ...base, outcome, reason: event.reason }, at);
}

type Found = { values: Float[] } | { reason: string };

function single(objective: Extract<TrialRunsEvent, { type: 'runEnded' }>['objective']): Found {
  if (objective && 'value' in objective) return { values: [objective.value] };
  return { reason: objective?.missing ?? 'It reported no objective.' };
}

function valuesOf(goals: SweepSpec['goals'], metrics: Record<string, Float>): Found {
  const missing = goals.filter(({ metric }) => metrics[metric] === undefined).map(({ metric }) => metric);
  if (missing.length === 0) return { values: goals.map(({ metric }) => metrics[metric]!) };
  const wrote = Object.keys(metrics).slice(0, 12).join(', ');
  return { reason: `It wrote no ${missing.join(', ')}; it wrote: ${wrote || 'no metrics at all'}.` };
}

function apply(state: TrialRunsState, event: SweepEvent, at: number): Step {
  const { state: sweep, commands, receipts } = reduceSweep(state.sweep, event);
  const next: TrialRunsState = sweep === state.sweep ? state : { ...state, sweep };
  const { template } = next;
  const sends = template ? commands.map((command) => asSend(next, template, command)) : [];
  if (sweep.status !== 'ended') return { state: next, commands: sends, receipts: withInputs(next, receipts) };
  const over: TrialRunsState = { ...next, status: 'ended', endedAt: at };
  return { state: over, commands: [...sends, ...tellParent(over)], receipts: withInputs(over, receipts) };
}

function asSend(state: TrialRunsState, template: RunSpec, command: SweepCommand): Send {
  const run = trialRunId(state.id, command.trial, command.attempt);
  if (command.type === 'stopTrial')
    return send('run', run, { type: 'stopRequested', reason: command.reason, early: true });
  const spec: RunSpec = {
    ...template,
    id: run,
    kind: 'trial',
    title: `${state.title} #${command.trial}`,
    params: { ...template.params, ...command.params },
    resume: command.resume ? trialRunId(state.id, command.resume.trial, command.resume.attempt) : template.resume,
    retries: 0,
    sweep: state.id,
    trial: command.trial,
    parent: { kind: 'sweep', id: state.id },
  };
  return send('run', run, { type: 'created', spec });
}

function fail(state: TrialRunsState, reason: string, at: number): Step {
  const failed: TrialRunsState = { ...state, status: 'ended', reason, endedAt: at };
  return { state: failed, commands: tellParent(failed), receipts: [] };
}

function tellParent(state: TrialRunsState): Send[] {
  if (!state.parent) return [];
  const trial = state.sweep && bestToKeep(state.sweep);
  const best = trial && {
    trial: trial.number,
    run: trialRunId(state.id, trial.number, trial.attempt),
    value: trial.values?.[0] ?? null,
  };
  const status = best ? 'finished' : 'failed';
  const reason = state.reason || (best ? '' : noBest(state.sweep));
  return [
    send(state.parent.kind, state.parent.id, {
      type: 'sweepEnded',
      sweep: state.id,
      status,
      reason,
      best: best ?? null,
    }),
  ];
}

/** The sweep's receipt names what its trials read. */
function withInputs(state: TrialRunsState, receipts: ReceiptDraft[]): ReceiptDraft[] {
  const inputs = state.template?.inputs ?? [];
  const named = inputs.map(({ subject, md5, sha256 }) => ({ name: subject, digest: { md5, sha256 } }));
  return receipts.map((receipt) => ({
    ...receipt,
    subject: { name: `sweep:${state.id}` },
    inputs: [...receipt.inputs, ...named],
  }));
}
