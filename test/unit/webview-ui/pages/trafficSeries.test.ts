import assert from 'node:assert/strict';
import type { EndpointTraffic } from '../../../../server/protocol/traffic.ts';
import { mergeTraffic, trafficSeries } from '../../../../webview-ui/pages/endpoint/trafficSeries.ts';

const point = (at: number, revision: string, requests: number, errors = 0) => ({
  ...{ at, revision, requests, errors, p50Ms: 5, p95Ms: 9 },
});
const traffic = (change: Partial<EndpointTraffic>): EndpointTraffic => ({
  ...{ intervalMs: 5000, from: 0, to: 20_000, points: [] },
  ...change,
});

describe('the lines of the traffic charts', () => {
  it('an interval without a request is zero of them, without latency and without a share of errors', () => {
    const { x, revisions, requestsPerSecond, errorPercent, p95Ms } = trafficSeries(
      traffic({ points: [point(0, 'v10', 50, 5), point(10_000, 'v9', 10)] }),
      27_000,
    );
    assert.deepEqual(x, [0, 5, 10, 15, 20]);
    assert.deepEqual(revisions, ['v9', 'v10']);
    assert.deepEqual(requestsPerSecond, [
      [0, 0, 2, 0, 0],
      [10, 0, 0, 0, 0],
    ]);
    assert.deepEqual(errorPercent[1], [10, null, null, null, null]);
    assert.deepEqual(p95Ms[0], [null, null, 9, null, null]);
  });

  it('what comes later is added, what comes again replaces what was there', () => {
    const known = traffic({ points: [point(0, 'v1', 1), point(15_000, 'v1', 2)] });
    const later = traffic({ to: 30_000, points: [point(15_000, 'v1', 3), point(25_000, 'v1', 4)] });
    const { points, to } = mergeTraffic(known, later);
    assert.deepEqual(
      points.map(({ requests }) => requests),
      [1, 3, 4],
    );
    assert.equal(to, 30_000);
  });

  it('what another control plane counted before is not mixed in', () => {
    const later = traffic({ from: 90_000, to: 95_000, points: [point(90_000, 'v1', 3)] });
    assert.equal(mergeTraffic(traffic({ points: [point(0, 'v1', 1)] }), later), later);
  });
});
