import assert from 'node:assert/strict';
import type { EntityOf } from '../../../../server/protocol/entities.ts';
import { fewestTrials, importanceOf } from '../../../../webview-ui/charts/importance.ts';
import { axesOf, placeOn, ticksOf } from '../../../../webview-ui/charts/trialAxes.ts';
import { stepsOf } from '../../../../webview-ui/pages/sweep/steps.ts';

type Trial = EntityOf<'trials'>;

const space = { lr: { log: [0.001, 1] }, act: { choice: ['relu', 'tanh'] }, idle: { float: [0, 1] } };

function trial(number: number, params: Trial['params'], value: number, more: Partial<Trial> = {}): Trial {
  const base = { id: `s/${number}`, sweep: 's', number, reason: '', attempt: 0, status: 'finished' } as const;
  return { ...base, params, value, ...more };
}

/** The loss is decided by lr, a little by act, not by idle. */
const trials = Array.from({ length: 200 }, (_, n) => {
  const lr = 10 ** (-3 + 3 * ((n * 0.618034) % 1));
  const act = n % 2 === 0 ? 'relu' : 'tanh';
  return trial(n, { lr, act, idle: (n * 0.754878) % 1 }, (Math.log10(lr) + 1.5) ** 2 + (act === 'relu' ? 0.3 : 0));
});

describe('importance of parameters', () => {
  it('is greatest for what decides the value, and about nothing for what does not', () => {
    const found = importanceOf(axesOf(space, trials), trials);
    assert.deepEqual(
      found.map(({ name }) => name),
      ['lr', 'act', 'idle'],
    );
    assert.ok(found[0]!.share > 0.6 && found[0]!.share <= 1, JSON.stringify(found));
    assert.ok(found[1]!.share > 0.01 && found[2]!.share < 0.1, JSON.stringify(found));
  });

  it('does not depend on how large an outlier is, and is not told from too few trials', () => {
    const axes = axesOf(space, trials);
    const wild = trials.map((one) => (one.number === 3 ? { ...one, value: 1e30 } : one));
    const highest = trials.map((one) => (one.number === 3 ? { ...one, value: 100 } : one));
    assert.deepEqual(importanceOf(axes, wild), importanceOf(axes, highest));
    assert.deepEqual(importanceOf(axes, trials.slice(0, fewestTrials - 1)), []);
  });
});

describe('axes of trials', () => {
  it('place numbers by their scale, choices in order, and nothing that a trial has not', () => {
    const [lr, act] = axesOf(space, trials);
    assert.deepEqual(
      [0.001, 1].map((given) => placeOn(lr!, given)),
      [0, 1],
    );
    assert.ok(Math.abs(placeOn(lr!, Math.sqrt(0.001))! - 0.5) < 1e-9);
    assert.deepEqual(
      [placeOn(act!, 'relu'), placeOn(act!, 'tanh'), placeOn(act!, 'gelu'), placeOn(lr!, undefined)],
      [0, 1, undefined, undefined],
    );
    assert.deepEqual(
      ticksOf(act!).map(({ given }) => given),
      ['relu', 'tanh'],
    );
  });

  it('follow the trials where no space is known', () => {
    const [only] = axesOf(undefined, [trial(0, { x: 2 }, 1), trial(1, { x: 6 }, 1)]);
    assert.deepEqual([only!.low, only!.high, placeOn(only!, 4)], [2, 6, 0.5]);
  });
});

describe('steps of a sweep', () => {
  it('are those that were trained, and those that stopped trials did not take', () => {
    const early = { status: 'stoppedEarly', step: 3 } as const;
    const all = [trial(0, {}, 1, { step: 9 }), trial(1, {}, 1, early), trial(2, {}, 1, { status: 'failed' })];
    assert.deepEqual(stepsOf(all), { spent: 12, saved: 6 });
  });
});
