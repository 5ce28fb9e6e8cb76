import assert from 'node:assert/strict';
import { programSpec, stageSpec, trainSpec, validateSpec } from '../../../server/engine/runSpecs.ts';
import { requireSlipwayFile } from '../../../server/protocol/parseSlipwayFile.ts';

const code = { md5: 'c'.repeat(32), sha256: 'c'.repeat(64) };
const place = { folder: '/home/u/digits', code };

function file(more = '') {
  return requireSlipwayFile(`
project: digits
env: { TZ: UTC, LEVEL: top }
timeout: 1h
retries: 2
resources: { cpu: 2, memory: 1Gi }
stages:
  prep: { run: python prep.py, outputs: [features], env: { LEVEL: stage }, resources: { cpu: 4 } }
train: { run: python train.py, params: { lr: 0.1, epochs: 3 }, environment: { python: "3.11" }, timeout: 5m, retries: 0 }
validate: { run: python evaluate.py, gates: [ { metric: acc, min: 0.9 } ] }
${more}`);
}

describe('run specifications', () => {
  it('take from the top of the file what a step does not say itself, entry by entry', () => {
    const stage = stageSpec({ file: file(), ...place }, 'prep', []);
    assert.deepEqual(
      [stage.env, stage.resources],
      [
        { TZ: 'UTC', LEVEL: 'stage' },
        { cpu: 4, memory: 2 ** 30 },
      ],
    );
    assert.deepEqual([stage.timeoutMs, stage.retries], [3_600_000, 2]);
    const train = trainSpec({ id: 'r1', file: file(), ...place });
    assert.deepEqual([train.timeoutMs, train.retries, train.env['LEVEL']], [300_000, 0, 'top']);
  });

  it('give every step the environment of train where nothing else is said', () => {
    assert.deepEqual(stageSpec({ file: file(), ...place }, 'prep', []).environment, { python: '3.11' });
    const top = file('environment: { python: "3.12" }');
    assert.deepEqual(validateSpec({ id: 'v', file: top, ...place, inputs: [] }).environment, { python: '3.12' });
    assert.deepEqual(trainSpec({ id: 'r', file: top, ...place }).environment, { python: '3.11' });
  });

  it('put given parameters over those of the file', () => {
    assert.deepEqual(trainSpec({ id: 'r1', file: file(), ...place, params: { lr: 1 } }).params, { lr: 1, epochs: 3 });
  });

  it('have a title that says which step of which project', () => {
    const steps = [
      stageSpec({ file: file(), ...place }, 'prep', []),
      trainSpec({ id: 'r1', file: file(), ...place }),
      validateSpec({ id: 'v', file: file(), ...place, inputs: [] }),
    ];
    assert.deepEqual(
      steps.map(({ title }) => title),
      ['prep digits', 'train digits', 'validate digits'],
    );
  });

  it('say which step the file lacks', () => {
    const bare = requireSlipwayFile('project: digits');
    assert.throws(() => trainSpec({ id: 'r1', file: bare, ...place }), { code: 'yaml.missingKey', message: /`train`/ });
    assert.throws(() => validateSpec({ id: 'v', file: bare, ...place, inputs: [] }), { code: 'yaml.missingKey' });
  });

  it('run a program of the user’s as it is', () => {
    const spec = programSpec({ id: 'r1', project: 'x', ...place, command: ['python', 'a b.py', '{lr}'] });
    assert.deepEqual([spec.command, spec.args, spec.resolve], [['python', 'a b.py', '{lr}'], 'none', false]);
  });
});
