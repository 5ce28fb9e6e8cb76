import assert from 'node:assert/strict';
import fc from 'fast-check';
import { axisOf } from '../../../../webview-ui/charts/axis.ts';
import type { Cell } from '../../../../webview-ui/charts/dimension.ts';

describe('an axis', () => {
  it('keeps the order of numbers and gives each back at its place', () => {
    const numbers = fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(numbers, (values) => {
        const axis = axisOf(values, { isLog: false });
        const sorted = [...values].sort((a, b) => a - b);
        const places = sorted.map((value) => axis.place(value)!);
        for (const [i, place] of places.entries()) {
          assert.ok(place >= 0 && place <= 1, `${sorted[i]} is at ${place}`);
          assert.ok(i === 0 || place >= places[i - 1]!);
          const span = Math.abs(Number(axis.valueAt(1)) - Number(axis.valueAt(0)));
          assert.ok(Math.abs(Number(axis.valueAt(place)) - sorted[i]!) <= 1e-9 * span + 1e-12);
        }
      }),
    );
  });

  it('is logarithmic where the values span decades, with powers of ten as ticks', () => {
    const axis = axisOf([0.0001, 0.001, 0.1]);
    assert.equal(axis.kind, 'log');
    assert.deepEqual(
      axis.ticks.map((tick) => tick.value),
      [0.0001, 0.001, 0.01, 0.1],
    );
    assert.ok(Math.abs(axis.place(0.001)! - axis.place(0.0001)! - (axis.place(0.01)! - axis.place(0.001)!)) < 1e-12);
  });

  it('has no place for what is missing, not finite, or not positive on a logarithmic axis', () => {
    const axis = axisOf([0, 1, 1000, Number.NaN, 'NaN', null], { isLog: true });
    for (const cell of [0, Number.NaN, 'NaN', null, undefined, Infinity] as Cell[]) {
      assert.equal(axis.place(cell), undefined);
    }
    assert.ok(axis.place(1) !== undefined);
  });

  it('puts a single value in the middle', () => {
    assert.ok(Math.abs(axisOf([7, 7]).place(7)! - 0.5) < 1e-9);
    assert.ok(Math.abs(axisOf([0]).place(0)! - 0.5) < 1e-9);
    assert.ok(Math.abs(axisOf(['adam']).place('adam')! - 0.5) < 1e-9);
  });

  it('gives each category a place of its own, numbers among words included', () => {
    const axis = axisOf(['relu', 'tanh', true, 2]);
    assert.equal(axis.kind, 'category');
    assert.equal(new Set(['relu', 'tanh', true, 2].map((cell) => axis.place(cell))).size, 4);
    assert.equal(axis.valueAt(axis.place('tanh')!), 'tanh');
  });

  it('letters few enough ticks to be read, however many values there are', () => {
    const numbers = fc.array(fc.double({ min: 1e-12, max: 1e12, noNaN: true }), { minLength: 2, maxLength: 50 });
    fc.assert(fc.property(numbers, (values) => axisOf(values, { ticks: 5 }).ticks.length <= 13));
    const names = Array.from({ length: 500 }, (_, i) => `name ${i}`);
    assert.ok(axisOf(names).ticks.length <= 12);
  });
});
