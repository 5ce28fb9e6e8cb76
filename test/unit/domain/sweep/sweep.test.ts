import assert from 'node:assert/strict';
import fc from 'fast-check';
import { countItems, eachItem, itemAt } from '../../../../server/domain/sweep/pages.ts';
import type {
  ReportedNumber,
  SweepCommand,
  SweepEvent,
  SweepSpec,
  SweepState,
} from '../../../../server/domain/sweep/state.ts';
import { hasEnded } from '../../../../server/domain/sweep/state.ts';
import { reduceSweep } from '../../../../server/domain/sweep/sweep.ts';

const base: SweepSpec = {
  name: 'digits',
  space: { lr: { log: [0.001, 1] }, act: { choice: ['relu', 'tanh'] } },
  sampler: { type: 'tpe' },
  stopper: { type: 'asha', maxResource: 9 },
  goals: [{ metric: 'val/accuracy', goal: 'maximize' }],
  trials: 5,
  parallel: 2,
  seed: 7,
  retries: 0,
};

/** A sweep with the commands and receipts that it gave so far. */
function sweep(others: Partial<SweepSpec> = {}) {
  const commands: SweepCommand[] = [];
  const decisions: string[] = [];
  let state: SweepState | undefined;
  const apply = (event: SweepEvent) => {
    const reduction = reduceSweep(state, event);
    state = reduction.state;
    commands.push(...reduction.commands);
    decisions.push(...reduction.receipts.map(({ decision }) => decision));
    return state;
  };
  apply({ type: 'created', spec: { ...base, ...others } });
  return {
    apply,
    commands,
    decisions,
    state: () => state!,
    trial: (number: number) => itemAt(state!.trials, number)!,
    end: (trial: number, value?: ReportedNumber, attempt = 0) =>
      apply({
        type: 'trialEnded',
        trial,
        attempt,
        outcome: 'finished',
        ...(value !== undefined && { values: [value] }),
      }),
    fail: (trial: number, outcome: 'failed' | 'lost' | 'stopped', attempt = 0, reason?: string) =>
      apply({ type: 'trialEnded', trial, attempt, outcome, reason }),
    report: (trial: number, step: number, value: ReportedNumber, attempt = 0) =>
      apply({ type: 'reported', trial, attempt, step, values: [value] }),
    ids: () => commands.map(({ id }) => id),
  };
}

