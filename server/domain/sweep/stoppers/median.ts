/**
 * The median stopping rule: a trial is stopped at a step if its best loss so far is worse than the median of the
 * others' running means up to that step. Golovin et al., "Google Vizier", KDD 2017, section 3.2.1; others that still
 * run count too, so that it works from the first trials on.
 */
import { insertSorted, medianOf } from './sorted.ts';
import { type PerTrial, type Stopper, withoutTrial } from './stopper.ts';

export interface MedianOptions {
  /** Stops nobody before so many others came to the step. */
  minTrials: number;
  /** Stops nobody before this step. */
  minStep: number;
}

export const medianDefaults: MedianOptions = { minTrials: 5, minStep: 1 };

interface Course {
  best: number | null;
  sum: number;
  reports: number;
}

export interface MedianMemory {
  /** By step: the running means of the trials that came so far, ascending. */
  means: Readonly<Record<number, readonly number[]>>;
  courses: PerTrial<Course>;
}

export function medianStopper({ minTrials, minStep }: MedianOptions): Stopper<MedianMemory> {
  return {
    start: () => ({ means: {}, courses: {} }),
    report(memory, trial, step, loss) {
      const course = advance(memory.courses[trial] ?? { best: null, sum: 0, reports: 0 }, loss);
      const others = memory.means[step] ?? [];
      const isJudged = step >= minStep && others.length >= minTrials;
      const stop = isJudged && (course.best === null || course.best > medianOf(others));
      const courses = { ...memory.courses, [trial]: course };
      if (course.reports === 0) return { memory: { ...memory, courses }, stop };
      const means = { ...memory.means, [step]: insertSorted(others, course.sum / course.reports) };
      return { memory: { means, courses }, stop };
    },
    end: (memory, trial) => ({ ...memory, courses: withoutTrial(memory.courses, trial) }),
  };
}

/** Losses that are not finite are in no mean. */
function advance({ best, sum, reports }: Course, loss: number): Course {
  if (!Number.isFinite(loss)) return { best, sum, reports };
  return { best: best === null ? loss : Math.min(best, loss), sum: sum + loss, reports: reports + 1 };
}
