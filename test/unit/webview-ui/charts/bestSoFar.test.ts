import assert from 'node:assert/strict';
import type { EntityOf } from '../../../../server/protocol/entities.ts';
import { trialPoints } from '../../../../webview-ui/charts/bestSoFar.ts';

type Trial = EntityOf<'trials'>;

const trial = (number: number, status: Trial['status'], value?: Trial['value']): Trial => ({
  ...{ id: `s/${number}`, sweep: 's', reason: '', params: {}, attempt: 1 },
  ...{ number, status, value },
});

describe('best so far', () => {
  it('follows the goal over trials in the order of their numbers', () => {
    const trials = [trial(2, 'finished', 0.7), trial(0, 'finished', 0.5), trial(1, 'stoppedEarly', 0.4)];
    assert.deepEqual(trialPoints(trials, 'maximize').best, [0.5, 0.5, 0.7]);
    assert.deepEqual(trialPoints(trials, 'minimize').best, [0.5, 0.4, 0.4]);
  });

  it('does not count a trial that still runs or has failed', () => {
    const trials = [trial(0, 'running', 0.9), trial(1, 'failed', 0.8), trial(2, 'finished', 0.1)];
    assert.deepEqual(trialPoints(trials, 'maximize').best, [null, null, 0.1]);
  });

  it('counts values that are no numbers instead of drawing them', () => {
    const points = trialPoints([trial(0, 'finished', 'NaN'), trial(1, 'finished', 1), trial(2, 'waiting')], 'minimize');
    assert.deepEqual(points.numbers, [1]);
    assert.equal(points.nonFinite, 1);
  });
});
