// kill -9 of the control plane at ten random moments of `npm start`, each followed by a restart. SLIPWAY_TEST_SEED
// repeats the moments of an earlier run.
import assert from 'node:assert/strict';
import { randomOf, surviveKills } from '../integration/loop/killedLoop.ts';
import { makePlace } from '../integration/loop/place.ts';

const kills = 10;
const maxRounds = 4;

describe('ten kills of the control plane during the loop', function () {
  this.timeout(20 * 60_000);

  it('lose no trial, run none twice, keep the chain, fail no request, and leave no process', async () => {
    const seed = Number(process.env['SLIPWAY_TEST_SEED'] ?? Date.now() % 1_000_000);
    console.log(`      seed ${seed}`);
    const random = randomOf(seed);
    let killed = 0;
    // A loop may be over before its tenth kill: then the next one takes the rest.
    for (let round = 0; killed < kills && round < maxRounds; round++) {
      const place = await makePlace();
      try {
        killed += await surviveKills(place, { count: kills - killed, random, withinMs: 4000 });
      } finally {
        await place.close();
      }
    }
    assert.equal(killed, kills);
  });
});
