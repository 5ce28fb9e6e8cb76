import assert from 'node:assert/strict';
import { bestToKeep } from '../../../../server/domain/sweep/best.ts';
import { pagesOf } from '../../../../server/domain/sweep/pages.ts';
import type { SweepState } from '../../../../server/domain/sweep/state.ts';

type Row = { status: string; values: number[] | null };

/** As much of a sweep as the choice looks at. */
function sweepOf(rows: Row[], best: number[]): SweepState {
  const trials = pagesOf(rows.map((row, number) => ({ number, ...row })));
  return { spec: { goals: [{ metric: 'accuracy', goal: 'maximize' }] }, trials, best } as unknown as SweepState;
}

describe('the trial whose model is taken', () => {
  const stopped = { status: 'stopped', values: [0.97] };

  it('ran to its end, also where one that was stopped early had the same or a better value', () => {
    const rows = [stopped, { status: 'finished', values: [0.95] }, { status: 'finished', values: [0.96] }];
    assert.equal(bestToKeep(sweepOf(rows, [0]))?.number, 2);
  });

  it('is the best so far where none has finished, and none where none has a value', () => {
    assert.equal(bestToKeep(sweepOf([{ status: 'failed', values: null }, stopped], [1]))?.number, 1);
    assert.equal(bestToKeep(sweepOf([{ status: 'failed', values: null }], [])), undefined);
  });
});
