import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseAnsi, plainStyle, stripAnsi, styleAfter } from '../../../../webview-ui/format/ansi.ts';

describe('ANSI text', () => {
  it('gives a line without escapes as one plain span', () => {
    assert.deepEqual(parseAnsi('epoch 1'), [{ text: 'epoch 1', style: {} }]);
    assert.deepEqual(parseAnsi(''), []);
  });

  it('reads the 16 colours as indices of the theme', () => {
    assert.deepEqual(parseAnsi('\x1b[31mred\x1b[0m \x1b[102mback\x1b[49m.'), [
      { text: 'red', style: { foreground: 1 } },
      { text: ' ', style: {} },
      { text: 'back', style: { background: 10 } },
      { text: '.', style: { background: undefined } },
    ]);
  });

  it('reads 256 colours as cube and greys, and 24-bit colours as they are', () => {
    const colorOf = (codes: string) => parseAnsi(`\x1b[${codes}mx`)[0]?.style.foreground;
    assert.equal(colorOf('38;5;9'), 9);
    assert.equal(colorOf('38;5;208'), '#ff8700');
    assert.equal(colorOf('38;5;232'), '#080808');
    assert.equal(colorOf('38;2;40;80;120'), '#285078');
  });

  it('goes on with the codes after an extended colour', () => {
    assert.deepEqual(parseAnsi('\x1b[38;5;1;1mx')[0]?.style, { foreground: 1, bold: true });
  });

  it('leaves out what is no style: cursor moves, titles, links', () => {
    assert.equal(stripAnsi('\x1b[2K\x1b]0;title\x07\x1b]8;;http://x\x1b\\link\x1b[1A'), 'link');
  });

  it('carries a colour that stays on over to the next line', () => {
    const after = styleAfter('\x1b[33mbegins', plainStyle);
    assert.deepEqual(parseAnsi('goes on', after), [{ text: 'goes on', style: { foreground: 3 } }]);
  });

  it('never loses or invents a character of the text', () => {
    const piece = fc.oneof(fc.string(), fc.constantFrom('\x1b[1m', '\x1b[38;5;300m', '\x1b[0;31m', '\x1b['));
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const line = pieces.join('');
        const joined = parseAnsi(line).map((span) => span.text);
        assert.equal(joined.join(''), stripAnsi(line));
      }),
    );
  });
});
