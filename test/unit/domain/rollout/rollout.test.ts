import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Counters, noCounters } from '../../../../server/domain/rollout/counters.ts';
import { bucketOf } from '../../../../server/domain/rollout/histogram.ts';
import {
  deadline,
  isEnded,
  type RolloutCommand,
  type RolloutEvent,
  type RolloutSpec,
  type RolloutState,
  reduceRollout,
} from '../../../../server/domain/rollout/rollout.ts';

const SPEC: RolloutSpec = {
  id: '17',
  endpoint: 'digits',
  model: 'digits',
  from: 'v5',
  to: 'v6',
  steps: [5, 25, 50, 100],
  analysis: {
    maxErrorRate: 0.01,
    maxP95Ratio: 1.5,
    minRequests: 200,
    maxQualityDrop: null,
    minLabels: 1000,
    onInconclusive: 'wait',
    maxWaitMs: 3_600_000,
  },
  inputs: [{ name: 'model:digits@v6', digest: { sha256: 'a'.repeat(64) } }],
};

interface Replay {
  state: RolloutState;
  commands: RolloutCommand[];
  receipts: { kind: string; decision: string; evidence: Record<string, unknown> }[];
}

function replay(events: readonly RolloutEvent[]): Replay {
  let state: RolloutState | null = null;
  const commands: RolloutCommand[] = [];
  const receipts: Replay['receipts'] = [];
  for (const event of events) {
    const step = reduceRollout(state, event);
    state = step.state;
    commands.push(...step.commands);
    receipts.push(...step.receipts);
  }
  return { state: state!, commands, receipts };
}

function start(changes: Partial<RolloutSpec> = {}): RolloutEvent[] {
  return [
    { type: 'created', at: 0, rollout: { ...SPEC, ...changes } },
    { type: 'ready', at: 1000 },
  ];
}

function reading(requests: number, errors = 0, latencyMs = 10): Counters {
  const counters = noCounters();
  counters.latency[bucketOf(latencyMs)] = requests;
  return { requests, errors, latency: counters.latency };
}

function observed(at: number, v5: Counters, v6: Counters, instance = 'g1', gatewayStartedAt = 2000): RolloutEvent {
  return { type: 'observed', at, instance, gatewayStartedAt, revisions: { v5, v6 } };
}

const weightsOf = (commands: readonly RolloutCommand[]) =>
  commands.flatMap((command) => (command.type === 'setWeights' ? [command.weights] : []));

