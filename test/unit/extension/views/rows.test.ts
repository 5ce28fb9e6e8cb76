// What the trees say, line by line.

import assert from 'node:assert/strict';
import { clusterRows } from '../../../../extension/views/clusterRows.ts';
import { type DatasetContents, datasetRows } from '../../../../extension/views/datasetRows.ts';
import { endpointRows } from '../../../../extension/views/endpointRows.ts';
import { headMetric, modelRows } from '../../../../extension/views/modelRows.ts';
import type { Row } from '../../../../extension/views/row.ts';
import { countRunning, groupRuns, runRows } from '../../../../extension/views/runRows.ts';
import type { Run } from '../../../../server/protocol/entities.ts';
import type { EndpointMonitor } from '../../../../server/protocol/monitors.ts';
import {
  collections,
  endpoint,
  model,
  modelVersion,
  monitor,
  node,
  now,
  rollout,
  run,
  sweep,
  trial,
  version,
} from './things.ts';

const nothing: DatasetContents = {
  list: async () => ({ folders: [], files: [], isCut: false }),
  changes: async () => ({ from: null, added: [], changed: [], removed: [], moved: [] }),
};
const line = ({ label, description }: Row) => `${label}  ${description ?? ''}`.trim();
const below = async (row: Row | undefined) => (await row?.children?.()) ?? [];
const hourMs = 3_600_000;

describe('Datasets view', () => {
  const items = collections({
    datasets: [
      { id: 'digits', name: 'digits', latest: 12, files: 1797, bytes: 1_400_000, createdAt: now, updatedAt: now },
    ],
    datasetVersions: [
      version(11, { createdAt: now - 26 * hourMs }),
      version(12, { added: 200, removed: 3, createdAt: now - 2 * hourMs, usedBy: ['digits@v5'] }),
    ],
    models: [model({ aliases: { production: 5 } })],
  });

  it('says name, latest version, files and size', () => {
    assert.equal(line(datasetRows(items, nothing, now)[0]!), 'digits  v12 · 1,797 files · 1.4 MB');
  });

  it('lists versions newest first, with what changed, when, and whether production was trained on it', async () => {
    const rows = await below(datasetRows(items, nothing, now)[0]);
    assert.equal(line(rows[0]!), 'v12  +200 −3 · 2 hr. ago · in production');
    assert.equal(line(rows[1]!), 'v11  no change · yesterday');
  });

  it('says the split and its leakage', async () => {
    const [newest, older] = await below(datasetRows(items, nothing, now)[0]);
    assert.equal(line((await below(newest))[0]!), 'train 1,437 · test 360  stratified · no leakage');
    const leaky = collections({ datasets: [...items('datasets').values()], datasetVersions: [version(12, {}, 4)] });
    const [leaking] = await below(datasetRows(leaky, nothing, now)[0]);
    assert.equal(line((await below(leaking))[0]!), 'train 1,437 · test 360  stratified · 4 leaks');
    assert.notEqual(newest!.id, older!.id);
  });

  it('shows folders and files of a version, a click opens the file', async () => {
    const contents: DatasetContents = {
      ...nothing,
      list: async (_, __, folder) =>
        folder === ''
          ? { folders: ['0'], files: [{ path: 'labels.csv', bytes: 1500, side: 'train' }], isCut: false }
          : { folders: [], files: [{ path: '0/a.png', bytes: 10 }], isCut: true },
    };
    const [newest] = await below(datasetRows(items, contents, now)[0]);
    const files = (await below(newest)).find(({ label }) => label === 'files');
    const rows = await below(files);
    assert.deepEqual(rows.map(line), ['0', 'labels.csv  1.5 kB · train']);
    assert.equal(rows[1]!.command?.id, 'slipway.openDatasetFile');
    assert.deepEqual(
      (await below(rows[0])).map(({ label }) => label),
      ['a.png', 'There are more files; the rest is not listed.'],
    );
  });

  it('shows long work with its progress', () => {
    const operation = {
      id: 'o1',
      kind: 'dataset.add',
      subject: 'digits',
      status: 'running' as const,
      progress: { done: 431, total: 1797, unit: 'files', message: 'hashing' },
      createdAt: now,
    };
    const [row] = datasetRows(collections({ operations: [operation] }), nothing, now);
    assert.equal(line(row!), 'digits  hashing · 431 / 1,797 files');
    assert.equal(row!.context, 'operation');
  });
});

