import type { EntityOf } from '../../server/protocol/entities.ts';

export type BestGoal = 'minimize' | 'maximize';

export interface TrialPoints {
  /** Trial numbers, or with a start the seconds from it to each trial's end; rising. */
  numbers: number[];
  /** Values of finished trials, and of all others that have one; null where the other holds it. */
  finished: (number | null)[];
  others: (number | null)[];
  /** The best value among this trial and all before it. */
  best: (number | null)[];
  /** Trials whose value is NaN or infinite: no place on the chart. */
  nonFinite: number;
}

/**
 * What the chart of a sweep draws, from its trials in any order.
 * @param since in ms; with it trials stand where they ended in time, and those that have not ended nowhere
 */
export function trialPoints(trials: readonly EntityOf<'trials'>[], goal: BestGoal, since?: number): TrialPoints {
  const at = (trial: EntityOf<'trials'>) =>
    since === undefined ? trial.number : Math.max(((trial.endedAt ?? since) - since) / 1000, 0);
  const withValue = trials
    .filter((trial) => trial.value !== undefined && (since === undefined || trial.endedAt !== undefined))
    .sort((a, b) => at(a) - at(b) || a.number - b.number);
  const drawn = withValue.filter((trial) => Number.isFinite(Number(trial.value)));
  const best: (number | null)[] = [];
  for (const trial of drawn) {
    const value = Number(trial.value);
    const before = best.at(-1);
    const isBetter = before == null || (goal === 'maximize' ? value > before : value < before);
    // A running trial's value may still change, and a failed one's does not count.
    const counts = trial.status === 'finished' || trial.status === 'stoppedEarly';
    best.push(isBetter && counts ? value : (before ?? null));
  }
  return {
    numbers: drawn.map(at),
    finished: drawn.map((trial) => (trial.status === 'finished' ? Number(trial.value) : null)),
    others: drawn.map((trial) => (trial.status === 'finished' ? null : Number(trial.value))),
    best,
    nonFinite: withValue.length - drawn.length,
  };
}
