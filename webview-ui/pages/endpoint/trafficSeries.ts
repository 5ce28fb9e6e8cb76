// From the intervals of an endpoint's traffic to the lines of its charts. Pure.
import type { EndpointTraffic } from '../../../server/protocol/traffic.ts';

export interface TrafficSeries {
  /** Seconds since 1970, the begin of each interval; rising by one interval. */
  x: number[];
  revisions: string[];
  /** One list for each revision. */
  requestsPerSecond: (number | null)[][];
  /** Percent of the requests; null in an interval without one. */
  errorPercent: (number | null)[][];
  p95Ms: (number | null)[][];
}

/** What is shown of the past. */
const SHOWN_MS = 30 * 60_000;

/** Adds later intervals to what is known; an interval that comes again counts as it came last. */
export function mergeTraffic(known: EndpointTraffic | undefined, later: EndpointTraffic): EndpointTraffic {
  if (!known || later.from > known.to) return later;
  const first = later.points[0]?.at ?? Number.POSITIVE_INFINITY;
  const points = [...known.points.filter(({ at }) => at < first && at >= later.from), ...later.points];
  return { ...later, points };
}

/**
 * The lines of the charts. An interval of which nothing is told had no request: zero of them, and no latency.
 * @param now ms since 1970; intervals up to it are over
 */
export function trafficSeries({ intervalMs, from, to, points }: EndpointTraffic, now: number): TrafficSeries {
  const end = Math.max(to, Math.floor(now / intervalMs) * intervalMs);
  const begin = Math.max(from, end - SHOWN_MS);
  const length = Math.max(0, Math.round((end - begin) / intervalMs));
  const shown = points.filter(({ at }) => at >= begin && at < end);
  const revisions = [...new Set(shown.map(({ revision }) => revision))].sort((a, b) =>
    a.localeCompare(b, 'en', { numeric: true }),
  );
  const line = (fill: number | null) => revisions.map(() => new Array<number | null>(length).fill(fill));
  const series: TrafficSeries = {
    x: Array.from({ length }, (_, i) => (begin + i * intervalMs) / 1000),
    revisions,
    requestsPerSecond: line(0),
    errorPercent: line(null),
    p95Ms: line(null),
  };
  for (const { at, revision, requests, errors, p95Ms } of shown) {
    const row = revisions.indexOf(revision);
    const i = Math.round((at - begin) / intervalMs);
    series.requestsPerSecond[row]![i] = requests / (intervalMs / 1000);
    series.errorPercent[row]![i] = requests === 0 ? null : (100 * errors) / requests;
    series.p95Ms[row]![i] = p95Ms;
  }
  return series;
}