describe('rollout', () => {
  it('sends nothing to the new revision before its replicas are ready', () => {
    const { state, commands } = replay(start().slice(0, 1));
    assert.equal(state.status, 'waitingReady');
    assert.deepEqual(commands, []);
    assert.deepEqual(weightsOf(replay(start()).commands), [{ v5: 95, v6: 5 }]);
  });

  it('goes through its steps while the canary is well, and ends with a receipt for each', () => {
    const events = start();
    for (let round = 1; round <= 4; round++) {
      events.push(observed(2000 + round, reading(4000 * round), reading(210 * round)));
    }
    const { state, commands, receipts } = replay(events);
    assert.equal(state.status, 'completed');
    assert.deepEqual(weightsOf(commands), [
      { v5: 95, v6: 5 },
      { v5: 75, v6: 25 },
      { v5: 50, v6: 50 },
      { v5: 0, v6: 100 },
    ]);
    assert.deepEqual(commands.slice(-2), [
      { type: 'retire', revision: 'v5' },
      { type: 'finish', rollout: '17', status: 'completed' },
    ]);
    assert.deepEqual(
      receipts.map(({ kind }) => kind),
      ['rollout.stepped', 'rollout.stepped', 'rollout.stepped', 'rollout.stepped', 'rollout.ended'],
    );
    const { canary, interval } = receipts[0]!.evidence as { canary: { requests: number }; interval: object };
    assert.equal(canary.requests, 210);
    assert.deepEqual(interval, { from: 1000, to: 2001 });
  });

  it('keeps the old revision until the step with all of the traffic has passed', () => {
    const events = [...start({ steps: [100] }), observed(2001, reading(0), reading(100))];
    assert.equal(replay(events).state.status, 'promoting');
    assert.ok(!replay(events).commands.some(({ type }) => type === 'retire'));
    const { state, commands } = replay([...events, observed(2002, reading(0), reading(200, 90))]);
    assert.equal(state.status, 'rolledBack');
    assert.deepEqual(weightsOf(commands).at(-1), { v5: 100, v6: 0 });
  });

  it('takes a canary with 5 % of errors back in its first step', () => {
    const events = start();
    for (let round = 1; round <= 40; round++) {
      events.push(observed(2000 + round, reading(950 * round), reading(20 * round, round)));
    }
    const { state, receipts } = replay(events);
    assert.equal(state.status, 'rolledBack');
    assert.equal(state.stepIndex, 0);
    assert.equal(receipts.length, 1);
    assert.match(receipts[0]!.decision, /^rolledBack: .* requests failed/);
  });

  it('gives the first revision of an endpoint everything once it is ready', () => {
    const { state, commands } = replay(start({ from: null }));
    assert.equal(state.status, 'completed');
    assert.deepEqual(weightsOf(commands), [{ v6: 100 }]);
    assert.ok(!commands.some(({ type }) => type === 'retire'));
  });

  it('takes a revision back that never becomes ready', () => {
    const failed: RolloutEvent = { type: 'failed', at: 5, reason: 'Its replica ended with status 1.' };
    const { state, commands } = replay([...start().slice(0, 1), failed]);
    assert.equal(state.status, 'rolledBack');
    assert.deepEqual(weightsOf(commands), [{ v5: 100, v6: 0 }]);
  });

  it('does not go on while paused, but still takes a bad canary back', () => {
    const paused: RolloutEvent[] = [...start(), { type: 'paused', at: 1500 }];
    const good = observed(2001, reading(4000), reading(500));
    assert.equal(replay([...paused, good]).state.status, 'paused');
    assert.equal(replay([...paused, good, { type: 'resumed', at: 3000 }, good]).state.stepIndex, 1);
    assert.equal(replay([...paused, observed(2001, reading(4000), reading(500, 100))]).state.status, 'rolledBack');
  });

  it('begins its first step on resuming when it became ready while paused', () => {
    const { state } = replay([
      ...start().slice(0, 1),
      { type: 'paused', at: 1 },
      { type: 'ready', at: 2 },
      { type: 'resumed', at: 3 },
    ]);
    assert.equal(state.status, 'stepping');
    assert.equal(state.weight, 5);
  });

  it('asks a person, or passes, when a step is undecided for too long; a pause does not count', () => {
    const waiting = replay(start()).state;
    assert.equal(deadline(waiting), 1000 + 3_600_000);
    const clock: RolloutEvent = { type: 'clock', at: 1000 + 3_600_000 };
    assert.equal(replay([...start(), clock]).state.status, 'paused');
    const lenient = { ...SPEC.analysis, onInconclusive: 'pass' as const };
    const passed = replay([...start({ analysis: lenient }), clock]);
    assert.equal(passed.state.weight, 25);
    assert.equal(passed.receipts[0]!.decision, 'passed without enough evidence');
    const interrupted: RolloutEvent[] = [
      { type: 'paused', at: 2000 },
      { type: 'resumed', at: 12_000 },
    ];
    assert.equal(replay([...start(), ...interrupted, clock]).state.status, 'stepping');
  });

  it('counts a restarted gateway from zero and several gateways together', () => {
    const { state } = replay([
      ...start(),
      observed(2001, reading(1000), reading(50)),
      observed(2002, reading(400), reading(20), 'g2'),
      observed(2003, reading(1100), reading(60)),
      observed(2004, reading(30), reading(3), 'g3', 2003),
    ]);
    assert.equal(state.canary.requests, 60 + 20 + 3);
    assert.equal(state.stable.requests, 1100 + 400 + 30);
  });

  it('does not count what a gateway served before the step', () => {
    const { state } = replay([
      ...start(),
      observed(2001, reading(90_000, 9000), reading(500, 100), 'old', 0),
      observed(2002, reading(90_100, 9000), reading(505, 100), 'old', 0),
    ]);
    assert.equal(state.status, 'stepping');
    assert.equal(state.canary.requests, 5);
    assert.equal(state.stable.requests, 100);
  });

  it('promotes by hand to everything at once', () => {
    const { state, commands } = replay([...start(), { type: 'promoted', at: 2000 }]);
    assert.equal(state.status, 'completed');
    assert.deepEqual(weightsOf(commands).at(-1), { v5: 0, v6: 100 });
  });

  it('says that it was a person, and who, in its reason and its receipt', () => {
    const asked: [RolloutEvent, string][] = [
      [{ type: 'aborted', at: 2000, by: 'user-1' }, 'aborted: Aborted by hand, by user-1.'],
      [{ type: 'rollbackRequested', at: 2000, by: 'user-1' }, 'rolledBack: Rolled back by hand, by user-1.'],
      [{ type: 'promoted', at: 2000, by: 'user-1' }, 'completed: Promoted by hand, by user-1.'],
    ];
    for (const [event, decision] of asked) {
      const { state, receipts } = replay([...start(), event]);
      assert.deepEqual([`${state.status}: ${state.reason}`, receipts.at(-1)!.decision], [decision, decision]);
    }
    const paused = replay([...start(), { type: 'paused', at: 2000, by: 'user-1' }]);
    assert.equal(paused.state.reason, 'Paused by hand, by user-1.');
  });

  it('that is wanted at once takes all of the traffic when it is ready, judges nothing, and says why', () => {
    const { state, commands, receipts } = replay(start({ atOnce: 'Rolled back to v6 by hand, by user-1.' }));
    assert.equal(state.status, 'completed');
    assert.deepEqual(weightsOf(commands), [{ v5: 0, v6: 100 }]);
    assert.deepEqual(
      receipts.map(({ kind, decision }) => [kind, decision]),
      [['rollout.ended', 'completed: Rolled back to v6 by hand, by user-1.']],
    );
  });

  it('changes nothing once it has ended', () => {
    const ended = replay([...start(), { type: 'aborted', at: 2000 }]);
    const after = reduceRollout(ended.state, { type: 'promoted', at: 3000 });
    assert.equal(after.state, ended.state);
    assert.deepEqual(after.commands, []);
  });
});

