// Deleting what was made: what depends on it is told, a person is asked, and receipts go on to hold.
import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeCoins } from './coins.ts';
import { placeOfSuite, Refusal, type Server, until } from './place.ts';
import { replay } from './replay.ts';

describe('deleting', function () {
  this.timeout(120_000);
  const place = placeOfSuite();
  let server: Server;
  let folder: string;

  before(async () => {
    server = await place.serve();
    folder = await makeCoins(place);
  });

  const slipway = (...args: string[]) => place.slipway([...args, '--data', place.data]);

  async function pipeline(search: boolean) {
    const { id } = await server.call('startPipeline', { body: { folder, search } });
    const ended = await until(async () => {
      const one = await server.call('getPipeline', { params: { id } });
      return one.status !== 'running' && one;
    }, 'the pipeline');
    assert.equal(ended.status, 'succeeded', ended.reason);
    return ended.steps;
  }
  const refused = (ask: Promise<unknown>, code: string) =>
    assert.rejects(ask, (error) => error instanceof Refusal && error.code === code);

  async function verified(): Promise<string> {
    const { status, stdout, stderr } = await slipway('receipts', 'verify');
    assert.equal(status, 0, stdout + stderr);
    return stdout;
  }

  it('a run asks first and names what came from it; then its folders are gone, and verify says by what', async () => {
    const steps = await pipeline(false);
    const run = steps.find(({ id }) => id === 'train')!.subject!;
    const asked = await slipway('run', 'delete', run);
    assert.equal(asked.status, 2, asked.stdout);
    assert.match(asked.stderr, /model:coins@v1/);
    assert.equal((await server.call('getRun', { params: { id: run } })).id, run);
    const deleted = await slipway('run', 'delete', run, '--yes');
    assert.equal(deleted.status, 0, deleted.stderr);
    await refused(server.call('getRun', { params: { id: run } }), 'runs.unknown');
    await refused(server.call('readRunLogs', { params: { id: run } }), 'runs.unknown');
    await refused(server.call('deleteRun', { params: { id: run } }), 'runs.unknown');
    await until(async () => !(await readdir(place.path('data', 'runs'))).includes(run), 'its folder to go');
    await until(async () => !(await readdir(place.path('data', 'workloads'))).includes(`${run}-1`), 'its log to go');
    assert.match(await verified(), new RegExp(`^output:${run}/model: deleted by coins/\\d+$`, 'm'));
  });

  it('a model version goes with its alias, and its number is not given again', async () => {
    await server.call('setAlias', { params: { name: 'coins' }, body: { alias: 'staging', version: 1 } });
    const { items } = await server.call('listDependents', { query: { subject: 'model:coins@v1' } });
    assert.deepEqual(
      items.map(({ subject }) => subject),
      ['alias:coins/staging'],
    );
    assert.equal((await slipway('model', 'delete', 'coins@v1', '--yes')).status, 0);
    assert.deepEqual((await server.call('listModels')).items, []);
    assert.match(await verified(), /^model:coins@v1: deleted by coins/m);
    await pipeline(true);
    const { items: versions } = await server.call('listModelVersions', { params: { name: 'coins' } });
    assert.deepEqual(
      versions.map(({ id }) => id),
      ['coins@v2'],
    );
  });

  it('a sweep goes with its trials and their runs, also from the lists', async () => {
    const [sweep] = (await server.call('listSweeps')).items;
    const asked = await slipway('sweep', 'delete', sweep!.id);
    assert.match(asked.stderr, /model:coins@v2/, 'what was made from a trial depends on the sweep');
    assert.equal((await slipway('sweep', 'delete', sweep!.id, '--yes')).status, 0);
    await refused(server.call('getSweep', { params: { id: sweep!.id } }), 'sweeps.unknown');
    assert.deepEqual((await server.call('listTrials', { params: { id: sweep!.id } })).items, []);
    assert.deepEqual((await server.call('listRuns', { query: { sweep: sweep!.id } })).items, []);
    await verified();
  });

  it('what runs is refused and goes on', async () => {
    const { id } = await server.call('startRun', { body: { folder, command: ['sleep', '600'] } });
    await refused(server.call('deleteRun', { params: { id } }), 'run.notEnded');
    await server.call('stopRun', { params: { id }, body: {} });
  });

  it('holds after a restart, and the event log replays to it', async () => {
    await server.stop();
    replay(place.data);
    const copy = place.path('copy');
    await mkdir(copy);
    await copyFile(join(place.data, 'slipway.db'), join(copy, 'slipway.db'));
    const database = new DatabaseSync(join(copy, 'slipway.db'));
    database.exec(`DELETE FROM event WHERE kind = 'sweep' AND json_extract(event, '$.type') = 'deleted'`);
    database.close();
    assert.throws(() => replay(copy), /sweep/, 'an event that is gone is a decision that is not the same');
    server = await place.serve();
    assert.deepEqual((await server.call('listSweeps')).items, []);
    assert.deepEqual(
      (await server.call('listModels')).items.map(({ latest }) => latest),
      [2],
    );
    await verified();
  });
});
