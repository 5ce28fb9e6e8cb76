import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  formatBytes,
  formatMemory,
  formatParam,
  formatPercent,
  formatShort,
  formatValue,
  middleEllipsis,
} from '../../../../server/protocol/format/number.ts';

describe('numbers', () => {
  it('show a metric with the same precision everywhere, so that columns align', () => {
    assert.deepEqual(
      [0.95, 0.98234, 12.3456, 1234.56, 3].map((value) => formatValue(value, 'en')),
      ['0.9500', '0.9823', '12.35', '1,234.6', '3'],
    );
    assert.equal(formatShort(0.95, 'en'), '0.95');
  });

  it('name what is no number', () => {
    const read = ['NaN', 'Infinity', '-Infinity', undefined].map((value) => formatValue(value, 'en'));
    assert.deepEqual(read, ['NaN', '+∞', '−∞', '–']);
  });

  it('show very small and very large values with an exponent', () => {
    assert.equal(formatValue(0.00001234, 'en'), '1.234e−5');
    assert.equal(formatValue(1.5e9, 'en'), '1.500e9');
  });

  it('show a parameter with every digit it has', () => {
    assert.equal(formatParam(0.012345678901, 'en'), '0.012345678901');
    assert.equal(formatParam(null, 'en'), 'null');
  });

  it('keep sizes decimal and memory binary, with their units', () => {
    assert.equal(formatBytes(1_402_331, 'en'), '1.4 MB');
    assert.equal(formatBytes(999, 'en'), '999 B');
    assert.equal(formatBytes(999_999, 'en'), '1 MB');
    assert.equal(formatMemory(2 * 2 ** 30, 'en'), '2 GiB');
  });

  it('do not round a small share to nothing', () => {
    assert.equal(formatPercent(0.0012, 'en'), '0.12 %');
    assert.equal(formatPercent(0.75, 'en'), '75 %');
  });
});

describe('middle ellipsis', () => {
  it('cuts in the middle and keeps both ends', () => {
    assert.equal(middleEllipsis('0123456789abcdef', 9), '0123…cdef');
    assert.equal(middleEllipsis('short', 9), 'short');
  });

  it('never gets longer than asked and never tears a character apart', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 3, max: 40 }), (text, length) => {
        const cut = middleEllipsis(text, length);
        assert.ok(Array.from(cut).length <= Math.max(length, 3));
        assert.ok(cut === text || cut.isWellFormed());
      }),
    );
  });
});
