/**
 * Latency histogram with fixed, logarithmic bounds: every gateway counts into the same buckets, so that counts of
 * several gateways and of several intervals can be added and subtracted. Eight buckets an octave: an edge is 9 %
 * above the one before.
 */
const FIRST_MS = 0.25;
const BUCKETS_PER_OCTAVE = 8;
const OCTAVES = 18;

/** Upper bounds of the buckets in ms, ascending, from 0.25 ms to 65.5 s; one more bucket without a bound follows. */
export const LATENCY_BOUNDS_MS: readonly number[] = Array.from(
  { length: OCTAVES * BUCKETS_PER_OCTAVE + 1 },
  (_, index) => FIRST_MS * 2 ** (index / BUCKETS_PER_OCTAVE),
);

/** How many buckets a histogram has: one for each bound and one above the last. */
export const BUCKET_COUNT = LATENCY_BOUNDS_MS.length + 1;

/** The bucket of a latency in ms: the first whose upper bound is not below it. */
export function bucketOf(latencyMs: number): number {
  if (!(latencyMs > FIRST_MS)) return 0;
  const index = Math.ceil(Math.log2(latencyMs / FIRST_MS) * BUCKETS_PER_OCTAVE - 1e-9);
  return Math.min(index, BUCKET_COUNT - 1);
}

/** The lower edge of a bucket in ms. */
export function lowerEdgeMs(bucket: number): number {
  return bucket <= 0 ? 0 : LATENCY_BOUNDS_MS[Math.min(bucket, BUCKET_COUNT - 1) - 1]!;
}

/** The upper edge of a bucket in ms; infinite for the last one. */
export function upperEdgeMs(bucket: number): number {
  return LATENCY_BOUNDS_MS[bucket] ?? Number.POSITIVE_INFINITY;
}

/** How many observations a histogram holds. */
export function total(counts: readonly number[]): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}

/** The bucket that holds the observation with this rank (1 is the smallest); null where there are fewer. */
export function bucketOfRank(counts: readonly number[], rank: number): number | null {
  let seen = 0;
  for (const [bucket, count] of counts.entries()) {
    seen += count;
    if (seen >= rank && rank >= 1) return bucket;
  }
  return null;
}

/**
 * A quantile by linear interpolation inside its bucket, in ms; null for an empty histogram. In the bucket without an
 * upper bound the answer is its lower edge.
 * @param quantile between 0 and 1
 */
export function quantileMs(counts: readonly number[], quantile: number): number | null {
  const count = total(counts);
  if (count === 0) return null;
  const target = Math.max(quantile * count, Number.MIN_VALUE);
  let seen = 0;
  for (const [bucket, inBucket] of counts.entries()) {
    if (inBucket > 0 && seen + inBucket >= target) {
      const low = lowerEdgeMs(bucket);
      const high = upperEdgeMs(bucket);
      return Number.isFinite(high) ? low + ((high - low) * (target - seen)) / inBucket : low;
    }
    seen += inBucket;
  }
  return lowerEdgeMs(BUCKET_COUNT - 1);
}

/** How many observations lie surely above a bucket edge, counted from the bucket after `bucket`. */
export function countAbove(counts: readonly number[], bucket: number): number {
  let sum = 0;
  for (let index = bucket + 1; index < counts.length; index++) sum += counts[index]!;
  return sum;
}
