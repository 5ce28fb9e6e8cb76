import assert from 'node:assert/strict';
import { evidenceRows } from '../../../../webview-ui/pages/receipt/statement.ts';

describe('evidence', () => {
  it('becomes flat rows, with nothing left out', () => {
    assert.deepEqual(evidenceRows({ by: 'stat', gates: [{ min: 0.9 }], none: [], maybe: null }), [
      { path: 'by', value: 'stat' },
      { path: 'gates.0.min', value: 0.9 },
      { path: 'none', value: '[]' },
      { path: 'maybe', value: null },
    ]);
    assert.deepEqual(evidenceRows({}), []);
  });
});
