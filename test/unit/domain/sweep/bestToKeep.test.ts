import assert from 'node:assert/strict';
import { bestToKeep } from '../../../../server/domain/sweep/best.ts';
import type { SweepSpec, SweepState } from '../../../../server/domain/sweep/state.ts';
import { reduceSweep } from '../../../../server/domain/sweep/sweep.ts';

type Row = { outcome: 'finished' | 'stopped' | 'failed'; values?: number[] };

/** A sweep whose trials have ended so. */
function sweepOf(rows: Row[]): SweepState {
  const spec: SweepSpec = {
    name: 's',
    space: { lr: { float: [0, 1] } },
    sampler: { type: 'random' },
    stopper: null,
    goals: [{ metric: 'accuracy', goal: 'maximize' }],
    trials: rows.length,
    parallel: rows.length,
    seed: 1,
    retries: 0,
  };
  let { state } = reduceSweep(undefined, { type: 'created', spec });
  for (const [trial, row] of rows.entries()) {
    state = reduceSweep(state, { type: 'trialEnded', trial, attempt: 0, ...row }).state;
  }
  return state;
}

describe('the trial whose model is taken', () => {
  const stopped: Row = { outcome: 'stopped', values: [0.97] };

  it('ran to its end, also where one that was stopped early had the same or a better value', () => {
    const rows: Row[] = [stopped, { outcome: 'finished', values: [0.95] }, { outcome: 'finished', values: [0.96] }];
    assert.equal(bestToKeep(sweepOf(rows))?.number, 2);
  });

  it('is the best so far where none has finished, and none where none has a value', () => {
    assert.equal(bestToKeep(sweepOf([{ outcome: 'failed' }, stopped]))?.number, 1);
    assert.equal(bestToKeep(sweepOf([{ outcome: 'failed' }])), undefined);
  });
});
