import assert from 'node:assert/strict';
import fc from 'fast-check';
import { appendPiece, emptyLogLines, type LogLines, prependPiece } from '../../../../webview-ui/store/logLines.ts';

/** A piece of ASCII text at its byte offset. */
const piece = (offset: number, text: string) => ({ offset, next: offset + text.length, text, ended: false });
const textsOf = (log: LogLines) => log.lines.map((line) => line.text);

function logOf(...texts: string[]): LogLines {
  const log = emptyLogLines();
  let offset = 0;
  for (const text of texts) {
    appendPiece(log, piece(offset, text));
    offset += text.length;
  }
  return log;
}

describe('log lines', () => {
  it('are the same in whatever pieces the text comes', () => {
    const line = fc.stringMatching(/^[ -~]{0,8}$/);
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat({ max: 12 })), (lines, lengths) => {
        const text = lines.map((each) => `${each}\n`).join('');
        const pieces: string[] = [];
        let at = 0;
        for (const length of lengths) {
          pieces.push(text.slice(at, at + length));
          at += pieces.at(-1)!.length;
        }
        assert.deepEqual(textsOf(logOf(...pieces, text.slice(at))), lines);
      }),
    );
  });

  it('show the last state of a progress bar that rewrites its line', () => {
    assert.deepEqual(textsOf(logOf('10%\r50%', '\r100%\r\nnext\r\n')), ['100%', 'next']);
  });

  it('begin anew when a piece does not join what is held', () => {
    const log = logOf('old\n');
    appendPiece(log, piece(100, 'new\n'));
    assert.deepEqual(textsOf(log), ['new']);
    assert.equal(log.start, 100);
  });

  it('carry a colour on to the next piece', () => {
    const log = logOf('\x1b[31mred\n', 'still red\n');
    assert.deepEqual(log.lines[1]!.style, { foreground: 1 });
  });

  it('join an earlier piece to a first line that was cut', () => {
    const log = emptyLogLines();
    appendPiece(log, piece(8, 'cond\nthird\n'));
    assert.equal(prependPiece(log, piece(0, 'first\nse')), 1);
    assert.deepEqual(textsOf(log), ['first', 'second', 'third']);
    assert.equal(log.start, 0);
  });

  it('do not take an earlier piece that leaves a gap', () => {
    const log = emptyLogLines();
    appendPiece(log, piece(100, 'x\n'));
    assert.equal(prependPiece(log, piece(0, 'first\n')), 0);
    assert.deepEqual(textsOf(log), ['x']);
  });

  it('give up the oldest beyond the limit, and know from which byte on they are held', () => {
    const log = emptyLogLines();
    appendPiece(log, piece(0, 'a\nb\n'), 3);
    appendPiece(log, piece(4, 'c\nd\n'), 3);
    assert.deepEqual(textsOf(log), ['c', 'd']);
    assert.equal(log.start, 4);
    assert.equal(prependPiece(log, piece(0, 'a\nb\n')), 2);
    assert.deepEqual(textsOf(log), ['a', 'b', 'c', 'd']);
  });
});
