import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { checkLoop, randomOf, surviveKills } from './killedLoop.ts';
import { placeOfSuite, until } from './place.ts';

describe('the loop while its control plane is killed', function () {
  this.timeout(300_000);
  const place = placeOfSuite();

  it('loses no trial, runs none twice, keeps the chain, fails no request, and replays to the same decisions', async () => {
    const seed = Date.now() % 1_000_000;
    console.log(`      seed ${seed}`);
    const killed = await surviveKills(place, { count: 2, random: randomOf(seed), withinMs: 8000 });
    assert.ok(killed > 0);
  });
});

describe('npm start that is killed itself', function () {
  this.timeout(300_000);
  const place = placeOfSuite();

  it('is taken up by the next one, which ends right and leaves nothing behind', async () => {
    const seed = Date.now() % 1_000_000;
    console.log(`      seed ${seed}`);
    const random = randomOf(seed);
    for (const during of ['dataset', 'sweep']) {
      const running = place.spawn(['start', '--data', place.data]);
      await until(async () => running.hasEnded() || running.said.stdout.includes(`: ${during}`), `${during} to begin`);
      await delay(random() * 3000);
      assert.ok(!running.hasEnded(), running.said.stderr);
      process.kill(running.child.pid!, 'SIGKILL');
      await running.ended;
      assert.notDeepEqual(await place.processes(), [], 'its control plane goes on');
      console.log(`      killed after: ${running.said.stdout.trimEnd().split('\n').at(-1)}`);
    }
    const last = place.spawn(['start', '--data', place.data]);
    await until(async () => last.hasEnded() || /^Done in /m.test(last.said.stdout), 'the end of the loop', 240_000);
    assert.ok(!last.hasEnded(), last.said.stdout + last.said.stderr);
    await checkLoop(place);
    last.child.kill('SIGINT');
    assert.equal((await last.ended).status, 0);
    assert.deepEqual(await place.processes(), []);
  });
});
