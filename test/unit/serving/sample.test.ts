import assert from 'node:assert/strict';
import { REDACTED, withOnly, without } from '../../../server/serving/sample.ts';

const body = {
  user: { name: 'Kim', age: 4 },
  instances: [
    { age: 1, city: 'Seoul' },
    { age: 2, city: 'Jeju' },
  ],
  n: null,
};

describe('fields of a sample', () => {
  it('are kept by path, through lists and objects', () => {
    assert.deepEqual(withOnly(body, ['instances.age', 'n', 'user']), {
      user: { name: 'Kim', age: 4 },
      instances: [{ age: 1 }, { age: 2 }],
      n: null,
    });
    assert.deepEqual(withOnly(body, ['absent']), {});
    assert.deepEqual(withOnly([[1, 2]], ['x']), [[1, 2]]);
  });

  it('are redacted by path, wherever they stand, and the original stays', () => {
    assert.deepEqual(without(body, ['user.name', 'instances.city', 'n']), {
      user: { name: REDACTED, age: 4 },
      instances: [
        { age: 1, city: REDACTED },
        { age: 2, city: REDACTED },
      ],
      n: REDACTED,
    });
    assert.equal(body.user.name, 'Kim');
  });
});
