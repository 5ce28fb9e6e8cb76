import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  BUCKET_COUNT,
  bucketOf,
  bucketOfRank,
  LATENCY_BOUNDS_MS,
  lowerEdgeMs,
  quantileMs,
  upperEdgeMs,
} from '../../../../server/domain/rollout/histogram.ts';

function histogramOf(latencies: readonly number[]): number[] {
  const counts = new Array<number>(BUCKET_COUNT).fill(0);
  for (const latency of latencies) counts[bucketOf(latency)]!++;
  return counts;
}

describe('latency histogram', () => {
  it('puts a latency between the edges of its bucket, a bound into the bucket it closes', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), (latencyMs) => {
        const bucket = bucketOf(latencyMs);
        assert.ok(latencyMs <= upperEdgeMs(bucket) * (1 + 1e-9));
        assert.ok(bucket === 0 || latencyMs > lowerEdgeMs(bucket) * (1 - 1e-9));
      }),
    );
    for (const [bucket, bound] of LATENCY_BOUNDS_MS.entries()) assert.equal(bucketOf(bound), bucket);
  });

  it('gives quantiles that are off by at most one bucket (9 %)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.3, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 300 }),
        fc.constantFrom(0.5, 0.95, 0.99),
        (latencies, quantile) => {
          const sorted = [...latencies].sort((a, b) => a - b);
          const exact = sorted[Math.ceil(quantile * sorted.length) - 1]!;
          const estimate = quantileMs(histogramOf(latencies), quantile)!;
          assert.ok(estimate >= exact / 1.0906 && estimate <= exact * 1.0906, `${estimate} for ${exact}`);
        },
      ),
    );
  });

  it('knows no quantile of nothing and no rank beyond the last', () => {
    assert.equal(quantileMs(histogramOf([]), 0.95), null);
    assert.equal(bucketOfRank(histogramOf([1, 2]), 3), null);
    assert.equal(bucketOfRank(histogramOf([1, 2]), 0), null);
    assert.equal(bucketOfRank(histogramOf([1, 2]), 2), bucketOf(2));
  });
});
