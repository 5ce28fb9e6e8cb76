/**
 * The watch over an endpoint in production: takes in the judgement of each window, raises an alarm when drift begins,
 * and decides whether it leads to a retraining, to a proposal for a person, or to a request for labels. A reducer;
 * `judgeWindow.ts` judges.
 */
import { type Digests, type ReceiptDraft, type Reduction, unchanged } from '../reducer.ts';
import type { WindowJudgement } from './judgeWindow.ts';

export interface RetrainRule {
  /** What an alarm may lead to without a hand: a proposal, or the whole way to a canary (`then` of slipway.yaml). */
  mode: 'propose' | 'rollout';
  /** Run time that retraining without a hand may use in {@link BUDGET_PERIOD_MS}; null: no limit. */
  budgetMs: number | null;
  /** Time between the beginnings of two retrainings without a hand. */
  cooldownMs: number;
  /** Labelled samples that a retraining needs. */
  minLabels: number;
}

export interface MonitorState {
  endpoint: string;
  project: string;
  model: string;
  /** The version in production; windows are compared with its training data. */
  version: number;
  digests: Digests;
  rule: RetrainRule | null;
  /** What windows are compared with: what the model version keeps of its training data, or a first window. */
  reference: 'training' | 'firstWindow' | 'none';
  /** The first window's features in the object store. */
  referenceMd5: string | null;
  /** The end of that window. */
  referenceUntil: number | null;
  /** Whether the window before had drifted: an alarm is raised when drift begins, not in each window. */
  isDrifting: boolean;
  last: { from: number; to: number; judgement: WindowJudgement } | null;
  alarms: number;
  proposal: Proposal | null;
  /** Retrainings without a hand or by a proposal, newest last; older than the budget's period are forgotten. */
  retrainings: { id: string; startedAt: number; endedAt: number | null; spentMs: number; status: string }[];
}

/** What a person is asked. */
export interface Proposal {
  /** Of the alarm. */
  id: string;
  at: number;
  /** `retrain`: whether to; `label`: for labels, since there are too few to retrain on. */
  kind: 'retrain' | 'label';
  reason: string;
  /** How many labelled samples there are, and how many are missing. */
  labelled: number;
  missing: number;
  /** The samples of the window: a dataset version. */
  samples: string | null;
}

export type MonitorEvent = { at: number } & (
  | {
      type: 'configured';
      endpoint: string;
      project: string;
      model: string;
      version: number;
      digests: Digests;
      rule: RetrainRule | null;
      reference: 'training' | 'none';
    }
  /** Nothing is kept of the training data: a window without comparison becomes what later ones are compared with. */
  | { type: 'referenceTaken'; md5: string; until: number }
  | {
      type: 'windowClosed';
      from: number;
      to: number;
      judgement: WindowJudgement;
      labelled: number;
      /** The dataset version that the window's samples became. */
      samples: { name: string; digests: Digests } | null;
    }
  | { type: 'proposalAccepted'; proposal: string }
  | { type: 'proposalDeclined'; proposal: string }
  | { type: 'retrainEnded'; id: string; status: string; spentMs: number }
);

export type MonitorCommand = {
  type: 'monitor.retrain';
  lane: string;
  /** Follows from endpoint and alarm: starting it twice starts it once. */
  retraining: string;
  samples: string | null;
  /** Whether the canary may begin without a hand. */
  rollsOut: boolean;
};

type Step = Reduction<MonitorState, MonitorCommand>;

export const BUDGET_PERIOD_MS = 30 * 24 * 3_600_000;

export function reduceMonitor(state: MonitorState | undefined, event: MonitorEvent): Step {
  if (event.type === 'configured') return unchanged(configured(state, event));
  if (!state) throw new Error(`a monitor begins with configured, not ${event.type}`);
  switch (event.type) {
    case 'referenceTaken': {
      if (state.reference !== 'none') return unchanged(state);
      const { md5, until } = event;
      return unchanged({ ...state, reference: 'firstWindow', referenceMd5: md5, referenceUntil: until });
    }
    case 'windowClosed':
      return windowClosed(state, event);
    case 'proposalAccepted':
      if (state.proposal?.id !== event.proposal || state.proposal.kind !== 'retrain') return unchanged(state);
      return retrain({ ...state, proposal: null }, event.at, state.proposal.id, state.proposal.samples, {
        ...{ why: 'accepted by hand', rollsOut: false },
      });
    case 'proposalDeclined':
      return unchanged(state.proposal?.id === event.proposal ? { ...state, proposal: null } : state);
    case 'retrainEnded': {
      const { at, id, status, spentMs } = event;
      const retrainings = state.retrainings.map((one) =>
        one.id === id && one.endedAt === null ? { ...one, endedAt: at, status, spentMs } : one,
      );
      return unchanged({ ...state, retrainings });
    }
  }
}

