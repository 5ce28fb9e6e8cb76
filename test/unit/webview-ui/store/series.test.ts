import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Float } from '../../../../server/protocol/entities.ts';
import { emptySeries, type Series, seriesOf, takePart } from '../../../../webview-ui/store/series.ts';

const key = { run: 'r', tag: 'loss' };
const part = (values: Float[], total = values.length) => ({
  ...key,
  total,
  superseded: 0,
  nonFinite: { nan: 0, positiveInfinity: 0, negativeInfinity: 0 },
  steps: values.map((_, i) => i),
  wallTimes: values.map((_, i) => 1000 + i),
  values,
});
const live = { reset: false, ended: false };
const valuesOf = (series: Series) => [...series.values.subarray(0, series.length)];

describe('a series', () => {
  it('appends, reads named numbers, and counts each write', () => {
    const series = emptySeries(key);
    takePart(series, part([1, 'NaN']), { reset: true, ended: false });
    takePart(series, part(['Infinity'], 3), live);
    assert.deepEqual(valuesOf(series), [1, Number.NaN, Infinity]);
    assert.deepEqual([series.total, series.revision, series.ended], [3, 2, false]);
  });

  it('is replaced by a reset, and ends when it is told so', () => {
    const series = emptySeries(key);
    takePart(series, part([1, 2, 3]), live);
    takePart(series, part([9]), { reset: true, ended: true });
    assert.deepEqual(valuesOf(series), [9]);
    assert.equal(series.ended, true);
  });

  it('counts what is no number over all that came, and anew after a reset', () => {
    const series = emptySeries(key);
    const one = { nan: 1, positiveInfinity: 0, negativeInfinity: 2 };
    takePart(series, { ...part([1]), nonFinite: one }, { reset: true, ended: false });
    takePart(series, { ...part([1]), nonFinite: one }, live);
    assert.deepEqual(series.nonFinite, { nan: 2, positiveInfinity: 0, negativeInfinity: 4 });
    takePart(series, { ...part([1]), nonFinite: one }, { reset: true, ended: false });
    assert.deepEqual(series.nonFinite, one);
  });

  it('knows how many points the held ones stand for', () => {
    assert.equal(seriesOf({ ...part([1, 2], 1000), superseded: 100 }).covered, 900);
    assert.equal(seriesOf({ ...part([1, 2], 1000), inRange: 50 }).covered, 50);
  });

  it('holds what was written, in whatever pieces it came', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.double(), { maxLength: 300 }), { maxLength: 8 }), (pieces) => {
        const series = emptySeries(key);
        for (const piece of pieces) takePart(series, part(piece), live);
        assert.deepEqual(valuesOf(series), pieces.flat());
      }),
    );
  });
});
