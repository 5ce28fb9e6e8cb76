import assert from 'node:assert/strict';
import { createLogSearch } from '../../../../webview-ui/pages/run/logSearch.ts';
import { appendPiece, emptyLogLines } from '../../../../webview-ui/store/logLines.ts';

describe('the search in a log', () => {
  it('finds any case, also across colours, and goes on as the log grows', () => {
    const log = emptyLogLines();
    const search = createLogSearch();
    const append = (text: string) =>
      appendPiece(log, {
        offset: Math.max(log.next, 0),
        next: Math.max(log.next, 0) + text.length,
        text,
        ended: false,
      });
    append('one Error\nfine\ner');
    assert.deepEqual(search(log, 'error'), [0]);
    append('\x1b[31mror\n');
    assert.deepEqual(search(log, 'error'), [0, 2]);
    append('error\n');
    assert.deepEqual(search(log, 'ERROR'), [0, 2, 3]);
    assert.deepEqual(search(log, ''), []);
  });
});
