import assert from 'node:assert/strict';
import fc from 'fast-check';
import { emptySeries, type Series, writePoints } from '../../../../webview-ui/store/series.ts';

const points = (from: number, values: (number | 'NaN' | 'Infinity')[]) => ({
  from,
  steps: values.map((_, i) => from + i),
  wallTimes: values.map((_, i) => 1000 + from + i),
  values,
});
const valuesOf = (series: Series) => [...series.values.subarray(0, series.length)];

describe('a series', () => {
  it('appends, and reads named numbers', () => {
    const series = emptySeries('loss');
    writePoints(series, points(0, [1, 'NaN']));
    writePoints(series, points(2, ['Infinity']));
    assert.deepEqual(valuesOf(series), [1, Number.NaN, Infinity]);
  });

  it('is not changed by a message that comes twice', () => {
    const series = emptySeries('loss');
    writePoints(series, points(0, [1, 2, 3]));
    writePoints(series, points(1, [2, 3]));
    assert.deepEqual(valuesOf(series), [1, 2, 3]);
  });

  it('begins anew when the points come from the first one again', () => {
    const series = emptySeries('loss');
    writePoints(series, points(0, [1, 2, 3]));
    writePoints(series, points(0, [9]));
    assert.deepEqual(valuesOf(series), [9]);
  });

  it('refuses points that leave a gap', () => {
    const series = emptySeries('loss');
    writePoints(series, points(0, [1]));
    assert.equal(writePoints(series, points(5, [2])), false);
    assert.deepEqual(valuesOf(series), [1]);
  });

  it('holds what was written, in whatever pieces it came', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.double(), { maxLength: 300 }), { maxLength: 8 }), (pieces) => {
        const series = emptySeries('loss');
        let from = 0;
        for (const piece of pieces) {
          writePoints(series, points(from, piece));
          from += piece.length;
        }
        assert.deepEqual(valuesOf(series), pieces.flat());
      }),
    );
  });
});
