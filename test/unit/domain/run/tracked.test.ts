import assert from 'node:assert/strict';
import { reduceTracked, type TrackedEvent, type TrackedState } from '../../../../server/domain/run/tracked.ts';

const created: TrackedEvent = {
  ...{ type: 'created', at: 1, id: 'r1', project: 'p', experiment: '1', isForeign: true, name: 'one', user: '' },
  ...{ startTime: 1, tags: {} },
};
const logged = (step: number, timestamp: number, value: number): TrackedEvent => ({
  ...{ type: 'logged', at: 2, params: {}, tags: {} },
  metrics: [{ key: 'loss', value, timestamp, step }],
});

function reduced(...events: TrackedEvent[]) {
  let state: TrackedState | undefined;
  const receipts: string[] = [];
  for (const event of events) {
    const reduction = reduceTracked(state, event);
    state = reduction.state;
    receipts.push(...reduction.receipts.map(({ kind }) => kind));
  }
  return { state: state!, receipts };
}

describe('a run that an MLflow client tracks', () => {
  it('has of each metric the value of the highest step, then time, then value, in whatever order they come', () => {
    const events = [logged(2, 10, 5), logged(1, 99, 6), logged(2, 11, 1), logged(2, 11, 3), logged(2, 11, 2)];
    for (const order of [events, events.toReversed()]) {
      assert.deepEqual(reduced(created, ...order).state.metrics['loss'], { value: 3, timestamp: 11, step: 2 });
    }
  });

  it('gets one receipt, when it ends, unless it is a run of ours that gets its own', () => {
    const end: TrackedEvent = { type: 'updated', at: 5, status: 'FINISHED' };
    const { state, receipts } = reduced(created, end, { ...end, status: 'FAILED' });
    assert.deepEqual([receipts, state.endTime, state.status], [['run.finished'], 5, 'FAILED']);
    assert.deepEqual(reduced({ ...created, isForeign: false } as TrackedEvent, end).receipts, []);
  });

  it('runs again when its client says so', () => {
    const end: TrackedEvent = { type: 'updated', at: 5, status: 'FINISHED' };
    assert.equal(reduced(created, end, { type: 'updated', at: 6, status: 'RUNNING' }).state.endTime, undefined);
  });
});