describe('Models view', () => {
  const items = collections({
    models: [model({ aliases: { production: 5 }, latest: 6 })],
    modelVersions: [
      modelVersion(5, { aliases: ['production'], gatesPassed: true }),
      modelVersion(6, { gatesPassed: true }),
      modelVersion(4, { gatesPassed: false }),
    ],
    rollouts: [rollout({ to: 'v6', weight: 25 })],
  });

  it('says what is in production and what is newer', () => {
    assert.equal(line(modelRows(items, now)[0]!), 'digits  v5 in production · latest v6');
  });

  it('lists versions newest first, with alias or canary, number and gates', async () => {
    const rows = await below(modelRows(items, now)[0]);
    assert.deepEqual(rows.map(line), [
      'v6  canary 25 % · 0.981 · gates passed',
      'v5  production · 0.981 · gates passed',
      'v4  0.981 · gates failed',
    ]);
  });

  it('tells versions apart by the test side, accuracy before loss', () => {
    assert.deepEqual(headMetric({ 'val/accuracy': 1, 'test/loss': 2, 'test/accuracy': 3 }), ['test/accuracy', 3]);
    assert.equal(headMetric({}), undefined);
  });
});

describe('Runs view', () => {
  it('groups runs: now, waiting by place, sweeps, then by day; empty groups are not there', async () => {
    const runs = [
      run({ id: 'a', status: 'running' }),
      run({ id: 'second', status: 'waiting', waiting: { reason: 'busy', position: 2, since: now } }),
      run({ id: 'first', status: 'waiting', waiting: { reason: 'busy', position: 1, since: now } }),
      run({ id: 'b', status: 'succeeded', endedAt: now - 1 }),
      run({ id: 'c', status: 'failed', createdAt: now - 40 * 24 * hourMs, endedAt: now - 39 * 24 * hourMs }),
      run({ id: 'of a sweep', status: 'running', sweep: 's1' }),
    ];
    const groups = groupRuns(runs, now);
    assert.deepEqual(
      groups.waiting.map(({ id }) => id),
      ['first', 'second'],
    );
    const rows = runRows(collections({ runs, sweeps: [sweep({})] }), now);
    assert.deepEqual(rows.map(line), ['Running  1', 'Waiting  2', 'Sweeps  1', 'Today  1', 'Earlier  1']);
    assert.equal(countRunning(runs), 2);
  });

  const stateOf = async (change: Partial<Run>, nodes = [node({})]) => {
    const [group] = runRows(collections({ runs: [run(change)], nodes }), now);
    return line((await below(group))[0]!);
  };

  it('a running run says epoch, objective and GPUs', async () => {
    const running = {
      status: 'running',
      epoch: { step: 14, total: 40 },
      metrics: { 'val/accuracy': 0.96217, loss: 1 },
    } as const;
    const held = node({ gpus: [{ index: 0, product: 'NVIDIA H200', memoryBytes: 1, holder: 'r1' }] });
    assert.equal(
      await stateOf({ ...running, resources: { gpu: 1 } }, [held]),
      'train digits  epoch 14/40 · val/accuracy 0.9622 · 1×H200',
    );
  });

  it('a waiting run says its place, why, and until about when', async () => {
    const waiting = {
      reason: 'needs 2×H100 80 GB',
      position: 3,
      since: now,
      estimatedStart: new Date(2024, 5, 5, 14, 20).getTime(),
    };
    assert.equal(
      await stateOf({ status: 'waiting', waiting }),
      'train digits  number 3 in line · needs 2×H100 80 GB · about 14:20',
    );
  });

  it('an ended run says how it ended and why', async () => {
    const exception = { type: 'ValueError', message: 'no' };
    assert.equal(
      await stateOf({ status: 'failed', reason: 'exit status 3', exception, endedAt: now }),
      'train digits  failed · ValueError · exit status 3 · now',
    );
    assert.equal(
      await stateOf({ status: 'succeeded', metrics: { 'val/accuracy': 'NaN' }, cached: true, endedAt: now }),
      'train digits  val/accuracy NaN · cached · now',
    );
  });

  it('menus can tell what a run allows', async () => {
    const contextOf = async (change: Partial<Run>) => {
      const [group] = runRows(collections({ runs: [run(change)] }), now);
      return (await below(group))[0]!.context;
    };
    assert.equal(await contextOf({ status: 'running' }), 'run train active running');
    assert.equal(await contextOf({ status: 'succeeded', receipt: 'x' }), 'run train ended succeeded receipt hasModel');
  });

  it('a sweep says progress and best, its trials stand below it', async () => {
    const items = collections({
      sweeps: [sweep({})],
      trials: [trial(3, { value: 0.982 }), trial(1, { status: 'stoppedEarly' })],
    });
    const [group] = runRows(items, now);
    const [row] = await below(group);
    assert.equal(line(row!), 'lr × hidden  45/60 · best 0.982 · 11 stopped early');
    assert.deepEqual((await below(row)).map(line), [
      'trial 1  stopped early · lr=0.1',
      'trial 3  0.982 · best · lr=0.1',
    ]);
  });
});

