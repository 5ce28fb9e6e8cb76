import assert from 'node:assert/strict';
import fc from 'fast-check';
import { chooseByKey, chooseLeastBusy, chooseSmoothly } from '../../../server/serving/balance.ts';

const candidatesOf = (weights: readonly number[]) =>
  weights.map((weight, index) => ({ name: `v${index}`, weight, credit: 0 }));

describe('choice of a revision', () => {
  it('gives each exactly its weight in every round', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 5 }), (weights) => {
        const candidates = candidatesOf(weights);
        const sum = weights.reduce((a, b) => a + b, 0);
        const counts = new Map<string, number>();
        for (let request = 0; request < sum * 2; request++) {
          const { name } = chooseSmoothly(candidates)!;
          counts.set(name, (counts.get(name) ?? 0) + 1);
        }
        for (const { name, weight } of candidates) assert.equal(counts.get(name) ?? 0, 2 * weight);
      }),
    );
  });

  it('chooses none without a weight', () => {
    assert.equal(chooseSmoothly(candidatesOf([0, 0])), null);
    assert.equal(chooseByKey(candidatesOf([0]), 'a'), null);
  });

  it('keeps a key where it is, and moves keys only towards the revision whose weight grows', () => {
    const users = Array.from({ length: 2000 }, (_, index) => `user-${index}`);
    const before = candidatesOf([95, 5]);
    const after = candidatesOf([75, 25]);
    let onCanary = 0;
    for (const user of users) {
      const was = chooseByKey(before, user)!.name;
      const is = chooseByKey(after, user)!.name;
      assert.equal(chooseByKey(after, user)!.name, is);
      if (was === 'v1') assert.equal(is, 'v1');
      if (is === 'v1') onCanary++;
    }
    assert.ok(onCanary > 420 && onCanary < 580, `${onCanary} of 2000 at 25 %`);
  });

  it('takes the least busy replica, equal ones in turn', () => {
    const replicas = [{ inFlight: 2 }, { inFlight: 1 }, { inFlight: 1 }];
    assert.equal(chooseLeastBusy(replicas, 0), replicas[1]);
    assert.equal(chooseLeastBusy(replicas, 2), replicas[2]);
    assert.equal(chooseLeastBusy([], 0), null);
  });
});
