import assert from 'node:assert/strict';
import { datasetFilePath, parseDatasetPath } from '../../../../extension/files/address.ts';

describe('slipway: addresses', () => {
  it('a file’s path leads back to it, whatever its name', () => {
    for (const path of ['a.png', 'a/b c/#?%.png', '한국어/🙂.txt']) {
      assert.deepEqual(parseDatasetPath(datasetFilePath('digits', 3, path)), { name: 'digits', version: 3, path });
    }
  });

  it('knows the levels above, and what is none', () => {
    assert.deepEqual(parseDatasetPath('/'), { path: '' });
    assert.deepEqual(parseDatasetPath('/datasets'), { path: '' });
    assert.deepEqual(parseDatasetPath('/datasets/digits'), { name: 'digits', path: '' });
    assert.deepEqual(parseDatasetPath('/datasets/digits/v3'), { name: 'digits', version: 3, path: '' });
    assert.equal(parseDatasetPath('/datasets/digits/latest/a'), undefined);
    assert.equal(parseDatasetPath('/models/digits'), undefined);
  });
});
