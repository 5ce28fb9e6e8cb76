import assert from 'node:assert/strict';
import { LiveCollection } from '../../../../extension/model/collection.ts';
import type { ServerMessage } from '../../../../server/protocol/events.ts';

interface Item {
  id: string;
}
const parse = (value: unknown) => (typeof (value as Item).id === 'string' ? (value as Item) : undefined);
const changes = (ids: unknown[], ready = true, removed: string[] = []): ServerMessage => ({
  type: 'changes',
  id: 's',
  cursor: 1,
  ready,
  changed: ids.map((id) => ({ id })),
  removed,
});

describe('live collection', () => {
  it('adds, replaces and removes by id', () => {
    const collection = new LiveCollection(parse);
    collection.apply(changes(['a', 'b']));
    collection.apply(changes(['b', 'c'], true, ['a']));
    assert.deepEqual([...collection.items.keys()], ['b', 'c']);
  });

  it('is ready once everything came, also when there is nothing', async () => {
    const collection = new LiveCollection(parse);
    collection.apply(changes(['a'], false));
    assert.equal(collection.ready, false);
    const loaded = collection.whenReady();
    assert.equal(collection.apply(changes([])), true);
    await loaded;
  });

  it('after a resync shows the old until the new is complete, then only the new', () => {
    const collection = new LiveCollection(parse);
    collection.apply(changes(['a', 'gone']));
    collection.apply({ type: 'resync', id: 's' });
    assert.equal(collection.apply(changes(['a'], false)), false);
    assert.deepEqual([...collection.items.keys()], ['a', 'gone']);
    assert.equal(collection.apply(changes(['b'])), true);
    assert.deepEqual([...collection.items.keys()], ['a', 'b']);
  });

  it('leaves out what it does not understand and keeps the rest', () => {
    const collection = new LiveCollection(parse);
    collection.apply(changes([1, 'a']));
    assert.deepEqual([...collection.items.keys()], ['a']);
  });
});
