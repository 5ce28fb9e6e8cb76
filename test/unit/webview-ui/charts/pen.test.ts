import assert from 'node:assert/strict';
import { csvOf, svgOf, tsvOf } from '../../../../webview-ui/charts/chartFiles.ts';
import { svgPen } from '../../../../webview-ui/charts/pen.ts';

describe('what a chart gives away', () => {
  it('CSV quotes what would break a row (RFC 4180) and keeps every digit', () => {
    const text = csvOf({
      head: ['run', 'lr'],
      rows: [
        ['a "b", c', 0.1 + 0.2],
        ['line\nbreak', undefined],
      ],
    });
    assert.equal(text, 'run,lr\r\n"a ""b"", c",0.30000000000000004\r\n"line\nbreak",\r\n');
  });

  it('what is copied has one row a line, whatever the cells hold', () => {
    assert.equal(tsvOf({ head: ['a', 'b'], rows: [['x\ty', 'u\nv']] }), 'a\tb\nx y\tu v');
  });

  it('SVG breaks lines where the pen was lifted, and lets no text out of its place', () => {
    const pen = svgPen(10, 10, '11px "A & B"', '#fff');
    pen.lines([0, 0, 1, 1, Number.NaN, Number.NaN, 2, 2, 3, 3], { color: 'red', width: 1 });
    pen.text(1, 1, '</text><script>', { color: 'red' });
    const text = pen.document();
    assert.match(text, /d="M0 0L1 1M2 2L3 3"/);
    assert.ok(!text.includes('<script>'));
    assert.ok(text.includes('&lt;/text&gt;'));
    assert.match(text, /font:11px &quot;A &amp; B&quot;/);
  });

  it('a picture is drawn at the size that was asked for', () => {
    let size: number[] = [];
    const svg = svgOf({
      draw: (_, width, height) => {
        size = [width, height];
      },
      width: 300,
      height: 100,
      theme: { font: '11px sans-serif', background: 'white' },
    });
    assert.deepEqual(size, [300, 100]);
    assert.match(svg, /viewBox="0 0 300 100"/);
  });
});
