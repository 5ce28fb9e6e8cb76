import assert from 'node:assert/strict';
import {
  type ModelEvent,
  type ModelState,
  presentVersions,
  reduceModel,
} from '../../../../server/domain/lineage/model.ts';

const digests = { md5: 'd'.repeat(32), sha256: 'd'.repeat(64) };

function register(run: string, validation = `v-${run}`): ModelEvent {
  return {
    type: 'register',
    at: 1,
    name: 'digits',
    project: 'digits',
    run,
    digests,
    files: 1,
    bytes: 10,
    params: {},
    metrics: {},
    validation: { id: validation, sha256: 'f'.repeat(64) },
    gatesPassed: true,
    folder: '/home/u/digits',
    notify: { kind: 'validation', id: validation },
  };
}
const move = (version: number): ModelEvent => ({
  type: 'setAlias',
  at: 2,
  alias: 'production',
  version,
  why: 'by hand',
});

function replay(events: ModelEvent[]) {
  let state: ModelState | undefined;
  const steps = [];
  for (const event of events) {
    const step = reduceModel(state, event);
    state = step.state;
    steps.push(step);
  }
  return { state: state!, steps, receipts: steps.flatMap(({ receipts }) => receipts) };
}

describe('model', () => {
  it('registers a run once: a repeat tells the same version again and writes nothing', () => {
    const { state, steps, receipts } = replay([register('r1'), register('r1'), register('r2')]);
    assert.deepEqual(
      state.versions.map(({ version, run }) => [version, run]),
      [
        [1, 'r1'],
        [2, 'r2'],
      ],
    );
    assert.deepEqual(steps[1]!.commands, steps[0]!.commands);
    assert.equal(receipts.length, 2);
  });

  it('leads back to the run’s output and to the validation that passed', () => {
    const [receipt] = replay([register('r1')]).receipts;
    assert.deepEqual(receipt!.subject, { name: 'model:digits@v1', digest: digests });
    assert.deepEqual(
      receipt!.inputs.map(({ name }) => name),
      ['output:r1/model', 'validation:v-r1'],
    );
  });

  it('moves an alias with a receipt that names the version, and from where', () => {
    const { state, receipts } = replay([register('r1'), register('r2'), move(1), move(2), move(2), move(9)]);
    assert.equal(state.aliases['production'], 2);
    const moves = receipts.filter(({ kind }) => kind === 'alias.moved');
    assert.deepEqual(
      moves.map(({ evidence }) => [evidence['from'], evidence['to']]),
      [
        [null, 1],
        [1, 2],
      ],
    );
    assert.equal(moves[1]!.inputs[0]!.name, 'model:digits@v2');
  });

  it('deletes a version with the aliases that point at it, once, and never gives its number again', () => {
    const remove: ModelEvent = { type: 'deleted', at: 3, version: 2, dependents: ['rollout:digits/l1'] };
    const events = [register('r1'), register('r2'), move(2), remove, remove, move(2), register('r3')];
    const { state, receipts } = replay(events);
    assert.deepEqual(
      presentVersions(state).map(({ version }) => version),
      [1, 3],
    );
    assert.deepEqual(state.aliases, {});
    const deleted = receipts.filter(({ kind }) => kind === 'deleted');
    assert.equal(deleted.length, 1);
    assert.deepEqual(deleted[0]!.inputs, [{ name: 'model:digits@v2', digest: digests }]);
    assert.deepEqual([deleted[0]!.evidence['aliases'], deleted[0]!.evidence['run']], [['production'], 'r2']);
    assert.equal(receipts.filter(({ kind }) => kind === 'alias.moved').length, 1);
  });

  it('keeps the aliases of other versions when one is deleted', () => {
    const remove: ModelEvent = { type: 'deleted', at: 3, version: 1, dependents: [] };
    assert.deepEqual(replay([register('r1'), register('r2'), move(2), remove]).state.aliases, { production: 2 });
  });
});
