/** Stops a trial that has not become better for a number of reports. Prechelt, "Early stopping, but when?", 1998. */
import { type PerTrial, type Stopper, withoutTrial } from './stopper.ts';

export interface PatienceOptions {
  /** How many reports in a row may bring no improvement. */
  patience: number;
  /** By how much the loss has to sink to be an improvement. */
  minDelta: number;
}

export const patienceDefaults: PatienceOptions = { patience: 10, minDelta: 0 };

interface Course {
  best: number | null;
  waited: number;
}

export type PatienceMemory = PerTrial<Course>;

export function patienceStopper({ patience, minDelta }: PatienceOptions): Stopper<PatienceMemory> {
  return {
    start: () => ({}),
    report(memory, trial, _step, loss) {
      const { best, waited } = memory[trial] ?? { best: null, waited: 0 };
      const isBetter = Number.isFinite(loss) && (best === null || loss < best - minDelta);
      const course = isBetter ? { best: loss, waited: 0 } : { best, waited: waited + 1 };
      return { memory: { ...memory, [trial]: course }, stop: course.waited >= patience };
    },
    end: withoutTrial,
  };
}
