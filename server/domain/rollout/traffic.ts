/**
 * The recent past of an endpoint's traffic: the gateway's cumulative counters cut into intervals of equal length, each
 * with its own requests, errors and latencies. Pure; bounded; lost with the control plane, since it is for looking at.
 */
import type { EndpointTraffic, TrafficPoint } from '../../protocol/traffic.ts';
import { add, type Counters, since } from './counters.ts';
import { quantileMs } from './histogram.ts';

export const TRAFFIC_INTERVAL_MS = 5_000;
/** An hour. */
const KEPT_INTERVALS = 720;

export interface TrafficState {
  /** When the endpoint was first seen, rounded to an interval. */
  from: number;
  points: TrafficPoint[];
  /** The interval that is not over yet. */
  open: { at: number; revisions: Record<string, Counters> };
}

export function noTraffic(now: number): TrafficState {
  const at = intervalOf(now);
  return { from: at, points: [], open: { at, revisions: {} } };
}

/**
 * Takes in a reading.
 * @param before the reading before, by revision; a revision that it lacks has been counted from zero
 */
export function noteReading(
  state: TrafficState,
  now: number,
  before: Record<string, Counters>,
  reading: Record<string, Counters>,
): TrafficState {
  const { open, ...rest } = passTime(state, now);
  const revisions = { ...open.revisions };
  for (const [name, counters] of Object.entries(reading)) {
    const earlier = before[name];
    const fresh = earlier ? since(earlier, counters) : counters;
    if (fresh.requests === 0 && fresh.errors === 0) continue;
    revisions[name] = revisions[name] ? add(revisions[name], fresh) : fresh;
  }
  return { ...rest, open: { ...open, revisions } };
}

/** Closes the interval that is over; the same state while it is not. */
export function passTime(state: TrafficState, now: number): TrafficState {
  const at = intervalOf(now);
  const { open, points, from } = state;
  if (at <= open.at) return state;
  const closed = Object.entries(open.revisions).map(
    ([revision, { requests, errors, latency }]): TrafficPoint => ({
      ...{ at: open.at, revision, requests, errors },
      ...{ p50Ms: quantileMs(latency, 0.5), p95Ms: quantileMs(latency, 0.95) },
    }),
  );
  const oldest = at - KEPT_INTERVALS * TRAFFIC_INTERVAL_MS;
  return {
    from: Math.max(from, oldest),
    points: [...points, ...closed].filter((point) => point.at >= oldest),
    open: { at, revisions: {} },
  };
}

/** The intervals that are over, from a time on. */
export function trafficSince({ from, points, open }: TrafficState, after: number): EndpointTraffic {
  const shown = points.filter(({ at }) => at >= after);
  return { intervalMs: TRAFFIC_INTERVAL_MS, from, to: open.at, points: shown };
}

/** When the last interval ended that had a request; undefined without one. A view that holds it is still when idle. */
export function lastTrafficAt({ points }: TrafficState): number | undefined {
  const last = points.at(-1);
  return last && last.at + TRAFFIC_INTERVAL_MS;
}

function intervalOf(at: number): number {
  return Math.floor(at / TRAFFIC_INTERVAL_MS) * TRAFFIC_INTERVAL_MS;
}
