// kill -9 of the control plane at twenty random moments of a sweep of 200 trials with ASHA, each followed by a restart.
// SLIPWAY_TEST_SEED repeats the moments of an earlier run.
import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { randomOf } from '../integration/loop/killedLoop.ts';
import { answering, type Caller, makePlace, type Place, root, until } from '../integration/loop/place.ts';
import { replay } from '../integration/loop/replay.ts';

const kills = 20;
const trials = 200;
const withinMs = 2500;

const slipwayYaml = `
project: killed
train:
  run: python3 trial.py
  params: { epochs: 9, epochSeconds: 0.08 }
  resources: { cpu: 0.25 }
  objective: { metric: val/loss, goal: minimize }
sweep:
  { sampler: tpe, stopper: asha, resource: 9, trials: ${trials}, parallel: 4, space: { x: { float: [0, 1] }, y: { float: [0, 1] } } }
`;

describe('twenty kills of the control plane during a sweep', function () {
  this.timeout(20 * 60_000);
  let place: Place;
  before(async () => {
    place = await makePlace();
  });
  after(() => place?.close());

  it('lose no trial, run none twice, and replay to the same decisions and best', async () => {
    const seed = Number(process.env['SLIPWAY_TEST_SEED'] ?? Date.now() % 1_000_000);
    console.log(`      seed ${seed}`);
    const random = randomOf(seed);
    const folder = place.path('project');
    await mkdir(folder);
    await copyFile(join(root, 'test/fixtures/sweep/trial.py'), join(folder, 'trial.py'));
    await writeFile(join(folder, 'slipway.yaml'), slipwayYaml);

    let server = await place.serve();
    const { id } = await server.call('startSweep', { body: { folder, requestId: 'killed' } });
    for (let killed = 0; killed < kills; killed++) {
      await delay(random() * withinMs);
      const { status, counts } = await server.call('getSweep', { params: { id } });
      assert.equal(status, 'running', `the sweep was over before kill ${killed + 1}: ${JSON.stringify(counts)}`);
      process.kill(server.pid, 'SIGKILL');
      await server.running.ended;
      console.log(`      killed ${killed + 1}, after: ${JSON.stringify(counts)}`);
      const dead = server.pid;
      server = await place.serve();
      // The next one answers at the same address a moment before it writes its pid.
      server.pid = await until(async () => {
        const now = await answering(place.data);
        return now !== undefined && now.pid !== dead && now.pid;
      }, 'the next control plane');
    }
    const { call } = server;
    await until(
      async () => (await call('getSweep', { params: { id } })).endedAt !== undefined,
      'the end of the sweep',
      900_000,
    );
    await checkTrials(place, call, id);
    await checkReceipts(place, id);
    const replayed = replay(place.data);
    assert.ok(replayed.events > 3 * trials, JSON.stringify(replayed));
    await server.stop();
  });
});

/** Every trial is there, ended, and its program began once; the best is the best of them. */
async function checkTrials(place: Place, call: Caller, id: string): Promise<void> {
  const sweep = await call('getSweep', { params: { id } });
  const { items } = await call('listTrials', { params: { id }, query: { limit: 1000 } });
  assert.deepEqual(
    items.map(({ number }) => number).sort((a, b) => a - b),
    Array.from({ length: trials }, (_, number) => number),
  );
  const ended = items.filter(({ status }) => status === 'finished' || status === 'stoppedEarly');
  assert.deepEqual(
    items.filter((trial) => !ended.includes(trial)).map(({ number, status, reason }) => [number, status, reason]),
    [],
  );
  assert.ok(sweep.counts.stoppedEarly > 0, 'ASHA stopped nobody: the test shows less than it says');
  const finished = items.filter(({ status }) => status === 'finished').map(({ value }) => Number(value));
  assert.equal(sweep.best?.value, Math.min(...finished));

  const folder = place.path('data', 'workloads');
  const workloads = (await readdir(folder)).filter((name) => name.startsWith(id));
  assert.deepEqual(workloads.sort(), items.map(({ run }) => `${run}-1`).sort(), 'one workload a trial');
  for (const { run } of items) {
    const log = await readFile(join(folder, `${run}-1`, 'log'), 'utf8');
    assert.deepEqual(log.match(/^began at epoch .*$/gm) ?? [], ['began at epoch 1'], `${run} began once`);
  }
}

async function checkReceipts(place: Place, id: string): Promise<void> {
  const verified = await place.slipway(['receipts', 'verify', '--data', place.data]);
  assert.equal(verified.status, 0, verified.stdout + verified.stderr);
  const { stdout } = await place.slipway(['receipts', 'export', '--data', place.data]);
  const statements = stdout
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(Buffer.from(String(JSON.parse(line).payload), 'base64').toString()));
  const subjects = statements.map(({ subject }) => String(subject[0].name));
  assert.equal(new Set(subjects).size, subjects.length, 'nothing stands twice in the chain');
  assert.equal(subjects.filter((name) => name.startsWith(`run:${id}-t`)).length, trials);
  assert.equal(subjects.filter((name) => name === `sweep:${id}`).length, 1);
}