describe('a sweep', () => {
  it('starts as many trials as may run at once, and one for each that ends, until the budget is used', () => {
    const s = sweep();
    assert.deepEqual(s.ids(), ['start-0-0', 'start-1-0']);
    for (const trial of [1, 0, 2, 4, 3]) s.end(trial, 0.5 + trial / 10);
    assert.deepEqual(s.ids(), ['start-0-0', 'start-1-0', 'start-2-0', 'start-3-0', 'start-4-0']);
    assert.deepEqual([s.state().status, s.state().best], ['ended', [4]]);
    assert.deepEqual(s.decisions, ['Trial 4 of 5 trials is the best: val/accuracy 0.9.']);
  });

  it('fails a trial that ended without an objective, with the reason given', () => {
    const s = sweep();
    s.apply({
      type: 'trialEnded',
      trial: 0,
      attempt: 0,
      outcome: 'finished',
      reason: 'wrote no val/accuracy; it wrote: loss',
    });
    assert.deepEqual([s.trial(0).status, s.trial(0).reason], ['failed', 'wrote no val/accuracy; it wrote: loss']);
    s.end(1);
    assert.match(s.trial(1).reason!, /without val\/accuracy/);
    assert.equal(countItems(s.state().trials), 4);
  });

  it('never makes an objective that is not finite the best: the trial failed and used budget', () => {
    const s = sweep({ trials: 4, retries: 3 });
    s.end(0, 'Infinity');
    s.end(1, Number.NaN);
    s.end(2, 0.1);
    s.end(3, 'NaN');
    assert.deepEqual(s.state().counts, { finished: 1, stopped: 0, failed: 3 });
    assert.deepEqual([s.state().best, s.state().status], [[2], 'ended']);
    assert.match(s.trial(0).reason!, /val\/accuracy was Infinity/);
  });

  it('stops a trial early once and counts it with its last value', () => {
    const s = sweep();
    s.report(0, 1, 0.9);
    s.report(1, 1, 0.2);
    s.report(1, 1, 0.3);
    s.report(1, 2, 0.4);
    assert.deepEqual(s.ids().slice(2), ['stop-1-0']);
    assert.equal(s.trial(1).status, 'stopping');
    s.fail(1, 'failed');
    assert.deepEqual([s.trial(1).status, s.trial(1).values, s.state().best], ['stopped', [0.4], [1]]);
  });

  it('keeps what a trial says that finished before the stop reached it', () => {
    const s = sweep();
    s.report(0, 1, 0.9);
    s.report(1, 1, 0.2);
    s.end(1, 0.95);
    assert.deepEqual([s.trial(1).status, s.trial(1).values], ['finished', [0.95]]);
  });

  it('of one step keeps the last report, ignores earlier steps and asks the stopper once', () => {
    const s = sweep({ parallel: 1, stopper: { type: 'patience', patience: 9 } });
    s.report(0, 3, 0.5);
    const stopper = s.state().stopper;
    s.report(0, 3, 0.6);
    s.report(0, 1, 0.1);
    assert.deepEqual([s.trial(0).values, s.trial(0).step, s.trial(0).reports], [[0.6], 3, 1]);
    assert.equal(s.state().stopper, stopper);
  });

  it('starts a failed or lost trial again with the same parameters while retries last', () => {
    const s = sweep({ retries: 1, parallel: 1 });
    s.fail(0, 'lost');
    s.fail(0, 'lost');
    assert.deepEqual(s.ids(), ['start-0-0', 'start-0-1']);
    assert.deepEqual((s.commands[1] as { params: unknown }).params, (s.commands[0] as { params: unknown }).params);
    s.fail(0, 'failed', 1, 'exit status 1');
    assert.deepEqual([s.trial(0).status, s.trial(0).reason], ['failed', 'exit status 1']);
    assert.equal(s.ids().at(-1), 'start-1-0');
  });

  it('starts nothing while paused, not even a retry, and goes on when resumed', () => {
    const s = sweep({ retries: 1 });
    s.apply({ type: 'paused' });
    s.fail(0, 'lost');
    s.fail(0, 'lost', 1);
    s.end(1, 0.5);
    assert.equal(s.commands.length, 2);
    s.apply({ type: 'resumed' });
    assert.deepEqual(s.ids().slice(2), ['start-0-1', 'start-2-0']);
  });

  it('when stopped stops what runs, counts last values and ends with the last of them', () => {
    const s = sweep({ stopper: null });
    s.report(0, 1, 0.7);
    s.apply({ type: 'stopped' });
    s.apply({ type: 'stopped' });
    assert.deepEqual(s.ids().slice(2), ['stop-0-0', 'stop-1-0']);
    s.fail(0, 'stopped');
    assert.equal(s.state().status, 'stopping');
    s.fail(1, 'stopped');
    assert.deepEqual([s.state().status, s.state().counts], ['ended', { finished: 0, stopped: 1, failed: 1 }]);
    assert.equal(s.decisions.length, 1);
  });

  it('takes up a sweep again that has ended when its total is raised, and a repeat changes nothing', () => {
    const s = sweep({ trials: 1, parallel: 1 });
    s.end(0, 0.5);
    s.apply({ type: 'extended', trials: 2 });
    s.apply({ type: 'extended', trials: 2 });
    s.apply({ type: 'extended', trials: 1 });
    assert.equal(s.state().budget, 2);
    assert.deepEqual([s.ids(), s.state().status], [['start-0-0', 'start-1-0'], 'running']);
    s.end(1, 0.6);
    assert.equal(s.decisions.length, 2);
  });

  it('starts more when more may run at once, and waits for room when fewer may', () => {
    const s = sweep();
    s.apply({ type: 'parallelChanged', parallel: 3 });
    assert.equal(s.commands.length, 3);
    s.apply({ type: 'parallelChanged', parallel: 1 });
    s.end(0, 0.5);
    s.end(1, 0.5);
    assert.equal(s.commands.length, 3);
    s.end(2, 0.5);
    assert.equal(s.commands.length, 4);
  });

  it('keeps the earlier of two equals as the best', () => {
    const s = sweep({ parallel: 1 });
    s.end(0, 0.5);
    s.end(1, 0.5);
    assert.deepEqual(s.state().best, [0]);
  });

  it('keeps the Pareto front of several goals', () => {
    const goals = [
      { metric: 'acc', goal: 'maximize' as const },
      { metric: 'ms', goal: 'minimize' as const },
    ];
    const s = sweep({ goals, stopper: null, parallel: 1, trials: 4 });
    for (const [trial, values] of [
      [0.9, 30],
      [0.8, 40],
      [0.7, 10],
      [0.95, 30],
    ].entries()) {
      s.apply({ type: 'trialEnded', trial, attempt: 0, outcome: 'finished', values });
    }
    assert.deepEqual(s.state().best, [2, 3]);
    assert.match(s.decisions[0]!, /2 of 4 trials are on the Pareto front/);
  });

  it('refuses a stopper with several goals and events of a trial that never was', () => {
    assert.throws(() => sweep({ goals: [base.goals[0]!, base.goals[0]!] }), /stopper asha, which judges by one/);
    assert.throws(() => sweep().end(9, 1), /no trial 9/);
  });
});

