import assert from 'node:assert/strict';
import type { ReceiptDraft, Send } from '../../../../server/domain/reducer.ts';
import type { RunSpec } from '../../../../server/domain/run/run.ts';
import {
  reduceTrialRuns,
  type TrialRunsCommand,
  type TrialRunsEvent,
  type TrialRunsState,
  trialRunId,
} from '../../../../server/domain/sweep/trialRuns.ts';
import { runSpec } from '../run/specs.ts';

type Without<E> = E extends TrialRunsEvent ? Omit<E, 'at'> : never;
type Happening = Without<TrialRunsEvent>;
type Objective = Extract<TrialRunsEvent, { type: 'runEnded' }>['objective'];

function created(trials: number, parallel: number, retries = 0, stopper = false): Happening {
  return {
    type: 'created',
    id: 'w1',
    project: 'digits',
    folder: '/home/u/digits',
    title: 'lr',
    template: runSpec({ id: 'w1-template', params: { epochs: 3 }, retries: 5, resolve: true }),
    parent: { kind: 'pipeline', id: 'p1' },
    spec: {
      name: 'w1',
      space: { lr: { float: [0, 1] } },
      sampler: { type: 'random' },
      stopper: stopper ? { type: 'median' } : null,
      goals: [{ metric: 'loss', goal: 'minimize' }],
      trials,
      parallel,
      seed: 1,
      retries,
    },
  };
}
const ref = { name: 'features', subject: 'output:s1/features', md5: 'a'.repeat(32), sha256: 'a'.repeat(64) };
const prepared: Happening = { type: 'prepared', dataset: 'digits@v1', refs: [ref] };

function ended(run: string, objective: Objective, status = 'succeeded', early = false): Happening {
  const trial = Number(/-t(\d+)/.exec(run)![1]);
  return {
    type: 'runEnded',
    run,
    trial,
    status,
    early,
    reason: status === 'succeeded' ? '' : 'exit status 1',
    objective,
  };
}

class Sweep {
  state: TrialRunsState | undefined;
  commands: TrialRunsCommand[] = [];
  receipts: ReceiptDraft[] = [];
  #at = 0;

  constructor(...events: Happening[]) {
    this.tell(...events);
  }

