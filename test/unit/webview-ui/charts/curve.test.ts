import assert from 'node:assert/strict';
import { type CurveOptions, curveOf, groupTags } from '../../../../webview-ui/charts/curve.ts';
import { smooth } from '../../../../webview-ui/charts/smoothing.ts';
import { emptySeries, writePoints } from '../../../../webview-ui/store/series.ts';

const options: CurveOptions = { xAxis: 'step', smoothing: 0, logY: false };

function seriesOf(steps: number[], values: (number | 'NaN' | 'Infinity')[], wallTimes = steps) {
  const series = emptySeries('loss');
  writePoints(series, { from: 0, steps, wallTimes, values });
  return series;
}

describe('smoothing', () => {
  it('has no bias towards zero at the beginning', () => {
    assert.deepEqual(
      [...smooth([5, 5, 5], 0.9)].map((value) => value.toFixed(9)),
      Array(3).fill('5.000000000'),
    );
  });

  it('agrees with the formula of TensorBoard', () => {
    const [first, second] = smooth([1, 3], 0.6);
    assert.ok(Math.abs(first! - 1) < 1e-12);
    assert.ok(Math.abs(second! - (0.6 * 0.4 * 1 + 0.4 * 3) / (1 - 0.36)) < 1e-12);
  });

  it('lets points that are no numbers stand, without spoiling what follows', () => {
    const smoothed = smooth([2, Number.NaN, 2], 0.5);
    assert.ok(Number.isNaN(smoothed[1]!));
    assert.equal(smoothed[2], 2);
  });
});

describe('a curve', () => {
  it('marks and counts what is no number, and breaks the line there', () => {
    const curve = curveOf(seriesOf([0, 1, 2], [1, 'NaN', 'Infinity']), options);
    assert.deepEqual(curve.raw, [1, null, null]);
    assert.deepEqual(curve.marks, [
      { x: 1, kind: 'NaN' },
      { x: 2, kind: 'Infinity' },
    ]);
  });

  it('draws the later points where a run went back to a checkpoint, and counts the others', () => {
    const curve = curveOf(seriesOf([0, 10, 20, 10, 20, 30], [6, 5, 4, 3, 2, 1]), options);
    assert.deepEqual([...curve.x], [0, 10, 20, 30]);
    assert.deepEqual(curve.raw, [6, 3, 2, 1]);
    assert.equal(curve.superseded, 2);
  });

  it('keeps every point over time, in order', () => {
    const curve = curveOf(seriesOf([0, 1, 0], [1, 2, 3], [100, 102, 101]), { ...options, xAxis: 'relative' });
    assert.deepEqual([...curve.x], [0, 1, 2]);
    assert.deepEqual(curve.raw, [1, 3, 2]);
  });

  it('counts what a logarithmic axis cannot show', () => {
    const curve = curveOf(seriesOf([0, 1, 2], [0, -1, 2]), { ...options, logY: true });
    assert.deepEqual(curve.raw, [null, null, 2]);
    assert.equal(curve.belowLog, 2);
  });
});

describe('groups of tags', () => {
  it('have the objective first, then prefixes, then tags without one', () => {
    const groups = groupTags(['lr', 'val/loss', 'train/loss', 'val/accuracy'], 'val/accuracy');
    assert.deepEqual(
      groups.map(({ prefix, tags }) => [prefix, ...tags]),
      [
        ['val/accuracy', 'val/accuracy'],
        ['train', 'train/loss'],
        ['val', 'val/loss'],
        ['', 'lr'],
      ],
    );
  });
});
