/**
 * A release: one rollout and everything around it. It has the revision deployed, passes the weights on to the
 * endpoint, moves the alias `production` when the rollout has completed, and tells who asked for it. The decisions
 * are those of `rollout.ts`.
 */
import type { Rollout } from '../../protocol/entities.ts';
import type { Serve } from '../../protocol/slipwayFile.ts';
import type { ServePlan } from '../endpoint/endpoint.ts';
import { type Digests, type ReceiptDraft, type Reduction, type Send, send, unchanged } from '../reducer.ts';
import { type Evidence, evidenceOf, type Judgement } from './analysis.ts';
import {
  isEnded,
  type RolloutCommand,
  type RolloutEvent,
  type RolloutSpec,
  type RolloutState,
  reduceRollout,
} from './rollout.ts';

type StepView = Rollout['steps'][number];

export interface ReleaseState {
  id: string;
  project: string;
  /** The model version's number. */
  version: number;
  digests: Digests;
  parent?: { kind: string; id: string };
  rollout: RolloutState;
  /** What each step came to, for people. */
  steps: StepView[];
}

export type ReleaseEvent = { at: number } & (
  | {
      type: 'created';
      project: string;
      version: number;
      digests: Digests;
      parent?: { kind: string; id: string };
      spec: RolloutSpec;
      plan: ServePlan;
      access: Serve['access'];
    }
  | Exclude<RolloutEvent, { type: 'created' }>
);

type Step = Reduction<ReleaseState, Send>;

export function reduceRelease(state: ReleaseState | undefined, event: ReleaseEvent): Step {
  if (event.type === 'created') return state ? unchanged(state) : create(event);
  if (!state) throw new Error(`a rollout begins with created, not ${event.type}`);
  const { state: rollout, commands, receipts } = reduceRollout(state.rollout, event);
  if (rollout === null || rollout === state.rollout) return unchanged(state);
  const next: ReleaseState = { ...state, rollout, steps: stepViews(state, rollout, receipts, event.at) };
  return { state: next, commands: commands.flatMap((command) => carry(next, command)), receipts };
}

function create(event: Extract<ReleaseEvent, { type: 'created' }>): Step {
  const { at, project, version, digests, parent, spec, plan, access } = event;
  const rollout = reduceRollout(null, { type: 'created', at, rollout: spec }).state!;
  const steps = rollout.steps.map((weight): StepView => ({ weight, status: 'waiting', reason: '' }));
  const state: ReleaseState = { id: spec.id, project, version, digests, parent, rollout, steps };
  const deploy = send('endpoint', spec.endpoint, {
    type: 'deploy',
    name: spec.endpoint,
    project,
    model: spec.model,
    access,
    revision: spec.to,
    modelVersion: `${spec.model}@v${version}`,
    plan,
    rollout: spec.id,
  });
  return { state, commands: [deploy], receipts: [] };
}

function carry(state: ReleaseState, command: RolloutCommand): Send[] {
  const { endpoint, model } = state.rollout;
  switch (command.type) {
    case 'setWeights':
      return [send('endpoint', endpoint, { type: 'weights', weights: command.weights })];
    case 'retire':
      return [send('endpoint', endpoint, { type: 'retire', revision: command.revision })];
    case 'finish': {
      const commands = [send('endpoint', endpoint, { type: 'rolloutOver', rollout: state.id })];
      if (command.status === 'completed') {
        const why = `rollout ${state.id} completed: ${state.rollout.reason}`;
        commands.push(send('model', model, { type: 'setAlias', alias: 'production', version: state.version, why }));
      }
      if (state.parent) {
        const { reason } = state.rollout;
        const news = { type: 'rolloutEnded', rollout: state.id, status: command.status, reason };
        commands.push(send(state.parent.kind, state.parent.id, news));
      }
      return commands;
    }
  }
}

/** The steps as people see them: one that is over keeps the numbers that its receipt has. */
function stepViews(state: ReleaseState, rollout: RolloutState, receipts: ReceiptDraft[], at: number): StepView[] {
  const current = state.rollout.stepIndex;
  const passed = receipts.find((receipt) => receipt.kind === 'rollout.stepped');
  const isOver = isEnded(rollout);
  return state.steps.map((step, index): StepView => {
    if (step.status === 'passed' || step.status === 'failed') return step;
    if (index === current && passed) {
      const { judgement } = passed.evidence as { judgement: Judgement };
      return {
        ...step,
        ...judged(judgement),
        ...labelsOf(rollout),
        status: 'passed',
        endedAt: at,
        reason: judgement.reason,
      };
    }
    if (isOver && rollout.status === 'completed')
      return { ...step, status: 'passed', endedAt: at, reason: rollout.reason };
    if (isOver && index === Math.max(current, 0)) {
      return { ...step, ...figures(rollout), status: 'failed', endedAt: at, reason: rollout.reason };
    }
    if (isOver || index !== rollout.stepIndex) return step;
    return {
      ...step,
      ...figures(rollout),
      status: 'running',
      startedAt: rollout.stepStartedAt,
      reason: rollout.reason,
    };
  });
}

function judged({ canary, stable }: { canary: Evidence; stable: Evidence | null }): Partial<StepView> {
  const { requests, errorRate, p95Ms, p95IntervalMs } = canary;
  return { requests, errorRate, p95Ms, p95IntervalMs, stableP95Ms: stable?.p95Ms ?? null };
}

function figures(rollout: RolloutState): Partial<StepView> {
  const evidence = { canary: evidenceOf(rollout.canary), stable: evidenceOf(rollout.stable) };
  return { ...judged(evidence), needed: rollout.analysis.minRequests, ...labelsOf(rollout) };
}

function labelsOf({ analysis, quality }: RolloutState): Partial<StepView> {
  if (analysis.maxQualityDrop === null) return {};
  const { canary, stable } = quality;
  return {
    quality: {
      ...{ labels: canary.labels, wrong: canary.wrong },
      ...{ stableLabels: stable.labels, stableWrong: stable.wrong },
    },
  };
}
