import assert from 'node:assert/strict';
import type { DatasetState } from '../../../server/domain/dataset/dataset.ts';
import { type DatasetEvent, reduceDataset } from '../../../server/domain/dataset/dataset.ts';
import { type ModelState, reduceModel } from '../../../server/domain/lineage/model.ts';
import { reduceRun } from '../../../server/domain/run/run.ts';
import { reduceQueue } from '../../../server/domain/schedule/queue.ts';
import { reduceTrialRuns, type TrialRunsEvent, type TrialRunsState } from '../../../server/domain/sweep/trialRuns.ts';
import type { View } from '../../../server/engine/engine.ts';
import { datasetViews, modelViews, nodeViews, runViews, sweepViews } from '../../../server/engine/views.ts';
import { topics } from '../../../server/protocol/entities.ts';
import { runSpec } from '../domain/run/specs.ts';

const none = () => undefined;
const digests = { md5: 'a'.repeat(32), sha256: 'a'.repeat(64) };
const names = (views: View[]) => views.map(({ topic, id }) => `${topic} ${id}`);

/** Every view is what the protocol promises of its topic. */
function check(views: View[]): View[] {
  for (const { topic, data } of views) if (data !== null) topics[topic].parse(JSON.parse(JSON.stringify(data)));
  return views;
}

