import assert from 'node:assert/strict';
import { parseParameters, writeParameters } from '../../../../extension/commands/parameters.ts';

const declared = { lr: 0.01, hidden: 64, act: 'relu', amp: false, note: 'two words' };

describe('parameters as a person types them', () => {
  it('what is written reads back as no change', () => {
    assert.deepEqual(parseParameters(writeParameters(declared), declared), { params: {} });
  });

  it('keeps what differs, with the declared type', () => {
    const text = 'lr=1e-3 hidden=128 act=007 amp=true note="a b"';
    assert.deepEqual(parseParameters(text, declared), {
      params: { lr: 0.001, hidden: 128, act: '007', amp: true, note: 'a b' },
    });
  });

  for (const text of ['lr', 'lr=fast', 'lr=', 'amp=1', 'unknown=1']) {
    it(`says what is wrong with ${text}`, () => assert.ok('problem' in parseParameters(text, declared)));
  }
});
