import assert from 'node:assert/strict';
import fc from 'fast-check';
import { lineAtScroll, mostPx, scrollHeight, scrollOfLine } from '../../../../webview-ui/pages/run/logScroll.ts';

const view = fc.record({
  lines: fc.integer({ min: 1, max: 50_000_000 }),
  linePx: fc.constant(18),
  height: fc.integer({ min: 100, max: 2000 }),
});

describe('scrolling through a log', () => {
  it('stays within what browsers can scroll, and reaches the first line and the last', () => {
    fc.assert(
      fc.property(view, (one) => {
        const whole = scrollHeight(one);
        assert.ok(whole <= mostPx);
        assert.equal(lineAtScroll(one, 0), 0);
        const bottom = lineAtScroll(one, Math.max(0, whole - one.height)) + one.height / one.linePx;
        assert.ok(Math.abs(bottom - Math.max(one.lines, one.height / one.linePx)) < 0.01);
      }),
    );
  });

  it('brings a line to the top where that is possible', () => {
    fc.assert(
      fc.property(view, fc.double({ min: 0, max: 1, noNaN: true }), (one, share) => {
        const line = Math.floor(share * Math.max(0, one.lines - one.height / one.linePx));
        const at = lineAtScroll(one, scrollOfLine(one, line));
        assert.ok(Math.abs(at - line) < 0.01 + one.lines * 1e-9, `${at} instead of ${line}`);
      }),
    );
  });

  it('of a short log is one line for its height in pixels', () => {
    assert.equal(lineAtScroll({ lines: 1000, linePx: 18, height: 180 }, 36), 2);
  });
});
