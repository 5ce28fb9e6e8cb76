import assert from 'node:assert/strict';
import { columnsOf, predictedLabel, rowsOf } from '../../../../server/domain/drift/rows.ts';

describe('rows of a sampled request', () => {
  it('are its instances with their predictions', () => {
    const rows = rowsOf({ instances: [[1, 2], [3]] }, { predictions: [{ label: 'a', p: 0.5 }, 'b'] });
    assert.deepEqual(rows[0]?.values, { '0': 1, '1': 2, 'prediction.label': 'a', 'prediction.p': 0.5 });
    assert.deepEqual(rows[1]?.values, { '0': 3, prediction: 'b' });
    assert.deepEqual(
      rows.map(({ prediction }) => predictedLabel(prediction)),
      ['a', 'b'],
    );
  });

  it('are the first dimension of v2 tensors', () => {
    const request = { inputs: [{ name: 'x', shape: [2, 2], data: [1, 2, 3, 4] }] };
    const answer = { outputs: [{ name: 'y', shape: [2], data: [0, 1] }] };
    const rows = rowsOf(request, answer);
    assert.deepEqual(
      rows.map(({ values }) => values),
      [
        { 'x.0': 1, 'x.1': 2, 'prediction.y': 0 },
        { 'x.0': 3, 'x.1': 4, 'prediction.y': 1 },
      ],
    );
  });

  it('are the whole body otherwise, nested values by their path', () => {
    const [row] = rowsOf({ user: { age: 4 }, tags: ['x', null] }, 7);
    assert.deepEqual(row?.values, { 'user.age': 4, 'tags.0': 'x', 'tags.1': null, prediction: 7 });
    assert.deepEqual(columnsOf([row!, rowsOf({ user: { age: 5 } }, 8)[0]!]), {
      'user.age': [4, 5],
      'tags.0': ['x', null],
      'tags.1': [null, null],
      prediction: [7, 8],
    });
  });

  it('have no label where the prediction has none', () => {
    for (const none of [undefined, { score: 1 }, { label: { a: 1 } }]) assert.equal(predictedLabel(none), undefined);
  });
});
