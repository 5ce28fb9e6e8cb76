/**
 * What a gateway counts for a revision, as it goes over its admin socket, and the arithmetic on it. Counts are
 * cumulative since the gateway started (`instance`); a reader takes differences.
 */
import * as z from 'zod';
import { BUCKET_COUNT } from './histogram.ts';

const count = z.number().int().nonnegative();

/** Requests of one revision: how many, how many went wrong (5xx and transport failures), and how long they took. */
export const countersSchema = z.object({
  requests: count,
  errors: count,
  /** Counts for each bucket of LATENCY_BOUNDS_MS and one above. */
  latency: z.array(count).length(BUCKET_COUNT),
});
export type Counters = z.infer<typeof countersSchema>;

/** Predictions of one revision whose true label came back. */
export interface Labelled {
  labels: number;
  wrong: number;
}

/** One line of the gateway's statistics stream. */
export const gatewayStatisticsSchema = z.object({
  /** A new one for each start of a gateway: counts begin at zero again. */
  instance: z.string(),
  /** When that gateway started, ms since the epoch. */
  startedAt: z.number(),
  /** When the line was made, ms since the epoch. */
  at: z.number(),
  routes: z.object({ loaded: count, refused: count, problem: z.string().nullable() }),
  endpoints: z.record(
    z.string(),
    z.object({
      /** Requests that no revision answered: refused, or no replica was ready. */
      unanswered: count,
      /** Requests that were written as samples, and those that could not be. */
      samples: z.object({ taken: count, dropped: count }),
      revisions: z.record(
        z.string(),
        countersSchema.extend({
          inFlight: count,
          /** Answers by class; `failed` are those that ended without a status. */
          statuses: z.object({ '1xx': count, '2xx': count, '3xx': count, '4xx': count, '5xx': count, failed: count }),
          latencySumMs: z.number().nonnegative(),
          /** Copies of requests that it got as a shadow, and how its answers compared with those that clients got. */
          shadow: z.object({
            ...{ sent: count, inFlight: count, same: count, different: count, failed: count, dropped: count },
            latencySumMs: z.number().nonnegative(),
          }),
          replicas: z.array(z.object({ address: z.string(), state: z.enum(['unknown', 'ready', 'slow', 'down']) })),
        }),
      ),
    }),
  ),
  /** Answers of 5xx and transport failures since the line before (in the first line: the most recent ones). */
  exceptions: z.array(
    z.object({
      requestId: z.string(),
      endpoint: z.string(),
      revision: z.string(),
      status: z.number().int(),
      message: z.string(),
      at: z.number(),
    }),
  ),
});
export type GatewayStatistics = z.infer<typeof gatewayStatisticsSchema>;

/** Counters of nothing. */
export function noCounters(): Counters {
  return { requests: 0, errors: 0, latency: new Array<number>(BUCKET_COUNT).fill(0) };
}

/** The sum of two counters, bucket by bucket. */
export function add(a: Counters, b: Counters): Counters {
  return {
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    latency: a.latency.map((value, bucket) => value + b.latency[bucket]!),
  };
}

/**
 * What was counted between two readings of one gateway. A reading below the one before means that counting began
 * anew in between: then all of the later reading is new.
 */
export function since(earlier: Counters, later: Counters): Counters {
  const restarted =
    later.requests < earlier.requests ||
    later.errors < earlier.errors ||
    later.latency.some((value, bucket) => value < earlier.latency[bucket]!);
  if (restarted) return later;
  return {
    requests: later.requests - earlier.requests,
    errors: later.errors - earlier.errors,
    latency: later.latency.map((value, bucket) => value - earlier.latency[bucket]!),
  };
}
