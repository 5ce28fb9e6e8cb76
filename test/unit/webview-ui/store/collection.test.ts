import assert from 'node:assert/strict';
import fc from 'fast-check';
import { applyChanges, applyResync, emptyCollection } from '../../../../webview-ui/store/collection.ts';

interface Item {
  id: string;
  version: number;
}

const empty = emptyCollection<Item>();
const changes = (changed: Item[], removed: string[] = [], ready = true) => ({ changed, removed, ready });
const idsOf = (collection: { items: ReadonlyMap<string, Item> }) => [...collection.items.keys()];

describe('a live collection', () => {
  it('is not ready before the server has said so', () => {
    const first = applyChanges(empty, changes([{ id: 'a', version: 1 }], [], false));
    assert.equal(first.ready, false);
    assert.deepEqual(idsOf(first), ['a']);
    assert.equal(applyChanges(first, changes([])).ready, true);
  });

  it('replaces objects of the same id and drops removed ones', () => {
    const before = applyChanges(
      empty,
      changes([
        { id: 'a', version: 1 },
        { id: 'b', version: 1 },
      ]),
    );
    const after = applyChanges(before, changes([{ id: 'a', version: 2 }], ['b']));
    assert.deepEqual([...after.items.values()], [{ id: 'a', version: 2 }]);
    assert.equal(before.items.size, 2);
  });

  it('keeps what is shown through a resync until everything has come again', () => {
    const before = applyChanges(empty, changes([{ id: 'gone', version: 1 }]));
    const during = applyChanges(applyResync(before), changes([{ id: 'new', version: 1 }], [], false));
    assert.deepEqual(idsOf(during), ['gone']);
    const after = applyChanges(during, changes([{ id: 'newer', version: 1 }]));
    assert.deepEqual(idsOf(after), ['new', 'newer']);
  });

  it('holds after a resync exactly what the server sent after it', () => {
    const message = fc.record({
      changed: fc.array(fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), version: fc.nat() })),
      removed: fc.array(fc.constantFrom('a', 'b', 'c', 'd')),
      ready: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(message), fc.array(message), (before, after) => {
        const final = changes([{ id: 'end', version: 1 }]);
        const stale = before.reduce(applyChanges, empty);
        const resynced = [...after, final].reduce(applyChanges, applyResync(stale));
        const fresh = [...after, final].reduce(applyChanges, empty);
        assert.deepEqual(resynced.items, fresh.items);
      }),
    );
  });
});
