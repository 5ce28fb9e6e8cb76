import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '../../../server/protocol/entities.ts';
import { placeOfSuite, root, type Server, until } from './place.ts';

interface Repository {
  name: string;
  metric: string;
  /** Parameters of a short run, and of one that is still going on when it is stopped. */
  short: string[];
  long: string[];
  /** What the log says once there is something to go on from. */
  begun: RegExp;
  /** What the resumed run says; a program without checkpoints begins anew. */
  resumed?: RegExp;
}

const repositories: Repository[] = [
  {
    name: 'argparse-cnn',
    metric: 'Accuracy/val',
    short: ['epochs=3'],
    long: ['epochs=500'],
    begun: /^\[2\/500\]/m,
    resumed: /resumed from ckpt\/epoch_/,
  },
  { name: 'hydra-mlp', metric: 'val/acc', short: ['epochs=60'], long: ['epochs=1000000'], begun: /epoch 100 / },
  {
    name: 'lightning-like',
    metric: 'val_loss',
    short: ['epochs=3'],
    long: ['epochs=100000'],
    begun: /^Epoch 1:/m,
    resumed: /Restoring states from the checkpoint path at lightning_logs\//,
  },
];

describe("somebody else's code, not one line changed", function () {
  this.timeout(180_000);
  const place = placeOfSuite();
  let server: Server;
  before(async () => {
    server = await place.serve();
  });

  const slipway = (folder: string, ...args: string[]) =>
    place.slipway(args, { cwd: folder, env: { SLIPWAY_DATA: place.data } });

  /** Starts by the command line, in the folder. */
  async function start(folder: string, ...args: string[]): Promise<string> {
    const ended = await slipway(folder, 'run', 'start', '--json', ...args);
    assert.equal(ended.status, 0, ended.stdout + ended.stderr);
    return (JSON.parse(ended.stdout) as Run).id;
  }

  const log = async (id: string) => (await server.call('readRunLogs', { params: { id } })).text;

  async function endOf(id: string): Promise<Run> {
    return until(async () => {
      const run = await server.call('getRun', { params: { id } });
      return run.endedAt === undefined ? undefined : run;
    }, `the run ${id} to end`);
  }

  for (const { name, metric, short, long, begun, resumed } of repositories) {
    describe(name, () => {
      let folder: string;
      let untouched: Record<string, string>;
      const params = (pairs: string[]) => pairs.flatMap((pair) => ['--param', pair]);
      before(async () => {
        folder = place.path(name);
        await cp(join(root, 'test/fixtures/repos', name), folder, { recursive: true });
        untouched = await digests(folder);
      });

      it('runs: its curves, its metrics and its model are found where it writes them', async () => {
        const run = await endOf(await start(folder, ...params(short)));
        assert.equal(run.status, 'succeeded', run.reason);
        const { tags } = await server.call('listRunMetrics', { params: { id: run.id } });
        assert.ok(
          tags.some(({ tag }) => tag === metric),
          JSON.stringify(tags),
        );
        assert.equal(typeof run.metrics[metric], 'number');
        assert.ok(
          run.outputs.some((output) => output.name === 'model' && output.files === 1),
          JSON.stringify(run.outputs),
        );
      });

      it('is swept: each trial with its own parameters, the best by its own metric', async () => {
        const { id } = await server.call('startSweep', { body: { folder, trials: 2, seed: 1 } });
        const sweep = await until(async () => {
          const now = await server.call('getSweep', { params: { id } });
          return now.endedAt === undefined ? undefined : now;
        }, `the sweep ${id}`);
        assert.equal(sweep.status, 'finished', sweep.reason);
        assert.equal(sweep.counts.finished, 2);
        const { items } = await server.call('listTrials', { params: { id } });
        assert.notDeepEqual(items[0]!.params, items[1]!.params);
        const values = items.map(({ value }) => Number(value));
        const best = sweep.objective.goal === 'minimize' ? Math.min(...values) : Math.max(...values);
        assert.equal(sweep.best?.value, best);
      });

      it('is stopped and resumed', async () => {
        const first = await start(folder, ...params(long));
        await until(async () => begun.test(await log(first)), `${first} to be in the middle`);
        assert.equal((await slipway(folder, 'run', 'stop', first)).status, 0);
        assert.equal((await endOf(first)).status, 'stopped');
        const again = await start(
          folder,
          '--resume',
          first,
          ...params(short.map((pair) => pair.replace(/=.*/, '=150'))),
        );
        const run = await endOf(again);
        assert.equal(run.status, 'succeeded', run.reason);
        if (resumed) assert.match(await log(again), resumed);
      });

      it('nothing in its folder has changed', async () => {
        assert.deepEqual(await digests(folder), untouched);
      });
    });
  }

  it('a program runs in a folder without slipway.yaml, and one is offered', async () => {
    const folder = place.path('no yaml here');
    await mkdir(folder);
    const script = [
      'import argparse',
      'from tensorboardX import SummaryWriter',
      'parser = argparse.ArgumentParser()',
      'parser.add_argument("--epochs", type=int)',
      'writer = SummaryWriter("runs/one")',
      'for epoch in range(parser.parse_args().epochs): writer.add_scalar("loss", 1 / (epoch + 1), epoch)',
      'writer.close()',
      'print("trained")',
    ];
    await writeFile(join(folder, 'train.py'), script.join('\n'));
    const ended = await slipway(folder, 'run', 'start', '--follow', '--', 'python', 'train.py', '--epochs', '3');
    assert.equal(ended.status, 0, ended.stdout + ended.stderr);
    assert.match(ended.stdout, /trained/);
    assert.match(ended.stderr, /slipway\.yaml/);
    const { items } = await server.call('listRuns', { query: { limit: 1 } });
    assert.equal(items[0]!.status, 'succeeded');
    const { total, values } = await server.call('readRunSeries', {
      params: { id: items[0]!.id },
      query: { tag: 'loss' },
    });
    assert.deepEqual([total, values[1]], [3, 0.5]);
    assert.deepEqual(await readdir(folder), ['train.py']);
  });
});

async function digests(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const pairs = files.sort().map(
    async (file) =>
      [
        file,
        createHash('sha256')
          .update(await readFile(file))
          .digest('hex'),
      ] as const,
  );
  return Object.fromEntries(await Promise.all(pairs));
}