  tell(...events: Happening[]): this {
    for (const event of events) {
      const step = reduceTrialRuns(this.state, { at: ++this.#at, ...event } as TrialRunsEvent);
      this.state = step.state;
      this.commands.push(...step.commands);
      this.receipts.push(...step.receipts);
    }
    return this;
  }

  sends(type: string): Send[] {
    return this.commands.filter((command): command is Send => command.type === 'send' && command.event.type === type);
  }

  /** The specifications of the runs that were made. */
  get runs(): RunSpec[] {
    return this.sends('created').map(({ event }) => event['spec'] as RunSpec);
  }
}

describe('trial runs of a sweep', () => {
  it('prepares what the trials share once, before any trial', () => {
    const sweep = new Sweep(created(4, 2));
    assert.deepEqual(sweep.commands, [{ type: 'sweep.prepare' }]);
    sweep.tell(prepared, prepared);
    assert.deepEqual(
      sweep.runs.map(({ id }) => id),
      ['w1-t0', 'w1-t1'],
    );
    sweep.tell({ type: 'prepared', dataset: 'digits@v2', refs: [] }, ended('w1-t0', { value: 1 }));
    assert.deepEqual([sweep.runs[2]!.dataset, sweep.runs[2]!.inputs], ['digits@v1', [ref]], 'what came first holds');
  });

  it('makes each trial a run with its parameters on top, the shared inputs, and no retries of its own', () => {
    const [run] = new Sweep(created(1, 1), prepared).runs;
    assert.deepEqual(Object.keys(run!.params).sort(), ['epochs', 'lr']);
    const { kind, retries, resolve, dataset, inputs, parent, trial } = run!;
    assert.deepEqual(
      { kind, retries, resolve, dataset, inputs, parent, trial },
      {
        kind: 'trial',
        retries: 0,
        resolve: false,
        dataset: 'digits@v1',
        inputs: [ref],
        parent: { kind: 'sweep', id: 'w1' },
        trial: 0,
      },
    );
  });

  it('starts the next trial when one ends, tells its parent the best, and names its inputs in one receipt', () => {
    const sweep = new Sweep(created(3, 1), prepared);
    for (const [i, value] of [0.5, 0.1, 0.3].entries()) sweep.tell(ended(trialRunId('w1', i, 0), { value }));
    assert.equal(sweep.runs.length, 3);
    assert.deepEqual(
      sweep.sends('sweepEnded').map(({ event }) => event['best']),
      [{ trial: 1, run: 'w1-t1', value: 0.1 }],
    );
    assert.equal(sweep.receipts.length, 1);
    assert.equal(sweep.receipts[0]!.subject.name, 'sweep:w1');
    assert.deepEqual(sweep.receipts[0]!.inputs, [{ name: ref.subject, digest: { md5: ref.md5, sha256: ref.sha256 } }]);
  });

  it('knows when each attempt at a trial began and was over', () => {
    const run = 'w1-t0';
    const sweep = new Sweep(
      created(1, 1, 1),
      prepared,
      { type: 'runStarted', run, trial: 0 },
      ended(run, null, 'failed'),
    );
    const trial = () => sweep.state!.sweep!.trials[0]![0]!;
    assert.deepEqual([trial().startedAt, trial().endedAt], [undefined, undefined], 'the second attempt has not begun');
    const again = 'w1-t0-1';
    sweep.tell({ type: 'runStarted', run: again, trial: 0 }, ended(again, { value: 1 }));
    assert.deepEqual([trial().startedAt, trial().endedAt], [5, 6]);
  });

  it('takes for its first report what began a trial, where the start is heard of late', () => {
    const report: Happening = { type: 'reported', run: 'w1-t0', trial: 0, attempt: 0, step: 1, values: [1] };
    const sweep = new Sweep(created(1, 1), prepared, report, { type: 'runStarted', run: 'w1-t0', trial: 0 });
    assert.equal(sweep.state!.sweep!.trials[0]![0]!.startedAt, 3);
  });

  it('names the same best trial in its receipt as to its parent: one that ran to its end', () => {
    const stopped = (): Happening => ({ ...ended('w1-t0', null, 'stopped', true), reason: 'early' }) as Happening;
    const report: Happening = { type: 'reported', run: 'w1-t0', trial: 0, attempt: 0, step: 1, values: [0.1] };
    const sweep = new Sweep(created(2, 2), prepared, report, stopped(), ended('w1-t1', { value: 0.5 }));
    const [told] = sweep.sends('sweepEnded');
    assert.equal((told!.event['best'] as { trial: number }).trial, 1);
    const [receipt] = sweep.receipts;
    assert.deepEqual(
      (receipt!.evidence['best'] as { trial: number }[]).map(({ trial }) => trial),
      [1],
    );
    assert.match(receipt!.decision, /^Trial 1 of 2 trials is the best: loss 0\.5\.$/);
  });

  it('tells its parent why there is no best when every trial failed', () => {
    const sweep = new Sweep(created(1, 1), prepared, ended('w1-t0', null, 'failed'));
    const [told] = sweep.sends('sweepEnded');
    assert.equal(told!.event['reason'], 'No trial ended with a value; trial 0: exit status 1');
  });

  it('is deleted with the runs of all attempts once it has ended, and once', () => {
    const remove: Happening = { type: 'deleted', dependents: [] };
    const sweep = new Sweep(created(2, 2, 1), prepared, remove);
    assert.deepEqual(sweep.sends('deleted'), [], 'not while it runs');
    sweep.tell(ended('w1-t0', null, 'failed'), ended('w1-t0-1', { value: 1 }), ended('w1-t1', { value: 2 }));
    sweep.tell(remove, remove);
    assert.deepEqual(
      sweep.sends('deleted').map(({ to }) => to.id),
      ['w1-t0', 'w1-t0-1', 'w1-t1'],
    );
    assert.deepEqual(
      sweep.receipts.map(({ kind, subject }) => [kind, subject.name]),
      [
        ['sweep.finished', 'sweep:w1'],
        ['deleted', 'sweep:w1'],
      ],
    );
  });

  it('starts a failed trial again as a new run of the same parameters', () => {
    const sweep = new Sweep(created(1, 1, 1), prepared, ended('w1-t0', null, 'failed'));
    const [first, second] = sweep.runs;
    assert.equal(second!.id, 'w1-t0-1');
    assert.deepEqual(second!.params, first!.params);
    sweep.tell(ended('w1-t0', null, 'failed'));
    assert.equal(sweep.state!.status, 'running');
    assert.equal(sweep.tell(ended('w1-t0-1', { value: 0.2 })).state!.status, 'ended');
  });

  it('fails a trial that ended well but reported no objective, with the reason', () => {
    const sweep = new Sweep(created(1, 1), prepared, ended('w1-t0', { missing: 'It wrote no loss.' }));
    assert.equal(sweep.state!.sweep!.trials.flat()[0]!.reason, 'It wrote no loss.');
    assert.equal(sweep.sends('sweepEnded')[0]!.event['status'], 'failed');
  });

  it('stops a run early where the stopper says so, and counts its last value', () => {
    const sweep = new Sweep(created(8, 8, 0, true), prepared);
    const reports = (trial: number, value: number): Happening[] =>
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((step) => {
        return { type: 'reported', run: `w1-t${trial}`, trial, attempt: 0, step, values: [value] };
      });
    for (let trial = 0; trial < 7; trial++) sweep.tell(...reports(trial, 0.25), ended(`w1-t${trial}`, { value: 0.25 }));
    sweep.tell(...reports(7, 9));
    const [stop] = sweep.sends('stopRequested');
    assert.deepEqual([stop!.to.id, stop!.event['early']], ['w1-t7', true]);
    sweep.tell(ended('w1-t7', null, 'stopped', true));
    assert.deepEqual(sweep.state!.sweep!.trials.flat()[7]!.values, [9]);
    assert.equal(sweep.state!.status, 'ended');
  });

  it('starts nothing while it is paused', () => {
    const sweep = new Sweep(created(3, 1), prepared, { type: 'paused' }, ended('w1-t0', { value: 1 }));
    assert.equal(sweep.runs.length, 1);
    assert.equal(sweep.tell({ type: 'resumed' }).runs.length, 2);
  });

  it('stops its running trials and starts no more when it is stopped', () => {
    const sweep = new Sweep(created(5, 2), prepared, { type: 'stopped' });
    assert.deepEqual(
      sweep.sends('stopRequested').map(({ to }) => to.id),
      ['w1-t0', 'w1-t1'],
    );
    sweep.tell(ended('w1-t0', null, 'stopped'), ended('w1-t1', null, 'stopped'));
    assert.deepEqual([sweep.state!.status, sweep.runs.length], ['ended', 2]);
  });

  it('ends at once, without a trial, when it is stopped or fails while it prepares', () => {
    assert.equal(new Sweep(created(5, 2), { type: 'stopped' }, prepared).runs.length, 0);
    const failed = new Sweep(created(5, 2), { type: 'prepareFailed', message: 'No data.', hint: 'Add some.' });
    assert.deepEqual([failed.state!.status, failed.state!.reason], ['ended', 'No data. Add some.']);
    assert.equal(failed.sends('sweepEnded').length, 1);
  });

  it('keeps its trials when news of a failed preparation comes late', () => {
    const sweep = new Sweep(created(5, 2), prepared, { type: 'prepareFailed', message: 'No data.', hint: '' });
    assert.equal(sweep.state!.status, 'running');
  });
});
