/** A validation: runs the validate step on a run's model, judges the gates, decides to serve or to retrain. */
import type { Float, Validation } from '../../protocol/entities.ts';
import type { Gate, Validate } from '../../protocol/slipwayFile.ts';
import { type Reduction, type Send, send, unchanged } from '../reducer.ts';
import type { RunSpec } from '../run/run.ts';
import { judgeGates, type Verdict } from './gates.ts';
import { sha256OfJson } from './receipt.ts';

/** The model that is judged: the `model` output of a run. */
export interface Candidate {
  run: string;
  name: string;
  digests: { md5: string; sha256: string };
  files: number;
  bytes: number;
  params: Record<string, string | number | boolean>;
  metrics: Record<string, Float>;
  dataset?: string;
  folder: string;
}

export interface ValidationState {
  id: string;
  project: string;
  candidate: Candidate;
  gates: Gate[];
  otherwise: Validate['otherwise'];
  register: boolean;
  validateRun: string;
  parent?: { kind: string; id: string };
  production?: { model: string; metrics: Record<string, Float> };
  status: Validation['status'];
  reason: string;
  metrics: Record<string, Float>;
  verdict?: Verdict;
  createdAt: number;
  decidedAt?: number;
}

export type ValidationEvent = { at: number } & (
  | {
      type: 'created';
      id: string;
      project: string;
      candidate: Candidate;
      gates: Gate[];
      otherwise: Validate['otherwise'];
      register: boolean;
      run: RunSpec;
      parent?: { kind: string; id: string };
      production?: { model: string; metrics: Record<string, Float> };
    }
  | { type: 'runEnded'; run: string; status: string; reason: string; metrics: Record<string, Float> }
  | { type: 'modelRegistered'; model: string; run: string }
);

export function reduceValidation(
  state: ValidationState | undefined,
  event: ValidationEvent,
): Reduction<ValidationState, Send> {
  if (!state) {
    if (event.type !== 'created') throw new Error(`a validation begins with created, not ${event.type}`);
    const { type: _, at, run, ...facts } = event;
    const created: ValidationState = {
      ...facts,
      validateRun: run.id,
      status: 'running',
      reason: '',
      metrics: {},
      createdAt: at,
    };
    const spec: RunSpec = { ...run, parent: { kind: 'validation', id: event.id } };
    return { state: created, commands: [send('run', run.id, { type: 'created', spec })], receipts: [] };
  }
  switch (event.type) {
    case 'created':
      return unchanged(state);
    case 'modelRegistered':
      return {
        state,
        commands: tell(state, { type: 'modelRegistered', model: event.model, run: event.run }),
        receipts: [],
      };
    case 'runEnded':
      if (state.status !== 'running' || event.run !== state.validateRun) return unchanged(state);
      return event.status === 'succeeded'
        ? decide(state, event.metrics, event.at)
        : fail(state, event.reason, event.at);
  }
}

function fail(state: ValidationState, reason: string, at: number): Reduction<ValidationState, Send> {
  const failed: ValidationState = {
    ...state,
    status: 'failed',
    reason: `The validate step failed: ${reason}`,
    decidedAt: at,
  };
  return {
    state: failed,
    commands: tell(failed, { type: 'validationFailed', validation: state.id, reason: failed.reason }),
    receipts: [],
  };
}

function decide(state: ValidationState, metrics: Record<string, Float>, at: number): Reduction<ValidationState, Send> {
  const verdict = judgeGates(state.gates, state.otherwise, metrics, state.production?.metrics);
  const decided: ValidationState = {
    ...state,
    status: 'decided',
    verdict,
    metrics,
    reason: verdict.reason,
    decidedAt: at,
  };
  const { candidate } = state;
  const evidence = {
    run: candidate.run,
    validateRun: state.validateRun,
    metrics,
    gates: verdict.gates.map((result) => ({ ...result, gate: { ...result.gate } })),
    production: state.production?.model ?? null,
    how: verdict.how,
  };
  const sha256 = sha256OfJson(evidence);
  const commands = tell(decided, {
    type: 'validationDecided',
    validation: state.id,
    decision: verdict.decision,
    how: verdict.how,
    reason: verdict.reason,
  });
  if (verdict.decision === 'serve' && state.register) {
    commands.push(
      send('model', candidate.name, {
        type: 'register',
        name: candidate.name,
        project: state.project,
        run: candidate.run,
        dataset: candidate.dataset,
        digests: candidate.digests,
        files: candidate.files,
        bytes: candidate.bytes,
        params: candidate.params,
        metrics: { ...candidate.metrics, ...metrics },
        validation: { id: state.id, sha256 },
        gatesPassed: true,
        folder: candidate.folder,
        notify: { kind: 'validation', id: state.id },
      }),
    );
  }
  return {
    state: decided,
    commands,
    receipts: [
      {
        kind: 'validation.decided',
        subject: { name: `validation:${state.id}`, digest: { sha256 } },
        inputs: [{ name: `output:${candidate.run}/model`, digest: candidate.digests }],
        decision: `${verdict.decision}: ${verdict.reason}`,
        evidence,
      },
    ],
  };
}

function tell(state: ValidationState, event: Send['event']): Send[] {
  return state.parent ? [send(state.parent.kind, state.parent.id, event)] : [];
}
