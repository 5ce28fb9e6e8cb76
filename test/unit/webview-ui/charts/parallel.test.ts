import assert from 'node:assert/strict';
import {
  axisX,
  bundledLines,
  nearestLine,
  type ParallelFrame,
  parallelAxes,
  parallelLines,
  rowsByColor,
  withinBrushes,
} from '../../../../webview-ui/charts/parallel.ts';

const frame: ParallelFrame = { left: 0, right: 100, top: 0, bottom: 100, missing: 110 };
const axes = parallelAxes([
  { id: 'lr', title: 'lr', values: [0, 0.5, 1, null] },
  { id: 'loss', title: 'loss', values: [1, 0.5, 0, 0.5] },
]);
const all = [0, 1, 2, 3];

describe('parallel coordinates', () => {
  it('a brush keeps the rows inside it, and drops those without a value there', () => {
    const [low, high] = [axes[0]!.places[1]! - 0.01, 1] as const;
    assert.deepEqual(withinBrushes(axes, { lr: [low, high] }, all), [1, 2]);
    assert.deepEqual(withinBrushes(axes, {}, all), all);
  });

  it('brushes on several axes all count', () => {
    const half = axes[1]!.places[1]!;
    assert.deepEqual(withinBrushes(axes, { lr: [0, 1], loss: [half, 1] }, all), [0, 1]);
  });

  it('a row without a value passes below the axis, and its line goes on', () => {
    const path = parallelLines(axes, [3], frame);
    assert.equal(path[1], frame.missing);
    assert.ok(path[3]! > frame.top && path[3]! < frame.bottom);
    assert.equal(axes[0]!.hasMissing, true);
    assert.equal(axes[1]!.hasMissing, false);
  });

  it('finds the line under the pointer, and none far from all', () => {
    assert.equal(nearestLine(axes, all, frame, { x: 1, y: 99 - axes[0]!.places[2]! * 100, within: 8 }), 2);
    assert.equal(nearestLine(axes, [1], frame, { x: 50, y: 5, within: 8 }), undefined);
  });

  it('spreads axes over the width, and puts one alone in the middle', () => {
    assert.deepEqual(
      [0, 1, 2].map((i) => axisX(frame, i, 3)),
      [0, 50, 100],
    );
    assert.equal(axisX(frame, 0, 1), 50);
  });

  it('bundles rows that run alike into one line, heavier where more pass; each place keeps its line', () => {
    const values = Array.from({ length: 3000 }, (_, i) => (i < 2990 ? 0.1 : 0.9));
    const many = parallelAxes([
      { id: 'a', title: 'a', values: [...values, null] },
      { id: 'b', title: 'b', values: [...values, 0.1] },
    ]);
    const rows = many[0]!.places.length;
    const bundles = bundledLines(
      many,
      Array.from({ length: rows }, (_, i) => i),
      frame,
      {
        by: many[1],
        steps: 4,
        parts: 10,
      },
    );
    const lines = bundles.map(({ weight, path }) => [weight, path.length / 6]);
    assert.deepEqual(lines, [
      [0, 1],
      [0, 1],
      [2, 1],
    ]);
    assert.ok(bundles.some(({ path }) => path[1] === frame.missing));
    assert.equal(new Set(bundles.map(({ color, weight }) => `${color} ${weight}`)).size, bundles.length);
  });

  it('colours rows by the value of a dimension; rows without one apart', () => {
    const groups = rowsByColor(axes[0], all, 2);
    assert.deepEqual(groups[0], [0]);
    assert.deepEqual(groups[1], [1, 2]);
    assert.deepEqual(groups[2], [3]);
  });
});
