import assert from 'node:assert/strict';
import fc from 'fast-check';
import { appendPoint, emptyColumns, type ScalarColumns } from '../../../server/metrics/columns.ts';
import { downsample } from '../../../server/metrics/downsample.ts';

function seriesOf(values: number[], steps = values.map((_, i) => i)): ScalarColumns {
  const series = emptyColumns();
  for (const [i, value] of values.entries()) appendPoint(series, steps[i]!, 1000 + steps[i]!, value);
  return series;
}

const anyValue = fc.oneof(
  { weight: 8, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity) },
);

describe('downsample', () => {
  it('keeps the extremes, the ends, every kind of non-finite value, and the order', () => {
    fc.assert(
      fc.property(fc.array(anyValue, { maxLength: 300 }), fc.integer({ min: 1, max: 20 }), (values, buckets) => {
        const { points, total, nan, positiveInfinity, negativeInfinity } = downsample(seriesOf(values), buckets);
        const kept = [...points.values];
        const finite = values.filter(Number.isFinite);
        assert.equal(total, values.length);
        assert.equal(Math.min(...kept.filter(Number.isFinite)), Math.min(...finite));
        assert.equal(Math.max(...kept.filter(Number.isFinite)), Math.max(...finite));
        assert.equal(nan, values.filter(Number.isNaN).length);
        assert.equal(positiveInfinity, values.filter((value) => value === Infinity).length);
        assert.equal(negativeInfinity, values.filter((value) => value === -Infinity).length);
        for (const special of [Number.NaN, Infinity, -Infinity]) {
          assert.equal(
            kept.some((value) => Object.is(value, special)),
            values.some((value) => Object.is(value, special)),
          );
        }
        const steps = [...points.steps];
        assert.deepEqual(
          steps,
          [...new Set(steps)].sort((a, b) => a - b),
        );
        assert.deepEqual([steps[0], steps.at(-1)], values.length > 0 ? [0, values.length - 1] : [undefined, undefined]);
        assert.ok(kept.length <= 5 * buckets + 2);
      }),
    );
  });

  it('keeps the extremes of every bucket', () => {
    const values = Array.from({ length: 1000 }, (_, i) => (i % 100 === 50 ? 1000 : i % 100 === 51 ? -1000 : i % 7));
    const kept = [...downsample(seriesOf(values), 10).points.values];
    assert.equal(kept.filter((value) => value === 1000).length, 10);
    assert.equal(kept.filter((value) => value === -1000).length, 10);
    assert.equal(kept.length, 22);
  });

  it('leaves a series of up to two points a bucket whole', () => {
    const values = Array.from({ length: 20 }, (_, i) => i % 3);
    assert.deepEqual([...downsample(seriesOf(values), 10).points.values], values);
  });

  it('takes only the range, by step or by wall time, where steps go back too', () => {
    const series = seriesOf([1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 1, 2]);
    assert.deepEqual([...downsample(series, 10, { by: 'step', from: 1, to: 2 }).points.values], [2, 3, 5, 6]);
    assert.deepEqual([...downsample(series, 10, { by: 'wallTime', from: 1003, to: 2000 }).points.values], [4]);
    assert.equal(downsample(series, 10, { by: 'step', from: 9, to: 10 }).points.length, 0);
  });
});
