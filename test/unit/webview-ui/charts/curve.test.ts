import assert from 'node:assert/strict';
import type { Float } from '../../../../server/protocol/entities.ts';
import {
  type CurveOptions,
  curveOf,
  envelopeOf,
  extentX,
  extentY,
  firstCurveOptions,
  groupTags,
  nearestPoint,
} from '../../../../webview-ui/charts/curve.ts';
import { smooth } from '../../../../webview-ui/charts/smoothing.ts';
import { seriesOf } from '../../../../webview-ui/store/series.ts';

const options: CurveOptions = { ...firstCurveOptions, smoothing: 0 };

function curve(
  steps: number[],
  values: Float[],
  given: Partial<CurveOptions> = {},
  wallTimes = steps,
  covered?: number,
) {
  const nonFinite = { nan: 0, positiveInfinity: 0, negativeInfinity: 0 };
  const part = { run: 'r', tag: 'loss', total: covered ?? steps.length, superseded: 0, nonFinite };
  return curveOf(seriesOf({ ...part, steps, wallTimes, values }), { ...options, ...given });
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

  it('of a thinned series lets each point count for all that it stands for', () => {
    const thinned = curve([0, 10, 20], [0, 1, 1], { smoothing: 0.9 }, [0, 10, 20], 30);
    assert.ok(Math.abs(thinned.smoothed[1]! - smooth([0, 1], 0.9 ** 10)[1]!) < 1e-12);
  });
});

describe('a curve', () => {
  it('marks what is no number at the step where it stands', () => {
    const { marks, values } = curve([0, 1, 2], [1, 'NaN', 'Infinity']);
    assert.deepEqual(marks, [
      { x: 1, kind: 'NaN' },
      { x: 2, kind: 'Infinity' },
    ]);
    assert.ok(Number.isNaN(values[1]!));
  });

  it('rises in x, whatever the order in which points were written; equal ones keep theirs', () => {
    const { x, values } = curve([0, 20, 10, 10], [1, 2, 3, 4]);
    assert.deepEqual([...x], [0, 10, 10, 20]);
    assert.deepEqual([...values], [1, 3, 4, 2]);
  });

  it('over time begins at zero, or at the time of the clock', () => {
    assert.deepEqual([...curve([5, 6], [1, 2], { xAxis: 'relative' }, [100, 103]).x], [0, 3]);
    assert.deepEqual([...curve([5, 6], [1, 2], { xAxis: 'wall' }, [100, 103]).x], [100, 103]);
  });

  it('counts what a logarithmic y axis has no place for', () => {
    assert.equal(curve([0, 1, 2], [-1, 0, 1], { logY: true }).belowLog, 2);
    assert.equal(curve([0, 1, 2], [-1, 0, 1]).belowLog, 0);
  });

  it('a logarithmic x axis begins at the first positive step', () => {
    assert.deepEqual(extentX([curve([0, 1, 100], [1, 1, 1])], true), [1, 100]);
  });

  it('the y axis fits what is shown, and leaves out outliers where asked', () => {
    const steps = Array.from({ length: 100 }, (_, i) => i);
    const one = curve(
      steps,
      steps.map((step) => (step === 50 ? 1e6 : step)),
    );
    assert.deepEqual(extentY([one], options, [0, 99]), [0, 1e6]);
    assert.deepEqual(extentY([one], options, [0, 10]), [0, 10]);
    const [low, high] = extentY([one], { ...options, ignoresOutliers: true }, [0, 99]);
    assert.ok(low >= 4 && high <= 96, `${low} to ${high}`);
  });

  it('the envelope of a part is its lowest and highest value', () => {
    const one = curve([0, 1, 2, 3], [5, 1, 'NaN', 7]);
    assert.deepEqual(envelopeOf(one, [0, 4], 2), [
      { x: 1, low: 1, high: 5 },
      { x: 3, low: 7, high: 7 },
    ]);
  });

  it('finds the nearest point to the cross-hair', () => {
    const one = curve([0, 10, 20], [1, 2, 3]);
    assert.deepEqual(
      [-5, 4, 6, 14, 99].map((x) => nearestPoint(one, x)),
      [0, 0, 1, 1, 2],
    );
    assert.equal(nearestPoint(curve([], []), 3), undefined);
  });
});

describe('tags', () => {
  it('stand in groups by prefix; pinned ones first in the order of pinning, those without a prefix last', () => {
    assert.deepEqual(groupTags(['z', 'train/loss', 'val/accuracy', 'train/lr', 'val/f1'], ['val/f1', 'gone', 'z']), [
      { prefix: '', tags: ['val/f1', 'z'], pinned: true },
      { prefix: 'train', tags: ['train/loss', 'train/lr'], pinned: false },
      { prefix: 'val', tags: ['val/accuracy'], pinned: false },
    ]);
  });

  it('are ordered as people count', () => {
    assert.deepEqual(groupTags(['layer10', 'layer2'], [])[0]!.tags, ['layer2', 'layer10']);
  });
});
