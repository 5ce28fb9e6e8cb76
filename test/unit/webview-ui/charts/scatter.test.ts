import assert from 'node:assert/strict';
import {
  dotAt,
  dotsWithin,
  drawableRows,
  frontLine,
  nearestDot,
  scatterOf,
} from '../../../../webview-ui/charts/scatter.ts';

const frame = { left: 0, right: 100, top: 0, bottom: 100 };
const scatter = scatterOf(
  { id: 'x', title: 'x', values: [0, 1, 2, 3] },
  { id: 'y', title: 'y', values: [0, 1, 'NaN', 3] },
);
const all = [0, 1, 2, 3];

describe('a scatter chart', () => {
  it('draws larger values further right and further up, and leaves out what has no place', () => {
    const [[x0, y0], [x3, y3]] = [dotAt(scatter, 0, frame), dotAt(scatter, 3, frame)];
    assert.ok(x3 > x0 && y3 < y0);
    assert.deepEqual(drawableRows(scatter, all), [0, 1, 3]);
  });

  it('finds the dot under the pointer and the dots in a box drawn in any direction', () => {
    const [x, y] = dotAt(scatter, 1, frame);
    assert.equal(nearestDot(scatter, [0, 1, 3], frame, { x: x + 2, y, within: 5 }), 1);
    assert.equal(nearestDot(scatter, [0, 3], frame, { x, y, within: 5 }), undefined);
    const corners = [
      { x: x + 1, y: y - 1 },
      { x: 0, y: 100 },
    ] as const;
    assert.deepEqual(dotsWithin(scatter, [0, 1, 3], frame, [corners[0], corners[1]]), [0, 1]);
    assert.deepEqual(dotsWithin(scatter, [0, 1, 3], frame, [corners[1], corners[0]]), [0, 1]);
  });

  it('the line of a Pareto front keeps to the side that the front dominates', () => {
    const both = scatterOf({ id: 'x', title: 'x', values: [0, 1] }, { id: 'y', title: 'y', values: [1, 0] });
    const [[x0, y0], [x1, y1]] = [dotAt(both, 0, frame), dotAt(both, 1, frame)];
    assert.deepEqual(frontLine(both, [1, 0], frame, 'minimize'), [x0, y0, x1, y0, x1, y1]);
    assert.deepEqual(frontLine(both, [0, 1], frame, 'maximize'), [x0, y0, x0, y1, x1, y1]);
  });
});
