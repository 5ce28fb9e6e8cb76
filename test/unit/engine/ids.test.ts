import assert from 'node:assert/strict';
import { idOf, newId } from '../../../server/engine/ids.ts';

describe('ids', () => {
  it('sort by age', () => {
    const times = [0, 1, 31, 32, 1e9, 1.7e12, 1.7e12 + 1, 3e13];
    const ids = times.map((at) => newId('r', at));
    assert.deepEqual(ids.toSorted(), ids);
  });

  it('never collide at the same time', () => {
    const ids = Array.from({ length: 10_000 }, () => newId('r', 1.7e12));
    assert.equal(new Set(ids).size, ids.length);
  });

  it('are the same for the same request, and others for another or another kind', () => {
    assert.equal(newId('r', 1, 'q1'), newId('r', 2, 'q1'));
    assert.equal(new Set([newId('r', 1, 'q1'), newId('r', 1, 'q2'), newId('w', 1, 'q1').slice(1)]).size, 3);
  });

  it('are good as names of files, processes and Kubernetes objects', () => {
    for (const id of [newId('r', 1.7e12), newId('r', 1, '../etc'), idOf('s', { a: '/' })])
      assert.match(id, /^[a-z][a-z0-9]{10,40}$/);
  });

  it('follow from what a thing is made of', () => {
    assert.equal(idOf('s', ['a', { b: 1 }]), idOf('s', ['a', { b: 1 }]));
    assert.notEqual(idOf('s', ['a', { b: 1 }]), idOf('s', ['a', { b: 2 }]));
  });
});
