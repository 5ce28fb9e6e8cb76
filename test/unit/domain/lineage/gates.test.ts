import assert from 'node:assert/strict';
import { judgeGates } from '../../../../server/domain/lineage/gates.ts';
import type { Float } from '../../../../server/protocol/entities.ts';
import type { Gate } from '../../../../server/protocol/slipwayFile.ts';

type Case = [
  rule: string,
  gate: Gate,
  value: Float | undefined,
  production: Record<string, Float> | undefined,
  passes: boolean,
];

const min: Gate = { metric: 'acc', min: 0.95 };
const max: Gate = { metric: 'acc', max: 0.1 };
const relative: Gate = { metric: 'acc', notWorseThan: 'production', by: 0.005 };

const cases: Case[] = [
  ['min holds at the bound', min, 0.95, undefined, true],
  ['min fails below it', min, 0.9499, undefined, false],
  ['max holds at the bound', max, 0.1, undefined, true],
  ['max fails above it', max, 0.11, undefined, false],
  ['a missing metric fails', min, undefined, undefined, false],
  ['NaN fails', max, 'NaN', undefined, false],
  ['-Infinity fails, though it is below max', max, '-Infinity', undefined, false],
  ['notWorseThan passes while nothing is in production', relative, 0.1, undefined, true],
  ['notWorseThan accepts a loss within `by`', relative, 0.946, { acc: 0.95 }, true],
  ['notWorseThan accepts a loss of exactly `by`', { ...relative, by: 0.25 }, 0.5, { acc: 0.75 }, true],
  ['notWorseThan without `by` accepts what is equal', { ...relative, by: undefined }, 0.9, { acc: 0.9 }, true],
  ['notWorseThan refuses a larger one', relative, 0.944, { acc: 0.95 }, false],
  ['notWorseThan accepts what is better', relative, 0.99, { acc: 0.95 }, true],
  ['notWorseThan goes the other way for minimize', { ...relative, goal: 'minimize' }, 0.96, { acc: 0.95 }, false],
  ['notWorseThan fails where production never reported the metric', relative, 0.99, { other: 1 }, false],
  ['min still holds beside notWorseThan', { ...relative, min: 0.5 }, 0.4, undefined, false],
];

describe('gates', () => {
  for (const [rule, gate, value, production, passes] of cases) {
    it(rule, () => {
      const metrics: Record<string, Float> = value === undefined ? {} : { acc: value };
      assert.equal(judgeGates([gate], ['propose'], metrics, production).gates[0]!.passed, passes);
    });
  }

  it('serve when all pass, else retrain with what the file says, each failure with its reason', () => {
    const both = [min, { metric: 'loss', max: 1 }];
    assert.equal(judgeGates(both, ['sweep'], { acc: 0.99, loss: 0.5 }, undefined).decision, 'serve');
    const verdict = judgeGates(both, ['sweep'], { acc: 0.9, loss: 2 }, undefined);
    assert.deepEqual([verdict.decision, verdict.how], ['retrain', ['sweep']]);
    assert.equal(verdict.reason, '2 of 2 gates failed: acc 0.9 is below 0.95; loss 2 is above 1.');
  });
});
