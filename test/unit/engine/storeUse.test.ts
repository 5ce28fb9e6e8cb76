import assert from 'node:assert/strict';
import { StoreUse } from '../../../server/engine/storeUse.ts';

describe('use of the object store', () => {
  /** Work that goes on until it is let go. */
  function held() {
    const { promise, resolve } = Promise.withResolvers<void>();
    return { work: () => promise, letGo: resolve };
  }
  const settle = () => new Promise((done) => setImmediate(done));

  it('lets many add at once, and keeps who removes waiting until none is left', async () => {
    const use = new StoreUse();
    const [first, second] = [held(), held()];
    const order: string[] = [];
    const adds = [use.sharing(first.work), use.sharing(second.work)];
    const alone = use.alone(async () => void order.push('alone'));
    const late = use.sharing(async () => void order.push('late'));
    first.letGo();
    await settle();
    assert.deepEqual(order, []);
    second.letGo();
    await Promise.all([...adds, alone, late]);
    assert.deepEqual(order, ['alone', 'late']);
  });

  it('lets one after the other remove, also after one that failed', async () => {
    const use = new StoreUse();
    let inside = 0;
    const remove = async () => {
      assert.equal(++inside, 1);
      await settle();
      inside--;
    };
    const failing = use.alone(async () => {
      throw new Error('on purpose');
    });
    await assert.rejects(failing, /on purpose/);
    await Promise.all([use.alone(remove), use.alone(remove), use.sharing(remove)]);
  });
});
