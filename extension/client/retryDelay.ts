const firstRetryMs = 300;
const longestRetryMs = 15_000;

/**
 * How long to wait before the next attempt to come back: doubling, with jitter so that windows do not come at once.
 * @param attempt 0 for the first
 * @param random from 0 to 1
 */
export function retryDelayMs(attempt: number, random: number): number {
  return Math.min(firstRetryMs * 2 ** attempt, longestRetryMs) * (0.75 + random / 2);
}
