import assert from 'node:assert/strict';
import {
  reduceTrialRuns,
  type TrialRunsCommand,
  type TrialRunsEvent,
  type TrialRunsState,
  trialOfTicket,
} from '../../../../server/domain/sweep/trialRuns.ts';

type Without<E> = E extends TrialRunsEvent ? Omit<E, 'at'> : never;

/** A sweep whose trials run elsewhere. */
function opened(trials: number, parallel: number, stopper = false) {
  let state: TrialRunsState | undefined;
  const commands: TrialRunsCommand[] = [];
  let at = 0;
  const tell = (event: Without<TrialRunsEvent>) => {
    const step = reduceTrialRuns(state, { at: ++at, ...event } as TrialRunsEvent);
    state = step.state;
    commands.push(...step.commands);
  };
  tell({
    type: 'created',
    id: 'w1',
    project: 'digits',
    folder: '',
    title: 'lr',
    spec: {
      name: 'w1',
      space: { lr: { float: [0, 1] } },
      sampler: { type: 'random' },
      stopper: stopper ? { type: 'asha', reduction: 2, minResource: 1 } : null,
      goals: [{ metric: 'loss', goal: 'minimize' }],
      trials,
      parallel,
      seed: 1,
      retries: 0,
    },
  });
  return { tell, commands, state: () => state!, given: (ticket: string) => trialOfTicket(state!, ticket)?.number };
}

describe('a sweep whose trials run elsewhere', () => {
  it('gives each ticket one trial, as many at once as may run, and makes no runs', () => {
    const it = opened(3, 2);
    for (const ticket of ['a', 'a', 'b', 'c']) it.tell({ type: 'asked', ticket });
    assert.deepEqual(['a', 'b', 'c'].map(it.given), [0, 1, undefined]);
    it.tell({ type: 'told', trial: 0, values: [0.5] });
    it.tell({ type: 'asked', ticket: 'c' });
    assert.equal(it.given('c'), 2);
    assert.deepEqual(it.commands, []);
  });

  it('ends with the last trial; what is told of one that has ended changes nothing', () => {
    const it = opened(2, 2);
    it.tell({ type: 'asked', ticket: 'a' });
    it.tell({ type: 'asked', ticket: 'b' });
    it.tell({ type: 'told', trial: 0, values: [0.5] });
    it.tell({ type: 'told', trial: 0, values: [0.1] });
    it.tell({ type: 'told', trial: 1, failed: true });
    const { status, sweep } = it.state();
    assert.deepEqual([status, sweep!.best, sweep!.counts], ['ended', [0], { finished: 1, stopped: 0, failed: 1 }]);
  });

  it('ends a trial at once that is to stop early', () => {
    const it = opened(4, 2, true);
    it.tell({ type: 'asked', ticket: 'a' });
    it.tell({ type: 'asked', ticket: 'b' });
    it.tell({ type: 'told', trial: 0, step: 1, values: [0.1] });
    it.tell({ type: 'told', trial: 1, step: 1, values: [0.9] });
    assert.equal(trialOfTicket(it.state(), 'b')!.status, 'stopped');
    assert.equal(trialOfTicket(it.state(), 'a')!.status, 'running');
  });

  it('notes when trials began and ended', () => {
    const it = opened(1, 1);
    it.tell({ type: 'asked', ticket: 'a' });
    it.tell({ type: 'told', trial: 0, values: [1] });
    const { startedAt, endedAt } = it.state().sweep!.trials[0]![0]!;
    assert.deepEqual([startedAt, endedAt], [2, 3]);
  });

  it('goes on after its end when it gets more trials', () => {
    const it = opened(1, 1);
    it.tell({ type: 'asked', ticket: 'a' });
    it.tell({ type: 'told', trial: 0, values: [1] });
    it.tell({ type: 'extended', trials: 1 });
    assert.equal(it.state().status, 'ended');
    it.tell({ type: 'extended', trials: 2 });
    assert.deepEqual([it.state().status, it.state().endedAt, it.state().sweep!.active], ['running', undefined, [1]]);
  });
});
