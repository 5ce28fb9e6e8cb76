import assert from 'node:assert/strict';
import type { Observed } from '../../../server/runtimes/index.ts';
import { Observations } from '../../../server/runtimes/observations.ts';

const started = (id: string): Observed => ({ type: 'started', id, at: 1, pid: 1, host: 'h', bootId: 'b' });
const ended = (id: string): Observed => {
  return { type: 'ended', id, at: 2, exitCode: 0, signal: null, reason: 'exited', detail: '' };
};

/** The states a watcher gets before it would have to wait. */
async function take(observations: Observations, count: number): Promise<string[]> {
  const done = new AbortController();
  const taken: string[] = [];
  for await (const { id, type } of observations.watch(done.signal)) {
    taken.push(`${id} ${type}`);
    if (taken.length === count) done.abort();
  }
  return taken;
}

describe('observations', () => {
  it('reach every watcher, early or late, in order', async () => {
    const observations = new Observations();
    const early = take(observations, 3);
    observations.publish(started('a'));
    observations.publish(started('b'));
    observations.publish(ended('a'));
    assert.deepEqual(await early, ['a started', 'b started', 'a ended']);
    assert.deepEqual(await take(observations, 3), ['a started', 'a ended', 'b started']);
  });

  it('are told once, however often they are made', async () => {
    const observations = new Observations();
    observations.publish(started('a'));
    observations.publish(started('a'));
    observations.publish(ended('a'));
    assert.deepEqual(await take(observations, 2), ['a started', 'a ended']);
  });

  it('never forget what still runs, and nothing that nobody has seen', async () => {
    const observations = new Observations();
    observations.publish(started('long'));
    for (let index = 0; index < 3000; index++) observations.publish(ended(`e${index}`));
    assert.equal((await take(observations, 3001)).length, 3001);
    const watcher = take(observations, 1);
    observations.publish(ended('last'));
    await watcher;
    assert.ok(observations.has('long', 'started') && observations.has('last', 'ended'));
    assert.ok(!observations.has('e0', 'ended'));
  });

  it('end with the signal, quietly', async () => {
    const done = new AbortController();
    const watcher = new Observations().watch(done.signal).next();
    done.abort();
    assert.deepEqual(await watcher, { value: undefined, done: true });
  });
});
