import assert from 'node:assert/strict';
import type { ReceiptDraft, Send } from '../../../../server/domain/reducer.ts';
import { noCounters } from '../../../../server/domain/rollout/counters.ts';
import { bucketOf } from '../../../../server/domain/rollout/histogram.ts';
import { type ReleaseEvent, type ReleaseState, reduceRelease } from '../../../../server/domain/rollout/release.ts';

function created(from: string | null = 'v5'): ReleaseEvent {
  const digests = { md5: 'd'.repeat(32), sha256: 'd'.repeat(64) };
  return {
    type: 'created',
    at: 0,
    project: 'digits',
    version: 6,
    digests,
    parent: { kind: 'pipeline', id: 'p1' },
    access: 'private',
    spec: {
      id: 'l1',
      endpoint: 'digits',
      model: 'digits',
      from,
      to: 'v6',
      steps: [50, 100],
      analysis: {
        maxErrorRate: 0.01,
        maxP95Ratio: 1.5,
        minRequests: 100,
        maxQualityDrop: null,
        minLabels: 1000,
        onInconclusive: 'wait',
        maxWaitMs: 3_600_000,
      },
      inputs: [{ name: 'model:digits@v6', digest: digests }],
    },
    plan: {
      framework: 'fastapi',
      code: 'c'.repeat(32),
      folder: '/home/u/digits',
      env: {},
      model: digests.md5,
      receipt: 'e'.repeat(64),
      replicas: 1,
    },
  };
}

function observed(at: number, requests: number, errors = 0): ReleaseEvent {
  const counters = noCounters();
  counters.latency[bucketOf(10)] = requests;
  const reading = { requests, errors, latency: counters.latency };
  return { type: 'observed', at, instance: 'g1', gatewayStartedAt: 1, revisions: { v5: reading, v6: reading } };
}

function replay(events: ReleaseEvent[]) {
  let state: ReleaseState | undefined;
  const commands: Send[] = [];
  const receipts: ReceiptDraft[] = [];
  for (const event of events) {
    const step = reduceRelease(state, event);
    state = step.state;
    commands.push(...step.commands);
    receipts.push(...step.receipts);
  }
  return { state: state!, commands, receipts, told: commands.map(({ to, event }) => `${to.kind} ${event.type}`) };
}
const ready: ReleaseEvent = { type: 'ready', at: 1 };
const healthy = [created(), ready, observed(2, 0), observed(3, 5000), observed(4, 50_000)];

describe('release', () => {
  it('has the revision deployed before it gets any traffic', () => {
    const { told } = replay([created()]);
    assert.deepEqual(told, ['endpoint deploy']);
  });

  it('moves traffic by its steps, then the alias `production`, and tells who asked', () => {
    const { told, commands, state } = replay(healthy);
    assert.deepEqual(told, [
      'endpoint deploy',
      'endpoint weights',
      'endpoint weights',
      'endpoint retire',
      'endpoint rolloutOver',
      'model setAlias',
      'pipeline rolloutEnded',
    ]);
    assert.deepEqual(commands[1]!.event['weights'], { v5: 50, v6: 50 });
    assert.deepEqual([commands[5]!.event['alias'], commands[5]!.event['version']], ['production', 6]);
    assert.deepEqual(
      state.steps.map(({ status }) => status),
      ['passed', 'passed'],
    );
  });

  it('gives the traffic back before the new revision is retired, and leaves the alias, when it is taken back', () => {
    const { told, commands, state } = replay([created(), ready, observed(2, 0), observed(3, 5000, 4000)]);
    assert.deepEqual(told.slice(2), [
      'endpoint weights',
      'endpoint retire',
      'endpoint rolloutOver',
      'pipeline rolloutEnded',
    ]);
    assert.deepEqual(commands[2]!.event['weights'], { v5: 100, v6: 0 });
    assert.deepEqual(
      state.steps.map(({ status }) => status),
      ['failed', 'waiting'],
    );
  });

  it('keeps the figures that each step was judged by', () => {
    const { state } = replay(healthy);
    assert.deepEqual([state.steps[0]!.requests, state.steps[0]!.errorRate, state.steps[0]!.needed], [5000, 0, 100]);
    assert.deepEqual(
      state.steps.map(({ endedAt }) => endedAt),
      [3, 4],
      'the end of the rollout is not the end of its first step',
    );
  });

  it('gives a first revision all traffic and retires nothing', () => {
    const { told, commands } = replay([created(null), ready]);
    assert.deepEqual(commands[1]!.event['weights'], { v6: 100 });
    assert.ok(!told.includes('endpoint retire'));
  });

  it('hears nothing after its end, and begins once', () => {
    const { state } = replay(healthy);
    const late = replay([...healthy, created(), ready, observed(9, 90_000, 90_000), { type: 'aborted', at: 10 }]);
    assert.equal(late.commands.length, replay(healthy).commands.length);
    assert.deepEqual(late.state, state);
  });
});
