import assert from 'node:assert/strict';
import { Name, parseVersionRef } from '../../../server/protocol/names.ts';
import { Bytes, DurationMs } from '../../../server/protocol/units.ts';

describe('units', () => {
  const durations: [string, number | undefined][] = [
    ['500ms', 500],
    ['60s', 60_000],
    ['1.5h', 5_400_000],
    ['30d', 2_592_000_000],
    ['0.1ms', 0],
    ['5', undefined],
    ['5 m', undefined],
    ['-5m', undefined],
    ['5M', undefined],
    ['.5h', undefined],
    ['1h30m', undefined],
  ];
  for (const [text, ms] of durations) {
    it(`reads the duration ${text} as ${ms ?? 'wrong'}`, () => assert.equal(DurationMs.safeParse(text).data, ms));
  }

  const amounts: [string | number, number | undefined][] = [
    [1024, 1024],
    ['1024', 1024],
    ['2Gi', 2 ** 31],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['500M', 5e8],
    ['1k', 1000],
    ['1K', undefined],
    ['2GB', undefined],
    ['2 Gi', undefined],
    ['-1Gi', undefined],
    [0, undefined],
    [1.5, undefined],
  ];
  for (const [amount, bytes] of amounts) {
    it(`reads the amount ${JSON.stringify(amount)} as ${bytes ?? 'wrong'}`, () => {
      assert.equal(Bytes.safeParse(amount).data, bytes);
    });
  }
});

describe('names', () => {
  const longest = `a${'-'.repeat(51)}z`;
  for (const name of ['ab', 'a1', '0-0', longest]) it(`takes ${name}`, () => assert.ok(Name.safeParse(name).success));
  for (const name of ['a', '-a', 'a-', 'A1', 'a_b', 'a.b', 'ä1', '', `${longest}z`, 'ab\n', '../etc']) {
    it(`refuses ${JSON.stringify(name)}`, () => assert.ok(!Name.safeParse(name).success));
  }

  it('reads a version reference, and nothing that is nearly one', () => {
    assert.deepEqual(parseVersionRef('digits@v3'), { name: 'digits', version: 3 });
    assert.deepEqual(parseVersionRef('digits'), { name: 'digits' });
    for (const text of [
      'digits@3',
      'digits@v0',
      'digits@v03',
      'digits@v',
      'x@v1',
      'digits@v1 ',
      'digits@v9999999999',
    ]) {
      assert.equal(parseVersionRef(text), undefined, text);
    }
  });
});
