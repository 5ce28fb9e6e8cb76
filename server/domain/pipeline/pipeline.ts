/**
 * A pipeline drives one project through the loop: dataset, split, stages, train or sweep, validate, model, rollout.
 * Each step is asked for as "make sure of it", so that what is there already is used and said to be cached.
 */
import type { Float, Pipeline } from '../../protocol/entities.ts';
import { type Reduction, type Send, send, unchanged } from '../reducer.ts';
import type { InputRef } from '../run/run.ts';

type Step = Pipeline['steps'][number];

export interface PipelineState {
  id: string;
  project: string;
  folder: string;
  /** Captured when it began: the same code for all its steps. */
  code: { md5: string; sha256: string; commit?: string; changed?: boolean };
  status: Pipeline['status'];
  reason: string;
  steps: Step[];
  /** The retraining it carries out: its training gets the samples, its end is told to the monitor. */
  retraining?: Retraining;
  /** Whether the project has a sweep to fall back on when the gates fail. */
  canSweep: boolean;
  createdAt: number;
  endedAt?: number;
}

/** What an alarm of drift started. */
export interface Retraining {
  endpoint: string;
  id: string;
  /** Those of the version in production. */
  params: Record<string, string | number | boolean>;
  /** The samples of the window that had drifted. */
  inputs: InputRef[];
}

export type PipelineEvent = { at: number } & (
  | {
      type: 'created';
      id: string;
      project: string;
      folder: string;
      code: PipelineState['code'];
      steps: string[];
      canSweep: boolean;
      retraining?: Retraining;
    }
  | { type: 'stepStarted'; step: string; subject: string; detail: string }
  | { type: 'stepDone'; step: string; detail: string; subject?: string; cached?: boolean }
  | { type: 'stepFailed'; step: string; message: string }
  | {
      type: 'runEnded';
      run: string;
      status: string;
      reason: string;
      metric: string | null;
      objective: { value: Float } | { missing: string } | null;
    }
  | {
      type: 'sweepEnded';
      sweep: string;
      status: string;
      reason: string;
      best: { run: string; trial: number; value: Float | null } | null;
    }
  | { type: 'validationDecided'; validation: string; decision: 'serve' | 'retrain'; how: string[]; reason: string }
  | { type: 'validationFailed'; validation: string; reason: string }
  | { type: 'modelRegistered'; model: string; run: string }
  | { type: 'rolloutEnded'; rollout: string; status: string; reason: string }
  | { type: 'commandFailed'; command: string; message: string }
);

export type PipelineCommand = Send | { type: 'pipeline.step'; step: string };

export function reducePipeline(
  state: PipelineState | undefined,
  event: PipelineEvent,
): Reduction<PipelineState, PipelineCommand> {
  if (!state) {
    if (event.type !== 'created') throw new Error(`a pipeline begins with created, not ${event.type}`);
    const { id, project, folder, code, canSweep, retraining, at } = event;
    const steps = event.steps.map((step): Step => ({ id: step, status: 'waiting', detail: '' }));
    const state = { id, project, folder, code, canSweep, retraining, steps, reason: '', createdAt: at };
    return advance({ ...state, status: 'running' }, at);
  }
  const current = state.steps.find((step) => step.status === 'running');
  if (!current) return unchanged(state);
  const done = (detail: string, more: Partial<Step> = {}) =>
    advance(withStep(state, current.id, { status: 'done', detail, endedAt: event.at, ...more }), event.at);
  switch (event.type) {
    case 'created':
      return unchanged(state);
    case 'stepStarted':
      if (event.step !== current.id) return unchanged(state);
      return {
        state: withStep(state, current.id, { subject: event.subject, detail: event.detail }),
        commands: [],
        receipts: [],
      };
    case 'stepDone':
      if (event.step !== current.id) return unchanged(state);
      return done(event.detail, {
        subject: event.subject ?? current.subject,
        status: event.cached ? 'cached' : 'done',
      });
    case 'stepFailed':
      return event.step === current.id ? fail(state, current, event.message, event.at) : unchanged(state);
    case 'runEnded':
      if (event.run !== current.subject) return unchanged(state);
      if (event.status !== 'succeeded') return fail(state, current, `${event.status}: ${event.reason}`, event.at);
      return done(
        event.objective && 'value' in event.objective ? `${event.metric} ${short(event.objective.value)}` : '',
      );
    case 'sweepEnded':
      if (event.sweep !== current.subject) return unchanged(state);
      if (!event.best) return fail(state, current, event.reason || 'No trial gave a value.', event.at);
      return done(`best: trial ${event.best.trial}, ${short(event.best.value)}`);
    case 'validationDecided':
      if (event.validation !== current.subject) return unchanged(state);
      if (event.decision === 'serve') return done(event.reason);
      return retrain(state, current, event);
    case 'validationFailed':
      return event.validation === current.subject ? fail(state, current, event.reason, event.at) : unchanged(state);
    case 'modelRegistered':
      return baseId(current.id) === 'model' ? done(event.model, { subject: event.model }) : unchanged(state);
    case 'rolloutEnded':
      if (event.rollout !== current.subject) return unchanged(state);
      return event.status === 'completed' ? done(event.reason) : fail(state, current, event.reason, event.at);
    case 'commandFailed':
      return fail(state, current, event.message, event.at);
  }
}

