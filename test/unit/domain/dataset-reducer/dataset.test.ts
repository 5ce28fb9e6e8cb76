import assert from 'node:assert/strict';
import {
  type DatasetEvent,
  type DatasetState,
  presentDatasetVersions,
  reduceDataset,
  type SplitFacts,
} from '../../../../server/domain/dataset/dataset.ts';

const md5 = (letter: string) => letter.repeat(32);
const sha256 = (letter: string) => letter.repeat(64);

function added(letter: string, at = 1): DatasetEvent {
  const counts = { files: 3, bytes: 30, added: 3, changed: 0, removed: 0 };
  const facts = { ...counts, isFolder: true, source: '/data', project: 'digits', actor: 'u1' };
  return { type: 'versionAdded', at, name: 'digits', md5: md5(letter), sha256: sha256(letter), ...facts };
}

const facts: SplitFacts = {
  strategy: 'random',
  seed: 7,
  share: 0.2,
  train: 2,
  test: 1,
  classes: {},
  moved: 0,
  leakage: { verdict: 'none', exact: 0, groups: 0, examples: [] },
  md5: md5('5'),
  sha256: sha256('5'),
};
const split = (version: number, letter = '5'): DatasetEvent => {
  return { type: 'splitMade', at: 2, version, project: 'digits', split: { ...facts, sha256: sha256(letter) } };
};

function replay(events: DatasetEvent[]) {
  let state: DatasetState | undefined;
  const receipts = [];
  for (const event of events) {
    const step = reduceDataset(state, event);
    state = step.state;
    receipts.push(...step.receipts);
  }
  return { state: state!, receipts };
}

describe('dataset', () => {
  it('numbers versions from 1, each receipt naming the version before as its input', () => {
    const { state, receipts } = replay([added('a'), added('b')]);
    assert.deepEqual(
      state.versions.map(({ version }) => version),
      [1, 2],
    );
    assert.deepEqual(receipts[0]!.inputs, []);
    assert.deepEqual(receipts[1]!.inputs, [
      { name: 'dataset:digits@v1', digest: { md5: md5('a'), sha256: sha256('a') } },
    ]);
    assert.deepEqual(receipts[1]!.subject, {
      name: 'dataset:digits@v2',
      digest: { md5: md5('b'), sha256: sha256('b') },
    });
  });

  it('makes no new version of the same bytes, but one of bytes that came back later', () => {
    assert.equal(replay([added('a'), added('a')]).state.versions.length, 1);
    assert.equal(replay([added('a'), added('b'), added('a')]).state.versions.length, 3);
  });

  it('keeps one split a version and writes a receipt for each different one', () => {
    const { state, receipts } = replay([added('a'), split(1), split(1), split(1, '6')]);
    assert.equal(receipts.filter(({ kind }) => kind === 'split.made').length, 2);
    assert.equal(state.versions[0]!.split!.sha256, sha256('6'));
    assert.equal(replay([added('a'), added('b'), split(1)]).state.versions[1]!.split, undefined);
  });

  it('ignores a split of a version that does not exist', () => {
    assert.equal(replay([added('a'), split(2)]).receipts.length, 1);
  });
});

describe('a dataset version that is deleted', () => {
  const deleted = (version: number, erased?: number): DatasetEvent => ({
    ...{ type: 'deleted', at: 9, version, dependents: ['run:r1'] },
    ...(erased !== undefined && { erased }),
  });

  it('leaves a receipt that names it, its split and what depended on it, once', () => {
    const { state, receipts } = replay([added('a'), split(1), deleted(1), deleted(1)]);
    assert.equal(receipts.length, 3);
    const { kind, inputs, evidence } = receipts[2]!;
    assert.equal(kind, 'deleted');
    assert.deepEqual(
      inputs.map(({ name }) => name),
      ['dataset:digits@v1', 'split:digits@v1'],
    );
    assert.deepEqual(evidence['dependents'], ['run:r1']);
    assert.deepEqual(presentDatasetVersions(state), []);
  });

  it('gives its number to no other, and the same bytes make a version again', () => {
    const { state } = replay([added('a'), added('b'), deleted(2), added('b'), added('b')]);
    assert.deepEqual(
      presentDatasetVersions(state).map(({ version }) => version),
      [1, 3],
    );
  });

  it('says how many files were erased with it', () => {
    const { receipts } = replay([added('a'), deleted(1, 2)]);
    assert.equal(receipts[1]!.evidence['erasedFiles'], 2);
  });
});
