/** Which trial of a sweep with one goal is taken: for its receipt, its view and the pipeline alike. */
import { itemAt } from './pages.ts';
import type { SweepState, Trial } from './state.ts';

/**
 * The trial whose model is taken: the best of those that ran to their end. One that was stopped early may have had the
 * best value so far and has left no model; it stands here only where none has finished.
 */
export function bestToKeep(sweep: SweepState): Trial | undefined {
  const kept = sweep.bestFinished ?? sweep.best[0];
  return kept === undefined ? undefined : itemAt(sweep.trials, kept);
}

/** Why a sweep that is over has no best trial. */
export function noBest(sweep: SweepState | undefined): string {
  const first = sweep && itemAt(sweep.trials, 0);
  return first?.reason ? `No trial ended with a value; trial 0: ${first.reason}` : 'No trial ended with a value.';
}