function short(value: Float | null): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(4))) : String(value);
}

/** `validate#2` → `validate`: the second round of a step. */
export function baseId(step: string): string {
  return step.split('#')[0]!;
}

function withStep(state: PipelineState, id: string, change: Partial<Step>): PipelineState {
  return { ...state, steps: state.steps.map((step) => (step.id === id ? { ...step, ...change } : step)) };
}

function advance(state: PipelineState, at: number): Reduction<PipelineState, PipelineCommand> {
  const following = state.steps.find((step) => step.status === 'waiting');
  if (!following) return end({ ...state, status: 'succeeded', endedAt: at }, at);
  const started = withStep(state, following.id, { status: 'running', startedAt: at });
  return { state: started, commands: [{ type: 'pipeline.step', step: following.id }], receipts: [] };
}

function fail(
  state: PipelineState,
  step: Step,
  message: string,
  at: number,
): Reduction<PipelineState, PipelineCommand> {
  const failed = withStep(state, step.id, { status: 'failed', detail: message, endedAt: at });
  const steps = failed.steps.map((one): Step => (one.status === 'waiting' ? { ...one, status: 'skipped' } : one));
  const reason = `${step.id}: ${message}`;
  return end({ ...failed, steps, status: 'failed', reason, endedAt: at }, at);
}

function end(state: PipelineState, at: number): Reduction<PipelineState, PipelineCommand> {
  const { retraining, status, steps } = state;
  if (!retraining) return { state, commands: [], receipts: [] };
  // A canary takes its time from the traffic, not from the budget.
  const spent = steps.filter(({ id, startedAt }) => baseId(id) !== 'rollout' && startedAt !== undefined);
  const spentMs = spent.reduce((sum, step) => sum + ((step.endedAt ?? at) - step.startedAt!), 0);
  const news = { type: 'retrainEnded', id: retraining.id, status, spentMs };
  return { state, commands: [send('monitor', retraining.endpoint, news)], receipts: [] };
}

/** The gates failed: a sweep once, if that is how and there is one; else a person decides. */
function retrain(
  state: PipelineState,
  current: Step,
  event: Extract<PipelineEvent, { type: 'validationDecided' }>,
): Reduction<PipelineState, PipelineCommand> {
  const firstRound = !state.steps.some((step) => step.id === 'sweep');
  if (!(firstRound && event.how.includes('sweep') && state.canSweep)) {
    return fail(state, current, `${event.reason} Retrain with: ${event.how.join(', ')}.`, event.at);
  }
  const judged = withStep(state, current.id, {
    status: 'done',
    detail: `retrain by sweep: ${event.reason}`,
    endedAt: event.at,
  });
  const after = judged.steps.slice(judged.steps.findIndex((step) => step.id === current.id) + 1);
  const again = ['sweep', 'validate#2', ...after.map((step) => step.id)];
  const before = judged.steps.filter((step) => step.status !== 'waiting');
  const steps = [...before, ...again.map((id): Step => ({ id, status: 'waiting', detail: '' }))];
  return advance({ ...judged, steps }, event.at);
}
