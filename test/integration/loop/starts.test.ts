// The same request twice, one after the other or at once, makes one thing: nothing runs twice.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { makeCoins } from './coins.ts';
import { placeOfSuite, type Server, until } from './place.ts';

describe('what is asked for twice', function () {
  this.timeout(60_000);
  const place = placeOfSuite();
  let server: Server;
  let folder: string;

  before(async () => {
    server = await place.serve();
    folder = await makeCoins(place);
  });

  /** Asks twice at once, once more, and again after a restart; gives the ids. */
  async function ask(start: () => Promise<{ id: string }>, isOver: (id: string) => Promise<boolean>): Promise<string> {
    const [first, second] = await Promise.all([start(), start()]);
    const third = await start();
    await until(() => isOver(first.id), `${first.id} to end`);
    await server.stop();
    server = await place.serve();
    const fourth = await start();
    assert.deepEqual([second.id, third.id, fourth.id], [first.id, first.id, first.id]);
    return first.id;
  }
  const began = async () => (await readFile(place.path('data', 'began'), 'utf8')).trim().split('\n').length;

  it('is one run, whose program begins once', async () => {
    const id = await ask(
      () => server.call('startRun', { body: { folder, requestId: 'one' } }),
      async (run) => (await server.call('getRun', { params: { id: run } })).endedAt !== undefined,
    );
    assert.equal((await server.call('listRuns')).items.length, 1);
    assert.deepEqual(await readdir(place.path('data', 'workloads')).then(runsOnly), [`${id}-1`]);
    assert.equal(await began(), 1);
  });

  it('is one sweep with each of its trials once', async () => {
    const before = await began();
    await ask(
      () => server.call('startSweep', { body: { folder, requestId: 'one' } }),
      async (id) => (await server.call('getSweep', { params: { id } })).endedAt !== undefined,
    );
    assert.equal((await server.call('listSweeps')).items.length, 1);
    assert.equal((await began()) - before, 2);
  });

  it('is one validation, and one model version of it', async () => {
    const [run] = (await server.call('listRuns')).items.filter(({ kind }) => kind === 'train');
    await ask(
      () => server.call('startValidation', { body: { run: run!.id, requestId: 'one' } }),
      async (id) => (await server.call('getValidation', { params: { id } })).status !== 'running',
    );
    assert.deepEqual(
      (await server.call('listModelVersions', { params: { name: 'coins' } })).items.map(({ id }) => id),
      ['coins@v1'],
    );
  });

  it('is one pipeline', async () => {
    const before = await began();
    await ask(
      () => server.call('startPipeline', { body: { folder, requestId: 'one' } }),
      async (id) => (await server.call('getPipeline', { params: { id } })).status !== 'running',
    );
    assert.equal((await server.call('listPipelines')).items.length, 1);
    assert.equal((await began()) - before, 1);
  });
});

function runsOnly(names: string[]): string[] {
  return names.filter((name) => !name.startsWith('gateway'));
}
