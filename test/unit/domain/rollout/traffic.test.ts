import assert from 'node:assert/strict';
import { type Counters, noCounters } from '../../../../server/domain/rollout/counters.ts';
import { bucketOf } from '../../../../server/domain/rollout/histogram.ts';
import {
  TRAFFIC_INTERVAL_MS as interval,
  lastTrafficAt,
  noTraffic,
  noteReading,
  passTime,
  trafficSince,
} from '../../../../server/domain/rollout/traffic.ts';

const start = 1_000 * interval;

function counted(requests: number, errors: number, latencyMs: number): Counters {
  const { latency } = noCounters();
  latency[bucketOf(latencyMs)] = requests;
  return { requests, errors, latency };
}

describe('the recent past of an endpoint’s traffic', () => {
  it('is cut into intervals, each with what was counted in it alone', () => {
    let state = noteReading(noTraffic(start), start + 1, {}, { v1: counted(10, 1, 8) });
    state = noteReading(state, start + 2, { v1: counted(10, 1, 8) }, { v1: counted(14, 1, 8) });
    state = noteReading(state, start + interval, { v1: counted(14, 1, 8) }, { v1: counted(15, 3, 8) });
    const { points, to } = trafficSince(passTime(state, start + 2 * interval), 0);
    assert.equal(to, start + 2 * interval);
    assert.deepEqual(
      points.map(({ at, requests, errors }) => [at - start, requests, errors]),
      [
        [0, 14, 1],
        [interval, 1, 2],
      ],
    );
    assert.ok(points[0]!.p95Ms! > 7 && points[0]!.p95Ms! < 9);
  });

  it('has no interval that is not over, and none where nothing came', () => {
    const state = noteReading(noTraffic(start), start, {}, { v1: counted(1, 0, 8) });
    assert.deepEqual(trafficSince(state, 0).points, []);
    const idle = noteReading(
      passTime(state, start + interval),
      start + interval,
      { v1: counted(1, 0, 8) },
      { v1: counted(1, 0, 8) },
    );
    assert.equal(trafficSince(passTime(idle, start + 9 * interval), 0).points.length, 1);
    assert.equal(lastTrafficAt(passTime(idle, start + 9 * interval)), start + interval);
  });

  it('keeps an hour', () => {
    let state = noTraffic(start);
    for (let i = 0; i < 1000; i++) state = noteReading(state, start + i * interval, {}, { v1: counted(1, 0, 8) });
    const { points, from } = trafficSince(state, 0);
    assert.equal(points.length, 720);
    assert.equal(from, points[0]!.at);
  });
});
