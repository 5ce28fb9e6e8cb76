import assert from 'node:assert/strict';
import { diffManifests } from '../../../../server/domain/dataset/diff.ts';

const files = (contents: Record<string, string>) =>
  Object.entries(contents).map(([relpath, md5]) => ({ relpath, md5 }));

describe('diff of two dataset versions', () => {
  it('tells added, changed, removed and moved files apart', () => {
    const before = files({ same: '1', changed: '2', gone: '3', 'old/name': '4' });
    const after = files({ same: '1', changed: '22', fresh: '5', 'new/name': '4' });
    assert.deepEqual(diffManifests(before, after), {
      added: ['fresh'],
      changed: ['changed'],
      removed: ['gone'],
      moved: [{ from: 'old/name', to: 'new/name' }],
    });
  });

  it('pairs each gone file with one new file of the same bytes, and calls a further copy added', () => {
    const { moved, added, removed } = diffManifests(files({ a: '1' }), files({ b: '1', c: '1' }));
    assert.deepEqual({ moved, added, removed }, { moved: [{ from: 'a', to: 'b' }], added: ['c'], removed: [] });
  });

  it('does not call a copy a move while the original stays', () => {
    assert.deepEqual(diffManifests(files({ a: '1' }), files({ a: '1', b: '1' })).added, ['b']);
  });
});