function configured(
  state: MonitorState | undefined,
  event: Extract<MonitorEvent, { type: 'configured' }>,
): MonitorState {
  const { type: _, at: __, ...facts } = event;
  // Another version in production has other training data: what was drift for the one before need not be for it.
  const isSame = state?.version === facts.version;
  const known = { referenceMd5: null, referenceUntil: null, isDrifting: false, last: null, proposal: null };
  const before = isSame ? state : { ...known, alarms: state?.alarms ?? 0, retrainings: state?.retrainings ?? [] };
  return { ...before, ...facts, reference: isSame ? state.reference : facts.reference };
}

function windowClosed(state: MonitorState, event: Extract<MonitorEvent, { type: 'windowClosed' }>): Step {
  const { at, from, to, judgement, labelled, samples } = event;
  // The same window again, after a crash between judging and taking note.
  if (state.last !== null && from <= state.last.from) return unchanged(state);
  const next: MonitorState = { ...state, last: { from, to, judgement } };
  if (judgement.verdict !== 'drifted') {
    return unchanged({ ...next, isDrifting: judgement.verdict === 'inconclusive' ? state.isDrifting : false });
  }
  if (state.isDrifting) return unchanged(next);
  const alarm = `${state.endpoint}/${state.alarms + 1}`;
  const raised: ReceiptDraft = {
    kind: 'drift.raised',
    subject: { name: `drift:${alarm}` },
    inputs: [
      { name: `model:${state.model}@v${state.version}`, digest: state.digests },
      ...(samples ? [{ name: `dataset:${samples.name}`, digest: samples.digests }] : []),
    ],
    decision: judgement.reason,
    evidence: { alarm, endpoint: state.endpoint, interval: { from, to }, judgement, labelled },
  };
  const alarmed: MonitorState = { ...next, isDrifting: true, alarms: state.alarms + 1 };
  const after = answer(alarmed, at, alarm, judgement.reason, labelled, samples?.name ?? null);
  return { ...after, receipts: [raised, ...after.receipts] };
}

/** What an alarm leads to, by the rule of slipway.yaml. */
function answer(
  state: MonitorState,
  at: number,
  alarm: string,
  reason: string,
  labelled: number,
  samples: string | null,
): Step {
  const { rule } = state;
  if (rule === null) return unchanged(state);
  const missing = Math.max(0, rule.minLabels - labelled);
  const propose = (kind: Proposal['kind'], why: string): Step => {
    const proposal: Proposal = { id: alarm, at, kind, reason: `${reason} ${why}`, labelled, missing, samples };
    return unchanged({ ...state, proposal });
  };
  if (missing > 0) {
    return propose('label', `${labelled} samples have labels; ${missing} more are needed to retrain.`);
  }
  if (rule.mode === 'propose') return propose('retrain', 'Somebody has to decide whether to retrain.');
  const obstacle = whyNot(state, rule, at);
  if (obstacle !== null) return propose('retrain', obstacle);
  return retrain(state, at, alarm, samples, { why: reason, rollsOut: true });
}

/** Why a retraining must not begin without a hand now; null if it may. */
function whyNot({ retrainings }: MonitorState, { budgetMs, cooldownMs }: RetrainRule, at: number): string | null {
  const running = retrainings.find(({ endedAt }) => endedAt === null);
  if (running) return `The retraining ${running.id} is still running.`;
  const last = retrainings.at(-1);
  if (last && at < last.startedAt + cooldownMs) {
    return `The last retraining began less than ${hours(cooldownMs)} ago.`;
  }
  const recent = retrainings.filter(({ startedAt }) => startedAt > at - BUDGET_PERIOD_MS);
  const spentMs = recent.reduce((sum, one) => sum + one.spentMs, 0);
  if (budgetMs !== null && spentMs >= budgetMs) {
    return `Retraining has used ${hours(spentMs)} of its ${hours(budgetMs)} in 30 days.`;
  }
  return null;
}

function retrain(
  state: MonitorState,
  at: number,
  alarm: string,
  samples: string | null,
  { why, rollsOut }: { why: string; rollsOut: boolean },
): Step {
  const known = state.retrainings.filter(({ startedAt }) => startedAt > at - BUDGET_PERIOD_MS);
  const retraining = { id: alarm, startedAt: at, endedAt: null, spentMs: 0, status: 'running' };
  const receipt: ReceiptDraft = {
    kind: 'retrain.started',
    subject: { name: `retrain:${alarm}` },
    inputs: [{ name: `model:${state.model}@v${state.version}`, digest: state.digests }],
    decision: why,
    evidence: { alarm, endpoint: state.endpoint, samples, rollsOut, rule: state.rule },
  };
  return {
    state: { ...state, retrainings: [...known, retraining] },
    commands: [{ type: 'monitor.retrain', lane: `retrain:${state.endpoint}`, retraining: alarm, samples, rollsOut }],
    receipts: [receipt],
  };
}

function hours(ms: number): string {
  return `${Number((ms / 3_600_000).toPrecision(3))} h`;
}
