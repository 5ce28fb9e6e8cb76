import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  appendText,
  beginAtEnd,
  emptyLogPages,
  type LogPages,
  lineAt,
  missingPages,
  pageLines,
  takePage,
} from '../../../../webview-ui/store/logPages.ts';

const bytes = (text: string) => Buffer.byteLength(text);

/** The lines of a text and where each begins, as the server gives them from line `from` on. */
function endOf(text: string, from: number) {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  let offset = 0;
  const all = lines.map((line, i) => {
    const entry = { line: i, offset, text: line };
    offset += bytes(line) + 1;
    return entry;
  });
  return { total: lines.length, bytes: bytes(text), ended: false, lines: all.slice(from) };
}

function append(log: LogPages, text: string): void {
  const { next } = log;
  assert.ok(appendText(log, { offset: next, next: next + bytes(text), text, ended: false }));
}

describe('a log by pages', () => {
  it('has the same lines, in whatever pieces the text came', () => {
    const texts = fc.array(fc.constantFrom('a', 'é', '\n', 'line\n', '🙂\n\n', 'x'.repeat(40)), { maxLength: 60 });
    fc.assert(
      fc.property(texts, texts, (before, after) => {
        const [first, whole] = [before.join(''), [...before, ...after].join('')];
        const log = emptyLogPages();
        beginAtEnd(log, endOf(first, 0));
        for (const piece of after) append(log, piece);
        const expected = endOf(whole, 0).lines.map((line) => line.text);
        assert.equal(log.total, expected.length);
        assert.deepEqual(
          expected.map((_, i) => lineAt(log, i)),
          expected,
        );
      }),
    );
  });

  it('refuses a piece that does not join, so that the end is read again', () => {
    const log = emptyLogPages();
    beginAtEnd(log, endOf('one\n', 0));
    assert.equal(appendText(log, { offset: 10, next: 12, text: 'x\n', ended: false }), false);
    assert.equal(log.total, 1);
  });

  it('asks for the pages in sight that are not here, also when their lines came before their page', () => {
    const log = emptyLogPages();
    const text = Array.from({ length: 2 * pageLines + 10 }, (_, i) => `line ${i}\n`).join('');
    beginAtEnd(log, endOf(text, 2 * pageLines));
    assert.deepEqual(missingPages(log, 0, 3 * pageLines), [0, 1]);
    assert.equal(lineAt(log, 5), undefined);
    takePage(
      log,
      0,
      Array.from({ length: pageLines }, (_, i) => `line ${i}`),
    );
    assert.equal(lineAt(log, 5), 'line 5');
    assert.deepEqual(missingPages(log, 0, 3 * pageLines), [1]);
  });

  it('keeps a bounded part of a log that is looked through or that grows, and never gives up its end', () => {
    const log = emptyLogPages();
    beginAtEnd(log, endOf('', 0));
    append(log, 'line\n'.repeat(100 * pageLines));
    assert.equal(log.total, 100 * pageLines);
    assert.ok(log.pages.size <= 60, `${log.pages.size} pages`);
    for (let page = 0; page < 99; page += 1) takePage(log, page, Array(pageLines).fill('again'));
    assert.ok(log.pages.size <= 60, `${log.pages.size} pages`);
    assert.equal(lineAt(log, log.total - 1), 'line');
  });
});
