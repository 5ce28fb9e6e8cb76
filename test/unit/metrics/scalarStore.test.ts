import assert from 'node:assert/strict';
import { ScalarStore } from '../../../server/metrics/scalarStore.ts';

function batch(tag: string, values: number[], firstStep = 0) {
  return {
    tag,
    steps: Float64Array.from(values, (_, i) => firstStep + i),
    wallTimes: Float64Array.from(values, (_, i) => 1000 + firstStep + i),
    values: Float64Array.from(values),
  };
}

describe('ScalarStore', () => {
  it('lists tags with their count and last point', () => {
    const store = new ScalarStore();
    store.apply({ run: 'a', isReset: false, scalars: [batch('loss', [3, 2]), batch('acc', [0.5])] });
    store.apply({ run: 'a', isReset: false, scalars: [batch('loss', [Number.NaN], 2)] });
    assert.deepEqual(store.runs(), ['a']);
    assert.deepEqual(store.tags('a'), [
      { tag: 'loss', count: 3, kept: 3, lastStep: 2, lastWallTime: 1002, lastValue: Number.NaN },
      { tag: 'acc', count: 1, kept: 1, lastStep: 0, lastWallTime: 1000, lastValue: 0.5 },
    ]);
    assert.equal(store.lastValue('a', 'acc'), 0.5);
    assert.equal(store.lastValue('a', 'other'), undefined);
    assert.equal(store.lastValue('b', 'loss'), undefined);
  });

  it('gives the points from an index on', () => {
    const store = new ScalarStore();
    store.apply({ run: 'a', isReset: false, scalars: [batch('loss', [1, 2, 3, 4])] });
    const part = store.since('a', 'loss', 2)!;
    assert.deepEqual([part.start, [...part.points.values]], [2, [3, 4]]);
    assert.equal(store.since('a', 'loss', 4, part.generation)!.points.length, 0);
  });

  it('voids what a run had when it is reset, and tells holders of old indexes', () => {
    const store = new ScalarStore();
    store.apply({ run: 'a', isReset: false, scalars: [batch('loss', [1, 2, 3])] });
    const { generation } = store.since('a', 'loss')!;
    store.apply({ run: 'a', isReset: true, scalars: [] });
    assert.deepEqual(store.tags('a'), []);
    store.apply({ run: 'a', isReset: false, scalars: [batch('loss', [7])] });
    const part = store.since('a', 'loss', 3, generation)!;
    assert.deepEqual([part.start, [...part.points.values]], [0, [7]]);
  });

  it('stays within its limits, keeps extremes and counts what it saw', () => {
    const store = new ScalarStore({ maxPoints: 2000, maxSeries: 2 });
    const values = Array.from({ length: 500 }, (_, i) => (i === 77 ? 1e6 : Math.sin(i)));
    store.apply({ run: 'a', isReset: false, scalars: [batch('long', values)] });
    const { generation } = store.since('a', 'long')!;
    for (let i = 1; i < 20; i++) store.apply({ run: 'a', isReset: false, scalars: [batch('long', values, i * 500)] });
    assert.equal(store.since('a', 'long', 500, generation)!.start, 0);
    store.apply({ run: 'a', isReset: false, scalars: [batch('short', [1, 2]), batch('refused', [1, 2, 3])] });
    const [long, short, refused] = store.tags('a');
    assert.equal(long!.count, 10_000);
    assert.ok(long!.kept <= 2000 && long!.kept > 100);
    assert.equal(long!.lastStep, 9999);
    assert.equal(Math.max(...store.since('a', 'long')!.points.values), 1e6);
    assert.equal(short!.kept, 2);
    assert.equal(refused, undefined);
    assert.equal(store.refusedPoints, 3);
  });

  it('answers a chart of a part', () => {
    const store = new ScalarStore();
    store.apply({ run: 'a', isReset: false, scalars: [batch('loss', [5, 6, 7, 8])] });
    const part = store.downsampled('a', 'loss', 100, { by: 'step', from: 1, to: 2 });
    assert.deepEqual([...part!.points.values], [6, 7]);
    assert.equal(store.downsampled('a', 'none', 100), undefined);
  });
});
