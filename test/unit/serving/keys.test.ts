import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type Key, Keys } from '../../../server/serving/keys.ts';

const key = (id: string, secret: string, ratePerSecond?: number): Key => {
  return { id, sha256: createHash('sha256').update(secret).digest('hex'), ratePerSecond };
};

describe('keys of an endpoint', () => {
  it('let in who has the secret of one, and nobody else', () => {
    const keys = new Keys([key('a', 'one'), key('b', 'two')]);
    for (const good of ['Bearer one', 'bearer  two ']) assert.equal(keys.check(good, 0), 'ok');
    const digest = createHash('sha256').update('one').digest('hex');
    for (const bad of [null, '', 'one', 'Basic one', 'Bearer', 'Bearer three', `Bearer ${digest}`, 'Bearer one two']) {
      assert.equal(keys.check(bad, 0), 'unknown', `${bad}`);
    }
  });

  it('hold each to its own rate, also over a change of the keys', () => {
    const keys = new Keys([key('slow', 'one', 2), key('fast', 'two')]);
    const asked = (set: Keys, at: number, count: number) =>
      Array.from({ length: count }, () => set.check('Bearer one', at)).filter((answer) => answer === 'ok').length;
    assert.equal(asked(keys, 0, 10), 2);
    assert.equal(asked(keys, 499, 1), 0);
    assert.equal(asked(keys, 1000, 10), 2);
    const changed = new Keys([key('slow', 'one', 2)], keys);
    assert.equal(asked(changed, 1000, 10), 0);
    assert.equal(changed.check('Bearer two', 1000), 'unknown');
    assert.equal(keys.check('Bearer two', 1000), 'ok');
  });
});
