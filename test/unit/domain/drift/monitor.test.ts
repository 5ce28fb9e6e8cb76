import assert from 'node:assert/strict';
import type { WindowJudgement } from '../../../../server/domain/drift/judgeWindow.ts';
import {
  BUDGET_PERIOD_MS,
  type MonitorCommand,
  type MonitorEvent,
  type MonitorState,
  type RetrainRule,
  reduceMonitor,
} from '../../../../server/domain/drift/monitor.ts';

const hourMs = 3_600_000;
const rule: RetrainRule = { mode: 'rollout', budgetMs: 2 * hourMs, cooldownMs: 24 * hourMs, minLabels: 100 };

function judged(verdict: WindowJudgement['verdict']): WindowJudgement {
  const rules = { test: 'psi' as const, threshold: 0.2, falseAlarmRate: 0.001, minRows: 100 };
  return { verdict, reason: `${verdict}.`, rows: 500, rules, comparisons: [] };
}

function configured(changes: Partial<RetrainRule> | null = {}, version = 5): MonitorEvent {
  const facts = { endpoint: 'digits', project: 'digits', model: 'digits', version, digests: { md5: 'a' } };
  return { type: 'configured', at: 0, ...facts, rule: changes && { ...rule, ...changes }, reference: 'training' };
}

function window(hour: number, verdict: WindowJudgement['verdict'], labelled = 500): MonitorEvent {
  const [from, to] = [(hour - 1) * hourMs, hour * hourMs];
  const samples = { name: `digits-samples@v${hour}`, digests: { md5: 'b' } };
  return { type: 'windowClosed', at: to, from, to, judgement: judged(verdict), labelled, samples };
}

function replay(events: MonitorEvent[]) {
  let state: MonitorState | undefined;
  const commands: MonitorCommand[] = [];
  const kinds: string[] = [];
  for (const event of events) {
    const step = reduceMonitor(state, event);
    state = step.state;
    commands.push(...step.commands);
    kinds.push(...step.receipts.map(({ kind }) => kind));
  }
  return { state: state!, commands, kinds };
}

describe('monitor', () => {
  it('raises an alarm when drift begins, not in each window, and anew after it had gone', () => {
    const windows = [window(1, 'steady'), window(2, 'drifted'), window(3, 'drifted'), window(4, 'inconclusive')];
    const during = replay([configured(null), ...windows, window(5, 'drifted')]);
    assert.deepEqual(during.kinds, ['drift.raised']);
    assert.equal(during.state.isDrifting, true);
    const again = replay([configured(null), ...windows, window(5, 'steady'), window(6, 'drifted')]);
    assert.deepEqual(again.kinds, ['drift.raised', 'drift.raised']);
    assert.deepEqual(again.commands, []);
  });

  it('takes a window once, whatever is told twice', () => {
    const { kinds, commands } = replay([
      configured(),
      window(2, 'drifted'),
      window(2, 'drifted'),
      window(1, 'drifted'),
    ]);
    assert.deepEqual(kinds, ['drift.raised', 'retrain.started']);
    assert.equal(commands.length, 1);
  });

  it('retrains without a hand where the rule says so, under a name that follows from the alarm', () => {
    const { commands, state } = replay([configured(), window(1, 'drifted')]);
    assert.deepEqual(commands, [
      {
        ...{ type: 'monitor.retrain', lane: 'retrain:digits', retraining: 'digits/1' },
        ...{ samples: 'digits-samples@v1', rollsOut: true },
      },
    ]);
    assert.equal(state.proposal, null);
  });

  it('asks a person by default, and begins when that one says yes', () => {
    const asked = [configured({ mode: 'propose' }), window(1, 'drifted')];
    const { state, commands } = replay(asked);
    assert.deepEqual([commands.length, state.proposal?.kind, state.proposal?.id], [0, 'retrain', 'digits/1']);
    const yes = replay([...asked, { type: 'proposalAccepted', at: 2 * hourMs, proposal: 'digits/1' }]);
    assert.deepEqual([yes.commands[0]?.rollsOut, yes.state.proposal], [false, null]);
    const stale = replay([...asked, { type: 'proposalAccepted', at: 2 * hourMs, proposal: 'digits/0' }]);
    assert.equal(stale.commands.length, 0);
    const no = replay([...asked, { type: 'proposalDeclined', at: 2 * hourMs, proposal: 'digits/1' }]);
    assert.deepEqual([no.commands.length, no.state.proposal], [0, null]);
  });

  it('asks for labels where there are too few, and counts what is missing', () => {
    const { state, commands } = replay([configured(), window(1, 'drifted', 30)]);
    assert.deepEqual([commands.length, state.proposal?.kind, state.proposal?.missing], [0, 'label', 70]);
    assert.match(state.proposal!.reason, /30 samples have labels; 70 more are needed/);
  });

  describe('cannot run away', () => {
    const ended = (hour: number, id: string, spentHours: number): MonitorEvent => {
      return { type: 'retrainEnded', at: hour * hourMs, id, status: 'succeeded', spentMs: spentHours * hourMs };
    };
    const begun = [configured(), window(1, 'drifted')];
    const next = (hour: number) => [window(hour, 'steady'), window(hour + 1, 'drifted')];

    it('while a retraining runs', () => {
      const { commands, state } = replay([...begun, ...next(40)]);
      assert.equal(commands.length, 1);
      assert.match(state.proposal!.reason, /digits\/1 is still running/);
    });

    it('within the cool-down', () => {
      const { commands, state } = replay([...begun, ended(2, 'digits/1', 0.5), ...next(20)]);
      assert.equal(commands.length, 1);
      assert.match(state.proposal!.reason, /less than 24 h ago/);
    });

    it('above the budget, which comes back with time', () => {
      const spent = [...begun, ended(4, 'digits/1', 2)];
      const stopped = replay([...spent, ...next(40)]);
      assert.equal(stopped.commands.length, 1);
      assert.match(stopped.state.proposal!.reason, /has used 2 h of its 2 h/);
      const later = BUDGET_PERIOD_MS / hourMs + 2;
      assert.equal(replay([...spent, ...next(later)]).commands.length, 2);
    });
  });

  it('begins afresh with another version in production, and keeps what was spent', () => {
    const before = [configured(), window(1, 'drifted')];
    const { state } = replay([...before, configured({}, 6)]);
    assert.deepEqual([state.version, state.isDrifting, state.last, state.retrainings.length], [6, false, null, 1]);
    const same = replay([...before, configured({ minLabels: 7 }, 5)]).state;
    assert.deepEqual([same.isDrifting, same.rule?.minLabels], [true, 7]);
  });
});