const minimized: SweepSpec['goals'] = [{ metric: 'loss', goal: 'minimize' }];

describe('a trial that goes on from checkpoints', () => {
  const asha = { type: 'asha', reduction: 2, minResource: 1 } as const;
  const goals = minimized;

  it('when it is started again begins from the attempt before', () => {
    const it = sweep({ retries: 1 });
    it.fail(0, 'lost');
    const [again] = it.commands.filter(({ id }) => id === 'start-0-1');
    assert.deepEqual(again?.type === 'startTrial' && again.resume, { trial: 0, attempt: 0 });
  });

  it('is promoted once, after it was stopped early, is not stopped early again, and its value counts anew', () => {
    const it = sweep({ goals, stopper: asha, trials: 2, parallel: 2 });
    it.report(0, 1, 0.1);
    it.report(1, 1, 0.9);
    it.fail(1, 'stopped');
    it.end(0, 0.1);
    assert.equal(it.state().status, 'ended');
    const promoted = { type: 'promoted', trial: 1, attempt: 0 } as const;
    it.apply(promoted);
    it.apply(promoted);
    assert.deepEqual(
      it.ids().filter((id) => id.startsWith('start-1')),
      ['start-1-0', 'start-1-1'],
    );
    assert.equal(it.state().status, 'running');
    it.report(1, 2, 0.95, 1);
    assert.equal(it.ids().includes('stop-1-1'), false);
    it.end(1, 0.05, 1);
    assert.deepEqual([it.state().status, it.state().best, it.state().counts.stopped], ['ended', [1], 0]);
  });

  it('keeps its former value when it fails after its promotion', () => {
    const it = sweep({ goals, stopper: asha, trials: 2, parallel: 2 });
    it.report(0, 1, 0.1);
    it.report(1, 1, 0.9);
    it.fail(1, 'stopped');
    it.end(0, 0.1);
    it.apply({ type: 'promoted', trial: 1, attempt: 0 });
    it.fail(1, 'failed', 1, 'exit status 1');
    const { status, values, reason } = it.trial(1);
    assert.deepEqual([status, values, reason], ['stopped', [0.9], 'Promoted, and then it failed: exit status 1']);
  });
});

describe('a sweep that begins from known trials', () => {
  it('has them in what its sampler learned, and neither in its trials nor in its best', () => {
    const known = Array.from({ length: 40 }, (_, n) => ({ params: { x: n / 40 }, values: [Math.abs(n / 40 - 0.7)] }));
    const spec = {
      goals: minimized,
      space: { x: { float: [0, 1] as [number, number] } },
      sampler: { type: 'tpe' as const },
      trials: 8,
    };
    const far = (it: ReturnType<typeof sweep>) => {
      const xs = [0, 1, 2, 3, 4, 5, 6, 7].map((number) => {
        const x = it.trial(number).params['x'] as number;
        it.end(number, Math.abs(x - 0.7));
        return Math.abs(x - 0.7);
      });
      return xs.reduce((sum, x) => sum + x, 0) / xs.length;
    };
    const informed = sweep({ ...spec, known });
    assert.deepEqual(informed.state().best, []);
    assert.ok(far(informed) < far(sweep(spec)) / 2);
    assert.equal(informed.state().best.length, 1);
  });
});