const anyCounters = fc
  .tuple(fc.nat(2000), fc.nat(100), fc.constantFrom(5, 10, 40))
  .map(([requests, errors, latencyMs]) => reading(requests, Math.min(errors, requests), latencyMs));

const anyEvent: fc.Arbitrary<RolloutEvent> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(anyCounters, anyCounters).map(([v5, v6]) => observed(0, v5, v6)) },
  fc.constantFrom<RolloutEvent>(
    { type: 'ready', at: 0 },
    { type: 'clock', at: 0 },
    { type: 'paused', at: 0 },
    { type: 'resumed', at: 0 },
    { type: 'failed', at: 0, reason: 'died' },
    { type: 'promoted', at: 0 },
    { type: 'aborted', at: 0 },
    { type: 'superseded', at: 0 },
    { type: 'rollbackRequested', at: 0, by: 'user-1' },
  ),
);

const anyLog = fc.array(fc.tuple(anyEvent, fc.nat(4_000_000)), { maxLength: 40 }).map((entries) => {
  let at = 1000;
  const log: RolloutEvent[] = [...start()];
  for (const [event, elapsedMs] of entries) {
    at += elapsedMs;
    log.push({ ...event, at });
  }
  return log;
});

describe('any log of a rollout', () => {
  it('replays to the same decisions', () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        assert.deepEqual(replay(JSON.parse(JSON.stringify(log)) as RolloutEvent[]), replay(log));
      }),
    );
  });

  it('sets weights that sum to 100, and to the canary never more than its step before that has passed', () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        let state: RolloutState | null = null;
        let passedSteps = 0;
        for (const event of log) {
          const step: ReturnType<typeof reduceRollout> = reduceRollout(state, event);
          passedSteps += step.receipts.filter(({ kind }) => kind === 'rollout.stepped').length;
          for (const weights of weightsOf(step.commands)) {
            assert.equal(weights['v5']! + weights['v6']!, 100);
            const isByHand = event.type === 'promoted';
            assert.ok(isByHand || weights['v6']! <= (SPEC.steps[passedSteps] ?? 100));
          }
          state = step.state;
        }
      }),
    );
  });

  it('leaves all of the traffic on one revision and retires the other when it has ended', () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        const { state, commands, receipts } = replay(log);
        if (!isEnded(state)) return;
        const [serving, retired] = state.status === 'completed' ? ['v6', 'v5'] : ['v5', 'v6'];
        assert.equal(weightsOf(commands).at(-1)?.[serving], 100);
        assert.ok(commands.some((command) => command.type === 'retire' && command.revision === retired));
        assert.equal(receipts.filter(({ kind }) => kind === 'rollout.ended').length, 1);
      }),
    );
  });
});

