import assert from 'node:assert/strict';
import { lensesOf } from '../../../../extension/yaml/lenses.ts';
import { placeAt } from '../../../../extension/yaml/position.ts';
import { keyAt, keysAt, valuesAt } from '../../../../extension/yaml/schema.ts';
import { parseSlipwayFile } from '../../../../server/protocol/parseSlipwayFile.ts';

/** The place of the `|` in a text. */
function place(text: string) {
  const before = text.slice(0, text.indexOf('|')).split('\n');
  return placeAt(text.replace('|', '').split('\n'), before.length - 1, before.at(-1)!.length);
}

describe('slipway.yaml in the editor', () => {
  it('offers each action on the line where its part begins', () => {
    const text = [
      'project: digits',
      'stages:',
      '  preprocess: { run: a }',
      'train: { run: b }',
      'sweep: { trials: 3, space: { lr: { log: [0.1, 1] } } }',
    ].join('\n');
    const lenses = lensesOf(parseSlipwayFile(text), '/p');
    assert.deepEqual(
      lenses.map(({ line, command }) => [line, command]),
      [
        [0, 'slipway.runPipeline'],
        [2, 'slipway.runStage'],
        [3, 'slipway.startTraining'],
        [3, 'slipway.startTrainingWith'],
        [4, 'slipway.startSweep'],
      ],
    );
    assert.deepEqual(lenses[1]!.subject, { kind: 'folder', folder: '/p', stage: 'preprocess' });
  });

  it('offers nothing in a file with mistakes', () => {
    assert.deepEqual(lensesOf(parseSlipwayFile('project: digits\ntrian: {}'), '/p'), []);
  });

  it('knows the keys of every map, also of those with free names', () => {
    assert.ok(keysAt([]).some(({ name, isRequired }) => name === 'project' && isRequired));
    assert.ok(keysAt(['stages', 'anything']).some(({ name }) => name === 'outputs'));
    assert.ok(keysAt(['validate', 'gates']).some(({ name }) => name === 'notWorseThan'));
    assert.deepEqual(valuesAt(['dataset', 'split', 'strategy']), ['random', 'stratified', 'group', 'time']);
    assert.equal(keyAt(['sweep', 'sampler'])?.values.startsWith('random | grid'), true);
    assert.equal(keyAt(['stages', 'free']), undefined);
  });

  it('finds the map and the key of a place, in block and in flow style', () => {
    assert.deepEqual(place('train:\n  run: x\n  par|'), { path: ['train'], key: 'par', isValue: false });
    assert.deepEqual(place('stages:\n  a:\n    run: x\n  b:\n    |'), {
      path: ['stages', 'b'],
      key: '',
      isValue: false,
    });
    assert.deepEqual(place('sweep:\n  sampler: |'), { path: ['sweep'], key: 'sampler', isValue: true });
    assert.deepEqual(place('validate:\n  gates:\n    - metric: a\n      mi|'), {
      path: ['validate', 'gates'],
      key: 'mi',
      isValue: false,
    });
    assert.deepEqual(place('dataset: { name: d, split: { strat|'), {
      path: ['dataset', 'split'],
      key: 'strat',
      isValue: false,
    });
    assert.deepEqual(place('dataset: { name: d, split: { strategy: |'), {
      path: ['dataset', 'split'],
      key: 'strategy',
      isValue: true,
    });
    assert.deepEqual(place('proj|'), { path: [], key: 'proj', isValue: false });
  });
});
