import assert from 'node:assert/strict';
import { formatBytes, formatShare, formatValue } from '../../../../extension/text/number.ts';
import { formatSpan, periodOf, relativeTime } from '../../../../extension/text/time.ts';

const wednesday = new Date(2024, 5, 5, 12).getTime();
const hourMs = 3_600_000;

describe('numbers and times as people read them', () => {
  it('numbers keep what tells them apart, and name what is not finite', () => {
    assert.equal(formatValue(0.98217), '0.9822');
    assert.equal(formatValue(0.00001), '1e−5');
    assert.equal(formatValue('NaN'), 'NaN');
    assert.equal(formatBytes(1_397_000), '1.4 MB');
    assert.equal(formatBytes(999), '999 B');
    assert.equal(formatShare(0.004), '0.4 %');
  });

  it('days and weeks are the reader’s own', () => {
    assert.equal(periodOf(wednesday - 11 * hourMs, wednesday), 'today');
    assert.equal(periodOf(wednesday - 13 * hourMs, wednesday), 'thisWeek');
    assert.equal(periodOf(wednesday - 59 * hourMs, wednesday), 'thisWeek');
    assert.equal(periodOf(wednesday - 61 * hourMs, wednesday), 'earlier');
  });

  it('times are relative, without seconds', () => {
    assert.equal(relativeTime(wednesday - 20_000, wednesday), 'now');
    assert.equal(relativeTime(wednesday - 50_000, wednesday), '1 min. ago');
    assert.equal(relativeTime(wednesday - 24 * hourMs, wednesday), 'yesterday');
    assert.equal(formatSpan(2 * hourMs + 5 * 60_000), '2 h 5 min');
    assert.equal(formatSpan(43_000), '43 s');
  });
});
