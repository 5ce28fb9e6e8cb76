/**
 * Which readings of a gateway a rollout keeps. A gateway tells its counters four times a second, for as long as a step
 * waits; each is judged, but only those are stored that decide something or that the log needs to stay true.
 */
import type { Counters } from './counters.ts';
import type { RolloutState, RolloutStep } from './rollout.ts';

/** Between two readings of a young step. */
const SHORTEST_MS = 1000;
/** Later a reading for each hundredth of the step's age: its numbers are at most so much behind. */
const READINGS_AN_AGE = 100;

export interface Reading {
  instance: string;
  revisions: Record<string, Counters>;
}

/**
 * Whether a reading goes into the log. A step of a whole day comes to about a thousand readings.
 * @param after what the reading makes of the rollout
 * @param at when it was read, ms since 1970
 */
export function isKept(before: RolloutState, after: RolloutStep, reading: Reading, at: number): boolean {
  const { state, commands, receipts } = after;
  const isDecided = state?.status !== before.status || state.stepIndex !== before.stepIndex;
  if (isDecided || commands.length > 0 || receipts.length > 0) return true;
  const last = before.readings[reading.instance];
  // The next is counted from the first.
  if (!last) return true;
  const ageMs = before.stepIndex < 0 ? 0 : at - before.stepStartedAt;
  if (at - last.at < Math.max(SHORTEST_MS, ageMs / READINGS_AN_AGE)) return false;
  return [before.from, before.to].some((revision) => {
    const now = revision === null ? undefined : reading.revisions[revision];
    const then = revision === null ? undefined : last.revisions[revision];
    // Errors and latencies are counted with the requests that they are of.
    return now?.requests !== then?.requests;
  });
}
