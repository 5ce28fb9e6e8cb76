import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { differences, settingsOf } from '../../../../server/domain/schedule/policy.ts';
import { history, whatIf } from '../../../../server/domain/schedule/whatIf.ts';
import { requirePolicyFile } from '../../../../server/protocol/parseSlipwayFile.ts';
import { defaultPolicy, policyFileJsonSchema } from '../../../../server/protocol/policyFile.ts';
import { ask, makeNode, World } from './world.ts';

const text = `
queue: { placement: bestfit, maxWait: 7d, preemption: { byShare: true } }
tenants:
  ann: { share: 2, quota: { cpu: 64, memory: 1Gi, gpus: { H100: 8, "*": 16 } }, budget: { gpuHours: 100 } }
  bob: { borrow: false, maxPriority: 5 }
`;

describe('policy.yaml', () => {
  it('becomes the settings of the queue, with defaults for what it does not say', () => {
    const { placement, maxWaitMs, overdueMs, preemption, tenants } = settingsOf(requirePolicyFile(text));
    assert.deepEqual([placement, maxWaitMs, overdueMs], ['bestfit', 7 * 86_400_000, 86_400_000]);
    assert.deepEqual(preemption, { byPriority: false, byShare: true });
    const { share, quota, budget } = tenants['ann']!;
    const limits = { cpus: 64, memoryBytes: 2 ** 30, gpus: { H100: 8, '*': 16 } };
    assert.deepEqual([share, quota, budget], [2, limits, { gpuHours: 100 }]);
    assert.deepEqual([tenants['bob']!.borrows, tenants['bob']!.maxPriority], [false, 5]);
  });

  it('has defaults that are what an empty file means', () => {
    assert.deepEqual(requirePolicyFile(defaultPolicy), requirePolicyFile(''));
  });

  it('names an unknown key, its place and the nearest known one', () => {
    assert.throws(() => requirePolicyFile('tenants:\n  ann: { shares: 2 }\n'), {
      code: 'yaml.unknownKey',
      message: 'policy.yaml:2:10: `tenants.ann` has no key `shares`.',
      hint: 'Did you mean `share`?',
    });
    assert.throws(() => requirePolicyFile('queue: { placement: worst }'), { code: 'yaml.wrongValue' });
  });

  it('says what another policy would change, line by line', () => {
    const changes = differences(
      requirePolicyFile(''),
      requirePolicyFile('queue: { backfill: false }\ntenants: { ann: {} }'),
    );
    assert.deepEqual(changes, [
      'queue.backfill: true → false',
      'tenants.ann: not set → {"share":1,"borrow":true,"quota":{}}',
    ]);
  });

  it('has a JSON schema that the build has written', () => {
    const written = JSON.parse(readFileSync('resources/policy.schema.json', 'utf8'));
    assert.deepEqual(written, JSON.parse(JSON.stringify(policyFileJsonSchema())));
  });
});

describe('what if', () => {
  it('plays the real history again: another node like this one, and nobody waits', () => {
    const world = new World([makeNode('n', 0, 1)]);
    for (let i = 0; i < 4; i++) world.submit({ id: `j${i}`, at: i * 1000, request: ask(0, 1), durationMs: 60_000 });
    world.runUntil(3600_000);
    const tasks = history(undefined, world.events, 3600_000);
    assert.deepEqual(
      tasks.map(({ at, durationMs }) => [at, durationMs]),
      [0, 1, 2, 3].map((i) => [i * 1000, 60_000]),
    );
    const { now, instead } = whatIf(
      world.state!.nodes.map(({ node }) => node),
      world.state!.settings,
      tasks,
      {
        more: { n: 3 },
      },
    );
    assert.deepEqual([now.waitSeconds.max, instead.waitSeconds.max], [177, 0]);
    assert.deepEqual([now.gpusTotal, instead.gpusTotal], [1, 4]);
  });
});
