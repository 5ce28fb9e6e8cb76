import assert from 'node:assert/strict';
import { add, type Counters, noCounters, since } from '../../../../server/domain/rollout/counters.ts';

const counters = (requests: number, bucket: number): Counters => {
  const { latency } = noCounters();
  latency[bucket] = requests;
  return { requests, errors: 0, latency };
};

describe('counters of a gateway', () => {
  it('yield what came between two readings', () => {
    assert.deepEqual(since(counters(10, 3), counters(25, 3)), counters(15, 3));
    assert.deepEqual(add(counters(10, 3), since(counters(10, 3), counters(25, 3))), counters(25, 3));
  });

  it('are all new when a reading is below the one before', () => {
    assert.deepEqual(since(counters(100, 3), counters(25, 3)), counters(25, 3));
    assert.deepEqual(since(counters(10, 3), counters(25, 4)), counters(25, 4));
  });
});