describe('population based training', () => {
  /** Ends trials one after the other: the loss is that of the parameter, every trial a stretch. */
  function train(trials: number) {
    const it = sweep({
      goals: minimized,
      space: { lr: { float: [0, 1] } },
      sampler: { type: 'pbt' },
      trials,
      parallel: 1,
    });
    for (let number = 0; number < trials; number++)
      it.end(number, Math.abs((it.trial(number).params['lr'] as number) - 0.5));
    return it;
  }

  it('begins ten members at random, then goes on from checkpoints, the worst from one of the best', () => {
    const it = train(60);
    const trials = Array.from({ length: 60 }, (_, number) => it.trial(number));
    assert.ok(trials.slice(0, 10).every(({ from }) => from === null));
    assert.ok(trials.slice(10).every(({ from, number }) => from !== null && from < number));
    const unchanged = trials.slice(10).filter(({ from, params }) => params['lr'] === it.trial(from!).params['lr']);
    assert.ok(unchanged.length > 20 && unchanged.length < 50, `${unchanged.length} went on unchanged`);
    const resumes = it.commands.filter((command) => command.type === 'startTrial' && command.resume).length;
    assert.equal(resumes, 50);
  });

  it('gets better than its random beginning', () => {
    const it = train(200);
    const loss = (number: number) => it.trial(number).values![0] as number;
    const mean = (from: number) =>
      Array.from({ length: 10 }, (_, n) => loss(from + n)).reduce((sum, x) => sum + x, 0) / 10;
    assert.ok(mean(190) < mean(0) / 2, `${mean(190)} after ${mean(0)}`);
  });
});

describe('the event log of a sweep', function () {
  this.timeout(60_000);
  const value = fc.oneof(
    { weight: 8, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
    fc.constantFrom<ReportedNumber>('NaN', 'Infinity'),
  );
  const about = { trial: fc.nat(9), attempt: fc.nat(2) };
  const values = fc.tuple(value);
  const anyEvent: fc.Arbitrary<SweepEvent> = fc.oneof(
    fc.record({ type: fc.constant('trialStarted' as const), ...about }),
    fc.record({ type: fc.constant('promoted' as const), ...about }),
    fc.record({ type: fc.constant('reported' as const), ...about, step: fc.nat(12), values }),
    fc.record({
      type: fc.constant('trialEnded' as const),
      ...about,
      outcome: fc.constantFrom('finished' as const, 'failed' as const, 'stopped' as const, 'lost' as const),
      values,
    }),
    fc.constantFrom<SweepEvent>(
      { type: 'paused' },
      { type: 'resumed' },
      { type: 'stopped' },
      { type: 'extended', trials: 12 },
      { type: 'parallelChanged', parallel: 3 },
    ),
  );
  const stopper = { type: 'asha', reduction: 2 } as const;
  const spec: SweepSpec = { ...base, sampler: { type: 'tpe' }, stopper, trials: 10, parallel: 3, retries: 1 };

  /** Applies what speaks of trials that exist. */
  function replay(events: readonly SweepEvent[], restart: (state: SweepState) => SweepState) {
    let { state, commands, receipts } = reduceSweep(undefined, { type: 'created', spec });
    for (const event of events) {
      if ('trial' in event && event.trial >= countItems(state.trials)) continue;
      const next = reduceSweep(restart(state), event);
      state = next.state;
      commands = [...commands, ...next.commands];
      receipts = [...receipts, ...next.receipts];
    }
    return { state, commands, receipts };
  }

  it('never loses or doubles a trial, however late, often or shuffled its events come', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 80, size: 'max' }), (events) => {
        const { state, commands } = replay(
          events.flatMap((event) => [event, event]),
          (same) => same,
        );
        const ids = commands.map(({ id }) => id);
        const trials = [...eachItem(state.trials)];
        assert.equal(new Set(ids).size, ids.length, 'no command twice');
        for (const trial of trials) {
          for (let attempt = 0; attempt <= trial.attempt; attempt++) {
            const isHeld = attempt === trial.attempt && trial.isHeld;
            const neverStarted = isHeld || ((trial.status === 'failed' || trial.isPromoted) && attempt > 0);
            assert.ok(neverStarted || ids.includes(`start-${trial.number}-${attempt}`));
          }
        }
        assert.deepEqual(
          state.active,
          trials.filter((trial) => !hasEnded(trial)).map(({ number }) => number),
        );
        const { finished, stopped, failed } = state.counts;
        assert.equal(finished + stopped + failed + state.active.length, trials.length);
        assert.ok(trials.length <= state.budget && (state.status !== 'ended' || state.active.length === 0));
        const isStuck = state.status === 'running' && state.active.length === 0;
        assert.ok(!isStuck, 'a running sweep has something to wait for');
      }),
      { numRuns: 300 },
    );
  });

  it('replayed, through storage as JSON at every step, gives the same state, commands and receipts', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 60, size: 'max' }), (events) => {
        const stored = replay(events, (state) => JSON.parse(JSON.stringify(state)) as SweepState);
        assert.deepEqual(
          stored,
          replay(events, (state) => state),
        );
      }),
      { numRuns: 100 },
    );
  });
});