describe('Endpoints view', () => {
  it('says rate, latency and errors over what serves; the rollout with its evidence comes first', async () => {
    const items = collections({
      endpoints: [endpoint({ rollout: 'ro1' })],
      rollouts: [rollout({ from: 'v5', to: 'v6' })],
    });
    const [row] = endpointRows(items, now);
    assert.equal(line(row!), 'digits  120 req/s · p95 8 ms · no errors');
    assert.deepEqual((await below(row)).map(line), [
      'rollout v5 → v6  step 2 of 4 · 25 % · 131 of 200 requests',
      'v5  75 % · 2 of 2 ready · p95 8 ms',
      'v6  25 % · 2 of 2 ready · p95 8 ms',
    ]);
  });

  it('says of drift which feature has gone farthest, and what a person is asked', async () => {
    const lineOf = async (change: Partial<EndpointMonitor>) => {
      const items = collections({ endpoints: [endpoint({})], monitors: [monitor(change)] });
      return (await below(endpointRows(items, now)[0]!)).find(({ label }) => label === 'drift')!;
    };
    assert.equal(line(await lineOf({})), 'drift  none · PSI 0.04');
    assert.equal(line(await lineOf({ window: null })), 'drift  the first window is not over');
    const drifted = monitor({}).window!;
    const features = [{ ...drifted.features[0]!, feature: 'prediction.label', effect: 0.4, isDrifted: true }];
    const window = { ...drifted, verdict: 'drifted' as const, features };
    const proposal = { id: 'digits/1', at: now, reason: '', labelled: 40, missing: 0, samples: null };
    const row = await lineOf({ isDrifting: true, window, proposal: { ...proposal, kind: 'retrain' } });
    assert.equal(line(row), 'drift  prediction.label · PSI 0.4 · retrain?');
    assert.equal(row.context, 'drift proposal retrain');
    const label = await lineOf({ isDrifting: true, window, proposal: { ...proposal, kind: 'label', missing: 60 } });
    assert.equal(line(label), 'drift  prediction.label · PSI 0.4 · 60 labels missing');
    assert.equal(label.context, 'drift proposal');
  });

  it('says when nothing serves, and lists recent errors', async () => {
    const recentErrors = [{ requestId: 'q1', revision: 'v6', status: 500, at: now, message: 'KeyError' }];
    const [row] = endpointRows(collections({ endpoints: [endpoint({ revisions: [], recentErrors })] }), now);
    assert.equal(row!.description, 'nothing is served');
    const errors = (await below(row)).find(({ label }) => label === 'recent errors');
    assert.deepEqual((await below(errors)).map(line), ['500 KeyError  v6 · now']);
  });
});

describe('Cluster view', () => {
  it('says GPUs and cores in use, and by whom', async () => {
    const gpus = [
      { index: 0, product: 'H200', memoryBytes: 141e9, holder: 'r1' },
      { index: 1, product: 'H200', memoryBytes: 141e9, holder: null },
      { index: 2, product: 'H200', memoryBytes: 141e9, holder: 'foreign' },
    ];
    const items = collections({ nodes: [node({ gpus })], runs: [run({ id: 'r1' })] });
    const [row] = clusterRows(items);
    assert.equal(line(row!), 'here  3×H200 · 2 in use · 1 of 8 CPU');
    assert.deepEqual((await below(row)).map(line), [
      'GPU 0  train digits · H200 · 141 GB',
      'GPU 1  free · H200 · 141 GB',
      'GPU 2  another program · H200 · 141 GB',
    ]);
  });
});