/** A generator of reproducible randomness (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Traffic in batches of 100 requests by the rollout's own weight; latencies are log-normal. */
function simulate(seed: number, errorRates: { v5: number; v6: number }, slowdown: number): RolloutState {
  const random = randomFrom(seed);
  const totals = { v5: noCounters(), v6: noCounters() };
  let state = replay(start()).state;
  for (let batch = 1; batch <= 2000 && !isEnded(state); batch++) {
    for (let request = 0; request < 100; request++) {
      const revision = random() * 100 < state.weight ? 'v6' : 'v5';
      const counters = totals[revision];
      counters.requests++;
      if (random() < errorRates[revision]) counters.errors++;
      const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      const latencyMs = 20 * Math.exp(0.5 * normal) * (revision === 'v6' ? slowdown : 1);
      counters.latency[bucketOf(latencyMs)]!++;
    }
    const { v5, v6 } = structuredClone(totals);
    state = reduceRollout(state, observed(1000 + batch * 250, v5, v6)).state!;
  }
  return state;
}

describe('simulated rollouts', () => {
  it('take back at most 1 % of 500 canaries that are as good as the limits ask, looking every 250 ms', function () {
    this.timeout(60_000);
    let takenBack = 0;
    let completed = 0;
    for (let seed = 1; seed <= 500; seed++) {
      const { status } = simulate(seed, { v5: 0.003, v6: 0.005 }, 1.05);
      if (status === 'rolledBack') takenBack++;
      if (status === 'completed') completed++;
    }
    assert.ok(takenBack <= 5, `${takenBack} of 500`);
    assert.equal(completed + takenBack, 500);
  });

  it('take a canary with 5 % of errors back in its first step', function () {
    this.timeout(60_000);
    for (let seed = 1; seed <= 100; seed++) {
      const state = simulate(seed, { v5: 0.003, v6: 0.05 }, 1);
      assert.equal(state.status, 'rolledBack');
      assert.equal(state.stepIndex, 0);
    }
  });

  it('take a canary that is two and a half times as slow back in its first step', function () {
    this.timeout(60_000);
    for (let seed = 1; seed <= 50; seed++) {
      const state = simulate(seed, { v5: 0.003, v6: 0.003 }, 2.5);
      assert.equal(state.status, 'rolledBack');
      assert.equal(state.stepIndex, 0);
    }
  });

  it('waits for labels where quality is asked for, and takes back what predicts worse', () => {
    const analysis = { ...SPEC.analysis, maxQualityDrop: 0.01, minLabels: 1000 };
    const begun = [...start({ analysis }), observed(3000, reading(9000), reading(500))];
    const waiting = replay(begun);
    assert.equal(waiting.state.status, 'stepping');
    assert.match(waiting.state.reason, /0 of at least 1000 labels/);
    const label = (revision: string, labels: number, wrong: number): RolloutEvent => {
      return { type: 'labelled', at: 4000, revisions: { [revision]: { labels, wrong } } };
    };
    const good = replay([...begun, label('v5', 20_000, 600), label('v6', 6000, 180)]);
    assert.equal(good.state.stepIndex, 1);
    const bad = replay([...begun, label('v5', 20_000, 600), label('v6', 1000, 100), label('v7', 1000, 0)]);
    assert.equal(bad.state.status, 'rolledBack');
    assert.match(bad.state.reason, /are wrong/);
  });
});
