import assert from 'node:assert/strict';
import { randomOf, surviveKills } from './killedLoop.ts';
import { makePlace, type Place } from './place.ts';

describe('the loop while its control plane is killed', function () {
  this.timeout(300_000);
  let place: Place;
  before(async () => {
    place = await makePlace();
  });
  after(() => place?.close());

  it('loses no trial, runs none twice, keeps the chain, fails no request, and replays to the same decisions', async () => {
    const seed = Date.now() % 1_000_000;
    console.log(`      seed ${seed}`);
    const killed = await surviveKills(place, { count: 2, random: randomOf(seed), withinMs: 8000 });
    assert.ok(killed > 0);
  });
});
