/** Which trial of a sweep with one goal is taken: for its receipt, its view and the pipeline alike. */
import { eachItem, itemAt } from './pages.ts';
import { lossesOf, type SweepState, type Trial } from './state.ts';

/**
 * The trial whose model is taken: the best of those that ran to their end. One that was stopped early may have had the
 * best value so far and has left no model; it stands here only where none has finished.
 */
export function bestToKeep(sweep: SweepState): Trial | undefined {
  let kept: Trial | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const trial of eachItem(sweep.trials)) {
    const loss = trial.status === 'finished' ? lossesOf(trial.values, sweep.spec.goals)?.[0] : undefined;
    if (loss === undefined || loss >= least) continue;
    kept = trial;
    least = loss;
  }
  const [first] = sweep.best;
  return kept ?? (first === undefined ? undefined : itemAt(sweep.trials, first));
}

/** Why a sweep that is over has no best trial. */
export function noBest(sweep: SweepState | undefined): string {
  const first = sweep && itemAt(sweep.trials, 0);
  return first?.reason ? `No trial ended with a value; trial 0: ${first.reason}` : 'No trial ended with a value.';
}
