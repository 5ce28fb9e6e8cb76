import assert from 'node:assert/strict';
import { SlipwayError } from '../../../../server/protocol/errors.ts';
import { parseSearchSpace } from '../../../../server/protocol/space.ts';

const refused = (space: unknown, message: RegExp) =>
  assert.throws(
    () => parseSearchSpace(space),
    (error: unknown) => error instanceof SlipwayError && error.code === 'space.invalid' && message.test(error.message),
  );

describe('the search space', () => {
  it('takes every kind of parameter, names with dots and conditions', () => {
    const space = {
      'model.lr': { log: [0.0001, 0.1] },
      x: { float: [0, 1], step: 0.1 },
      n: { int: [1, 8], when: { act: ['relu', 'tanh'] } },
      units: { logInt: [16, 1024], when: { n: 3 } },
      act: { choice: ['relu', 'tanh', true, 2] },
      k: { const: 3 },
    };
    assert.deepEqual(parseSearchSpace(space), space);
  });

  it('names the parameter whose bounds are wrong', () => {
    refused({ lr: { log: [0.1, 0.001] } }, /lr.*reversed/);
    refused({ lr: { log: [0, 1] } }, /lr.*above 0/);
    refused({ u: { logInt: [0, 8] } }, /u.*from 1/);
    refused({ n: { int: [1.5, 8] } }, /n.*int/);
    refused({ x: { float: [0, 1], step: 0 } }, /x.*step/);
    refused({ x: { float: [0, Number.POSITIVE_INFINITY] } }, /x.*float/);
  });

  it('refuses an entry of no kind, of two kinds or with an unknown key', () => {
    refused({ a: { chioce: [1] } }, /a.*exactly one of.*chioce/);
    refused({ a: { int: [1, 2], log: [1, 2] } }, /a.*log and int/);
    refused({ a: { choice: ['x'], step: 1 } }, /a.*step/);
    refused({ a: 3 }, /a.*a map/);
    refused({}, /no parameters/);
    refused([], /not a map/);
  });

  it('refuses a choice that is empty or lists a value twice', () => {
    refused({ a: { choice: [] } }, /a.*empty/);
    refused({ a: { choice: ['x', 'x'] } }, /a.*twice/);
  });

  it('refuses conditions that cannot be decided or never hold', () => {
    refused({ a: { const: 1, when: { b: 1 } } }, /a.*b, which is no parameter/);
    refused({ a: { const: 1, when: { toString: 1 } } }, /a.*toString, which is no parameter/);
    refused({ a: { const: 1, when: { b: 1 } }, b: { float: [0, 1] } }, /a.*b, which is continuous/);
    refused({ a: { const: 1, when: { b: 'z' } }, b: { choice: ['x', 'y'] } }, /a.*"z", which it never is/);
    refused({ a: { const: 1, when: { b: 4 } }, b: { int: [1, 9], step: 2 } }, /a.*4, which it never is/);
  });

  it('shows the circle in which conditions go', () => {
    const circle = {
      a: { choice: [1], when: { b: 1 } },
      b: { choice: [1], when: { c: 1 } },
      c: { const: 1, when: { a: 1 } },
    };
    refused(circle, /a → b → c → a/);
  });
});
