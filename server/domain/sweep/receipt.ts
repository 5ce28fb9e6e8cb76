/** What a sweep leaves in the chain of receipts when it ends. */
import type { ReceiptDraft } from '../reducer.ts';
import { bestToKeep } from './best.ts';
import { countItems, itemAt } from './pages.ts';
import type { SweepState } from './state.ts';

/** The draft of `sweep.finished`. The subject has no bytes: its digest is that of the evidence. */
export function finishedReceipt(state: SweepState): ReceiptDraft {
  const { spec, counts } = state;
  const best = bestOf(state).map((number) => {
    const { params, values, runId } = itemAt(state.trials, number)!;
    return { trial: number, params, values, runId };
  });
  return {
    kind: 'sweep.finished',
    subject: { name: `sweep:${spec.name}` },
    inputs: [],
    decision: decisionOf(state),
    evidence: {
      best,
      goals: spec.goals,
      counts,
      started: countItems(state.trials),
      budget: state.budget,
      sampler: spec.sampler,
      stopper: spec.stopper,
      seed: spec.seed,
      space: spec.space,
    },
  };
}

/** The Pareto front of several goals; of one goal the trial whose model is taken. */
function bestOf(state: SweepState): readonly number[] {
  if (state.spec.goals.length > 1) return state.best;
  const kept = bestToKeep(state);
  return kept ? [kept.number] : [];
}

function decisionOf(state: SweepState): string {
  const { goals } = state.spec;
  const started = countItems(state.trials);
  const of = `of ${started} ${started === 1 ? 'trial' : 'trials'}`;
  const best = bestOf(state);
  if (best.length === 0) return `No trial ${of} has an objective.`;
  if (goals.length > 1) return `${best.length} ${of} are on the Pareto front.`;
  const trial = itemAt(state.trials, best[0]!)!;
  return `Trial ${trial.number} ${of} is the best: ${goals[0]!.metric} ${trial.values![0]}.`;
}
