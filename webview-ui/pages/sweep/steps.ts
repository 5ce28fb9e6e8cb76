import type { EntityOf } from '../../../server/protocol/entities.ts';

/**
 * The steps that trials reported, and those that trials which were stopped early did not take: up to the longest of
 * those that finished.
 */
export function stepsOf(trials: readonly EntityOf<'trials'>[]): { spent: number; saved: number } {
  const stepOf = ({ step = 0 }: EntityOf<'trials'>) => Math.max(step, 0);
  const full = trials.reduce((most, trial) => (trial.status === 'finished' ? Math.max(most, stepOf(trial)) : most), 0);
  let [spent, saved] = [0, 0];
  for (const trial of trials) {
    spent += stepOf(trial);
    if (trial.status === 'stoppedEarly') saved += Math.max(full - stepOf(trial), 0);
  }
  return { spent, saved };
}
