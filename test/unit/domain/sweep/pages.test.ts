import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  append,
  countItems,
  eachItem,
  itemAt,
  type Pages,
  pagesOf,
  withItem,
} from '../../../../server/domain/sweep/pages.ts';

describe('pages', () => {
  it('hold what an array would hold', () => {
    fc.assert(
      fc.property(fc.nat(400), fc.nat(400), (count, at) => {
        const items = Array.from({ length: count }, (_, index) => index);
        let pages: Pages<number> = items.reduce<Pages<number>>(append, []);
        assert.deepEqual(pages, pagesOf(items));
        if (at < count) {
          const before = pages;
          pages = withItem(pages, at, -1);
          assert.equal(itemAt(before, at), at);
          items[at] = -1;
        }
        assert.deepEqual([...eachItem(pages)], items);
        assert.deepEqual([countItems(pages), itemAt(pages, at)], [count, items[at]]);
      }),
    );
  });

  it('share the pages that a change does not touch', () => {
    const pages = pagesOf(Array.from({ length: 300 }, (_, index) => index));
    const changed = withItem(pages, 0, -1);
    assert.deepEqual([changed[0] === pages[0], changed[1] === pages[1], changed[2] === pages[2]], [false, true, true]);
  });
});
