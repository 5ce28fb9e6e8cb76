import assert from 'node:assert/strict';
import { advance } from '../../../server/protocol/resume.ts';

describe('resuming after a break', () => {
  it('asks a topic from the last cursor on, and from the start after a resync', () => {
    const first = { type: 'subscribe', id: 's1', topic: 'runs' } as const;
    const moved = advance(first, { type: 'changes', id: 's1', cursor: 7, ready: true, changed: [], removed: [] });
    assert.deepEqual(moved, { ...first, cursor: 7 });
    assert.deepEqual(advance(moved, { type: 'resync', id: 's1' }), { ...first, cursor: undefined });
  });

  it('asks a log from the next byte on', () => {
    const first = { type: 'logs', id: 's1', run: 'r', offset: -100 } as const;
    const moved = advance(first, {
      type: 'logs',
      id: 's1',
      offset: 50,
      next: 150,
      text: 'x'.repeat(100),
      ended: false,
    });
    assert.deepEqual(moved, { ...first, offset: 150 });
  });

  it('asks metrics for what is not held of each tag', () => {
    const first = { type: 'metrics', id: 's1', run: 'r', have: { loss: 2 } } as const;
    const points = { steps: [2, 3], wallTimes: [0, 0], values: [1, 1] };
    const moved = advance(first, { type: 'metrics', id: 's1', run: 'r', tag: 'loss', from: 2, ...points });
    assert.deepEqual(moved, { ...first, have: { loss: 4 } });
    assert.deepEqual(advance(moved, { type: 'resync', id: 's1' }), { ...first, have: {} });
  });
});