describe('views', () => {
  it('of a run show its latest figures, and the collected ones over them', () => {
    const { state } = reduceRun(undefined, { type: 'created', at: 1, spec: runSpec({ params: { epochs: 10 } }) });
    const live = { metrics: { loss: 0.5, acc: 'NaN' as const }, step: 3 };
    const [view] = check(runViews({ ...state, collected: { outputs: [], metrics: { loss: 0.4 } } }, none, live));
    const { metrics, epoch } = view!.data as { metrics: object; epoch: object };
    assert.deepEqual(
      [metrics, epoch],
      [
        { loss: 0.4, acc: 'NaN' },
        { step: 3, total: 10 },
      ],
    );
  });

  it('of a run keep environment values to themselves', () => {
    const { state } = reduceRun(undefined, { type: 'created', at: 1, spec: runSpec({ env: { TOKEN: 'hunter2' } }) });
    assert.ok(!JSON.stringify(runViews(state, none, undefined)).includes('hunter2'));
  });

  it('of a dataset are written for the versions that changed, old ones included', () => {
    const facts = {
      files: 1,
      bytes: 1,
      added: 1,
      changed: 0,
      removed: 0,
      isFolder: true,
      source: '/d',
      project: 'p',
      actor: 'u',
    };
    const added = (letter: string): DatasetEvent => {
      return {
        type: 'versionAdded',
        at: 1,
        name: 'digits',
        md5: letter.repeat(32),
        sha256: letter.repeat(64),
        ...facts,
      };
    };
    const split: DatasetEvent = {
      type: 'splitMade',
      at: 2,
      version: 1,
      project: 'p',
      split: {
        ...{ strategy: 'random', seed: 7, share: 0.2, train: 1, test: 0, classes: {}, moved: 0, ...digests },
        leakage: { verdict: 'none', exact: 0, groups: 0, examples: [] },
      },
    };
    let state: DatasetState | undefined;
    const written: string[][] = [];
    for (const event of [added('a'), added('b'), added('c'), split]) {
      const next = reduceDataset(state, event).state;
      written.push(names(check(datasetViews(next, state, none))));
      state = next;
    }
    assert.deepEqual(written[2], ['datasets digits', 'datasetVersions digits@v3']);
    assert.deepEqual(written[3], ['datasets digits', 'datasetVersions digits@v1']);
  });

  it('of a model are written for the versions whose aliases moved, and no others', () => {
    let state: ModelState | undefined;
    let views: View[] = [];
    const tell = (event: Parameters<typeof reduceModel>[1]) => {
      const next = reduceModel(state, event).state;
      views = check(modelViews(next, state, none));
      state = next;
    };
    for (const run of ['r1', 'r2', 'r3']) {
      const facts = { digests, files: 1, bytes: 1, params: {}, metrics: {}, folder: '/p' };
      tell({ type: 'register', at: 1, name: 'digits', project: 'digits', run, ...facts });
    }
    tell({ type: 'setAlias', at: 2, alias: 'production', version: 1, why: '' });
    tell({ type: 'setAlias', at: 2, alias: 'production', version: 3, why: '' });
    assert.deepEqual(names(views), ['models digits', 'modelVersions digits@v1', 'modelVersions digits@v3']);
  });

  it('of nodes say who holds which GPU, what is used, and who waits; a node that is gone is taken away once nobody holds it', () => {
    const gpu = (index: number, busy = false) => ({ index, product: 'gpu', memoryBytes: 1, busy });
    const laptop = { name: 'laptop', cpus: 4, memoryBytes: 8, gpus: [gpu(0), gpu(1, true), gpu(2)] };
    const request = { cpu: 3, memoryBytes: 2, gpu: 1, gpuMemoryBytes: 0 };
    let { state } = reduceQueue(undefined, { type: 'capacity', at: 1, nodes: [laptop] });
    for (const id of ['r1', 'r2'])
      ({ state } = reduceQueue(state, { type: 'submitted', at: 2, id, request, priority: 0 }));
    const [view] = check(nodeViews(state, undefined));
    const { cpusUsed, gpus, queue } = view!.data as {
      cpusUsed: number;
      gpus: { holder: string }[];
      queue: { id: string }[];
    };
    assert.deepEqual(
      [cpusUsed, gpus.map(({ holder }) => holder), queue.map(({ id }) => id)],
      [3, ['r1', 'foreign', null], ['r2']],
    );
    const moved = reduceQueue(state, { type: 'capacity', at: 3, nodes: [{ ...laptop, name: 'desktop' }] }).state;
    const shown = (views: View[]) => views.map(({ id, data }) => [id, data === null]);
    // As long as r1 is there, the node is not gone: it is only not seen.
    assert.deepEqual(shown(nodeViews(moved, state)), [
      ['desktop', false],
      ['laptop', false],
    ]);
    const left = reduceQueue(moved, { type: 'released', at: 4, id: 'r1' }).state;
    const after = reduceQueue(left, { type: 'capacity', at: 5, nodes: [{ ...laptop, name: 'desktop' }] }).state;
    assert.deepEqual(shown(nodeViews(after, left)), [
      ['laptop', true],
      ['desktop', false],
    ]);
  });

  it('of a sweep are written for the trials that changed', () => {
    let state: TrialRunsState | undefined;
    let views: View[] = [];
    const tell = (event: TrialRunsEvent) => {
      const next = reduceTrialRuns(state, event).state;
      views = check(sweepViews(next, state, none));
      state = next;
    };
    const spec = {
      ...{ name: 'w1', space: { lr: { float: [0, 1] as [number, number] } }, sampler: { type: 'random' as const } },
      ...{
        stopper: null,
        goals: [{ metric: 'loss', goal: 'minimize' as const }],
        trials: 9,
        parallel: 3,
        seed: 1,
        retries: 0,
      },
    };
    const sweep = { id: 'w1', project: 'digits', folder: '/p', title: 'lr', spec, template: runSpec() };
    tell({ type: 'created', at: 1, ...sweep });
    tell({ type: 'prepared', at: 2, refs: [] });
    assert.deepEqual(names(views), ['sweeps w1', 'trials w1/0', 'trials w1/1', 'trials w1/2']);
    const ended = { run: 'w1-t1', trial: 1, status: 'succeeded', early: false, reason: '', objective: { value: 0.5 } };
    tell({ type: 'runEnded', at: 3, ...ended });
    assert.deepEqual(names(views), ['sweeps w1', 'trials w1/1', 'trials w1/3']);
    const { counts, best } = views[0]!.data as { counts: { finished: number }; best: { run: string; value: number } };
    assert.deepEqual([counts.finished, best.run, best.value], [1, 'w1-t1', 0.5]);
    const { startedAt, endedAt } = views[1]!.data as { startedAt?: number; endedAt?: number };
    assert.deepEqual([startedAt, endedAt], [undefined, 3]);
  });

  it('of what was deleted are taken away, with all that stood below it', () => {
    const removed = (views: View[]) =>
      views.filter(({ data }) => data === null).map(({ topic, id }) => `${topic} ${id}`);
    const { state: run } = reduceRun(undefined, { type: 'created', at: 1, spec: runSpec() });
    assert.deepEqual(removed(runViews({ ...run, isDeleted: true }, none, { metrics: {} })), ['runs r1']);
    let model: ModelState | undefined;
    const tell = (event: Parameters<typeof reduceModel>[1]) => {
      const before = model;
      model = reduceModel(model, event).state;
      return modelViews(model, before, none);
    };
    const facts = { digests, files: 1, bytes: 1, params: {}, metrics: {}, folder: '/p' };
    for (const name of ['r1', 'r2'])
      tell({ type: 'register', at: 1, name: 'digits', project: 'digits', run: name, ...facts });
    const second = tell({ type: 'deleted', at: 2, version: 2, dependents: [] });
    assert.deepEqual(removed(second), ['modelVersions digits@v2']);
    assert.equal((check(second)[0]!.data as { latest: number }).latest, 1);
    const first = tell({ type: 'deleted', at: 3, version: 1, dependents: [] });
    assert.deepEqual(removed(first), ['models digits', 'modelVersions digits@v1']);
  });
});
