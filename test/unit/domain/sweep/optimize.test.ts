import assert from 'node:assert/strict';
import {
  endOptimize,
  feedLine,
  type OptimizeOptions,
  startOptimize,
} from '../../../../server/domain/sweep/optimize.ts';
import { SlipwayError } from '../../../../server/protocol/errors.ts';

const options: OptimizeOptions = {
  space: { k: { int: [1, 9] } },
  sampler: 'random',
  goals: ['minimize'],
  trials: 3,
  parallel: 2,
  seed: 1,
};

/** The answers to lines of input, parsed; the first are those before any input. */
function talk(others: Partial<OptimizeOptions>, input: readonly string[]) {
  let { state, lines } = startOptimize({ ...options, ...others });
  const answers = [lines.map((line) => JSON.parse(line) as Record<string, unknown>)];
  for (const line of input) {
    ({ state, lines } = feedLine(state, line));
    answers.push(lines.map((answer) => JSON.parse(answer) as Record<string, unknown>));
  }
  return { answers, rest: endOptimize(state).map((line) => JSON.parse(line) as Record<string, unknown>) };
}

const given = (answers: Record<string, unknown>[]) => answers.map(({ trial }) => trial);

describe('optimize', () => {
  it('gives as many trials as may run at once, answers each end by the next, and the best once at the end', () => {
    const { answers, rest } = talk({}, [
      '{"trial":1,"value":0.3}',
      '{"trial":0,"value":0.2}',
      '',
      '{"trial":2,"value":0.5}',
    ]);
    assert.deepEqual(answers.map(given), [[0, 1], [2], [], [], [undefined]]);
    const { k } = answers[0]![0]!.params as { k: number };
    assert.deepEqual(answers[4], [{ best: { trial: 0, params: { k }, value: 0.2 } }]);
    assert.deepEqual(rest, []);
  });

  it('counts failed trials, and says null when all failed', () => {
    const failures = [0, 1, 2].map((trial) => `{"trial":${trial},"failed":true}`);
    assert.deepEqual(talk({}, failures).answers.slice(1), [[talk({}, failures).answers[1]![0]!], [], [{ best: null }]]);
  });

  it('takes NaN as Python writes it for a failure', () => {
    const { answers } = talk({ trials: 2 }, ['{"trial": 0, "value": NaN}', '{"trial": 1, "value": -Infinity}']);
    assert.deepEqual(answers.at(-1), [{ best: null }]);
  });

  it('answers reports, and a stop by the next trial on the following line', () => {
    const { answers } = talk({ stopper: 'asha', resource: 9 }, [
      '{"trial":0,"step":1,"value":0.1}',
      '{"trial":1,"step":1,"value":0.4}',
      '{"trial":2,"step":3,"value":0.9}',
      '{"trial":0,"value":0.05}',
    ]);
    assert.deepEqual(answers[1], [{ trial: 0, step: 1, stop: false }]);
    assert.deepEqual(answers[2]![0], { trial: 1, step: 1, stop: true });
    assert.deepEqual(given(answers[2]!), [1, 2]);
    assert.deepEqual(answers[3], [{ trial: 2, step: 3, stop: true }]);
    assert.equal((answers[4]![0]!.best as { value: number }).value, 0.05);
  });

  it('counts the last value of a stopped trial', () => {
    const { answers } = talk({ stopper: 'asha', trials: 2, goals: ['maximize'] }, [
      '{"trial":0,"step":1,"value":0.6}',
      '{"trial":1,"step":1,"value":0.5}',
      '{"trial":0,"value":0.1}',
    ]);
    assert.deepEqual([(answers[3]![0]!.best as { trial: number; value: number }).trial], [1]);
  });

  it('ends with the best when the input ends early', () => {
    assert.equal((talk({}, ['{"trial":1,"value":0.3}']).rest[0]!.best as { trial: number }).trial, 1);
    assert.deepEqual(talk({}, []).rest, [{ best: null }]);
  });

  it('lists the Pareto front of several goals', () => {
    const { answers } = talk({ goals: ['minimize', 'maximize'], parallel: 1 }, [
      '{"trial":0,"values":[1,1]}',
      '{"trial":1,"values":[2,2]}',
      '{"trial":2,"values":[2,1]}',
    ]);
    const best = answers[3]![0]!.best as { trial: number; values: number[] }[];
    assert.deepEqual(
      best.map(({ trial, values }) => [trial, values]),
      [
        [0, [1, 1]],
        [1, [2, 2]],
      ],
    );
  });

  it('refuses what it does not understand, naming it, and keeps the state', () => {
    const { state } = startOptimize(options);
    const refused = (line: string, message: RegExp) =>
      assert.throws(
        () => feedLine(state, line),
        (error: unknown) => error instanceof SlipwayError && message.test(error.message),
      );
    refused('nonsense', /no JSON: nonsense/);
    refused('{"trial":0,"valu":1}', /not understood/);
    refused('{"trial":0,"value":"1"}', /not understood/);
    refused('{"trial":7,"value":1}', /Trial 7 was never given/);
    refused('{"trial":0,"values":[1,2]}', /as many/);
    const next = feedLine(state, '{"trial":0,"value":1}').state;
    assert.throws(() => feedLine(next, '{"trial":0,"value":1}'), /Trial 0 has already ended/);
  });

  it('names the option that is wrong', () => {
    const refused = (others: object, message: RegExp) =>
      assert.throws(() => startOptimize({ ...options, ...others } as OptimizeOptions), message);
    refused({ sampler: 'genetic' }, /--sampler/);
    refused({ goals: ['up'] }, /--goal/);
    refused({ trials: 0 }, /--trials/);
    refused({ stopper: 'hyperband' }, /--resource/);
    refused({ stopper: 'median', resource: 3 }, /--resource/);
    refused({ space: { k: { int: [9, 1] } } }, /k.*reversed/);
  });
});
