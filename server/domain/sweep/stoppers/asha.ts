/**
 * Asynchronous successive halving, the variant that stops instead of pausing and promoting: at each rung a trial goes
 * on only while it is among the best 1/η of those that came so far. Li et al., "A system for massively parallel
 * hyperparameter tuning", arXiv:1810.05834, 2018; the stopping variant as in Determined's `asha_stopping.go` and
 * Ray Tune. No trial ever waits for others, so the first at a rung always goes on.
 */
import { insertSorted, rankIn } from './sorted.ts';
import { type PerTrial, type Stopper, withoutTrial } from './stopper.ts';

export interface AshaOptions {
  /** η: one in so many goes on from each rung; 2 or more. */
  reduction: number;
  /** The step of the first rung, r; by default so that there are three rungs below R, and 1 where R is not known. */
  minResource: number;
  /** The step at which trials end by themselves, R: no rung there or above. Without it rungs go on for ever. */
  maxResource?: number;
}

/**
 * The first steps of a training say little about its end (on lcbench, the first epoch nothing at all), so that a rung
 * there throws away what would have been best: the default is R/η³.
 */
export function ashaWithDefaults({ reduction = 3, minResource, maxResource }: Partial<AshaOptions>): AshaOptions {
  const third = maxResource === undefined ? 1 : Math.max(1, Math.ceil(maxResource / reduction ** 3));
  return { reduction, minResource: minResource ?? third, maxResource };
}

interface Rung {
  /** The losses of the trials that came here, ascending. */
  losses: readonly number[];
  /** How many came here, those without a finite loss included. */
  count: number;
}

export interface AshaMemory {
  rungs: readonly Rung[];
  /** The next rung of each running trial. */
  next: PerTrial<number>;
}

export function ashaStopper(options: AshaOptions): Stopper<AshaMemory> {
  return {
    start: () => ({ rungs: [], next: {} }),
    report(memory, trial, step, loss) {
      let rungs = memory.rungs;
      let next = memory.next[trial] ?? 0;
      let stop = false;
      // Reports need not fall on the rungs: one can pass several.
      for (; !stop && step >= rungResource(options, next); next++) {
        const rung = enter(rungs[next] ?? { losses: [], count: 0 }, loss);
        rungs = next < rungs.length ? rungs.with(next, rung) : [...rungs, rung];
        stop = !isAmongBest(rung, loss, options.reduction);
      }
      if (next === (memory.next[trial] ?? 0)) return { memory, stop };
      return { memory: { rungs, next: { ...memory.next, [trial]: next } }, stop };
    },
    end: (memory, trial) => ({ ...memory, next: withoutTrial(memory.next, trial) }),
  };
}

/** The step of a rung, r·η^k; infinite where R is reached. */
export function rungResource({ minResource, reduction, maxResource }: AshaOptions, rung: number): number {
  const resource = minResource * reduction ** rung;
  return maxResource !== undefined && resource >= maxResource ? Number.POSITIVE_INFINITY : resource;
}

function enter(rung: Rung, loss: number): Rung {
  const losses = Number.isFinite(loss) ? insertSorted(rung.losses, loss) : rung.losses;
  return { losses, count: rung.count + 1 };
}

/** With fewer than η at the rung only the best so far goes on. */
function isAmongBest(rung: Rung, loss: number, reduction: number): boolean {
  if (!Number.isFinite(loss)) return false;
  return rankIn(rung.losses, loss) < Math.max(Math.floor(rung.count / reduction), 1);
}
