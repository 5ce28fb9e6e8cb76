import assert from 'node:assert/strict';
import { type Counters, noCounters } from '../../../../server/domain/rollout/counters.ts';
import { bucketOf } from '../../../../server/domain/rollout/histogram.ts';
import { isKept } from '../../../../server/domain/rollout/readings.ts';
import { type RolloutEvent, type RolloutState, reduceRollout } from '../../../../server/domain/rollout/rollout.ts';

const analysis = {
  maxErrorRate: 0.01,
  maxP95Ratio: 1.5,
  minRequests: 100_000,
  maxQualityDrop: null,
  minLabels: 1000,
  onInconclusive: 'wait' as const,
  maxWaitMs: 86_400_000,
};
const spec = { id: '1', endpoint: 'digits', model: 'digits', from: 'v5', to: 'v6', steps: [50, 100], inputs: [] };

function counters(requests: number, errors = 0): Counters {
  const counted = noCounters();
  counted.latency[bucketOf(10)] = requests;
  return { requests, errors, latency: counted.latency };
}

type Observed = Extract<RolloutEvent, { type: 'observed' }>;

function observed(at: number, v5: Counters, v6: Counters, instance = 'g1'): Observed {
  return { type: 'observed', at, instance, gatewayStartedAt: 1, revisions: { v5, v6 } };
}

/** Feeds readings as the observer does. @returns the state, and those that were kept */
function feed(readings: readonly Observed[], minRequests = analysis.minRequests) {
  const created: RolloutEvent = {
    type: 'created',
    at: 0,
    rollout: { ...spec, analysis: { ...analysis, minRequests } },
  };
  let state = reduceRollout(null, created).state!;
  state = reduceRollout(state, { type: 'ready', at: 0 }).state!;
  const kept: Observed[] = [];
  for (const reading of readings) {
    const after = reduceRollout(state, reading);
    if (!isKept(state, after, reading, reading.at)) continue;
    kept.push(reading);
    state = after.state as RolloutState;
  }
  return { state, kept };
}

describe('the readings that a rollout keeps', () => {
  it('grow with the logarithm of a step of a whole day, not with its seconds', () => {
    const each = (ms: number, until: number, from = 0) =>
      Array.from({ length: (until - from) / ms }, (_, n) => from + n * ms);
    // As often as a gateway tells them for two minutes, then thinned out, to keep this short.
    const times = [...each(250, 120_000), ...each(1000, 600_000, 120_000), ...each(10_000, 86_400_000, 600_000)];
    const { kept } = feed(times.map((at, n) => observed(at, counters(n), counters(n))));
    assert.ok(kept.length > 300 && kept.length < 1000, String(kept.length));
  });

  it('hold one that decides at once, however near it is to the last', () => {
    const quiet = observed(1000, counters(10), counters(10));
    const bad = observed(1001, counters(500), counters(500, 400));
    const { kept, state } = feed([quiet, bad], 100);
    assert.deepEqual([kept, state.status], [[quiet, bad], 'rolledBack']);
  });

  it('hold the first of each gateway, which the next are counted from', () => {
    const first = observed(100, counters(0), counters(0));
    const second = observed(101, counters(50), counters(50), 'g2');
    assert.deepEqual(feed([first, second]).kept, [first, second]);
  });

  it('hold none in which nothing was counted', () => {
    const readings = Array.from({ length: 100 }, (_, n) => observed(n * 5000, counters(3), counters(3)));
    assert.equal(feed(readings).kept.length, 1);
  });

  it('are at most one a second, and lose no count', () => {
    const readings = Array.from({ length: 400 }, (_, n) => observed(n * 250, counters(n), counters(n)));
    const { kept, state } = feed(readings);
    for (const [n, { at }] of kept.slice(1).entries()) assert.ok(at - kept[n]!.at >= 1000, `${at}`);
    assert.equal(state.canary.requests, kept.at(-1)!.revisions['v6']!.requests);
  });
});
