import assert from 'node:assert/strict';
import {
  reduceValidation,
  type ValidationEvent,
  type ValidationState,
} from '../../../../server/domain/lineage/validation.ts';
import type { Send } from '../../../../server/domain/reducer.ts';
import type { Float } from '../../../../server/protocol/entities.ts';
import { runSpec } from '../run/specs.ts';

const digests = { md5: 'd'.repeat(32), sha256: 'd'.repeat(64) };

function created(more: Partial<Extract<ValidationEvent, { type: 'created' }>> = {}): ValidationEvent {
  const size = { files: 1, bytes: 10, folder: '/home/u/digits' };
  return {
    type: 'created',
    at: 1,
    id: 'v1',
    project: 'digits',
    candidate: { run: 'r1', name: 'digits', digests, params: {}, metrics: { 'val/acc': 0.9 }, ...size },
    gates: [{ metric: 'acc', min: 0.95 }],
    otherwise: ['sweep'],
    register: true,
    run: runSpec({ id: 'v1-run', kind: 'validate' }),
    parent: { kind: 'pipeline', id: 'p1' },
    ...more,
  };
}
const ended = (metrics: Record<string, Float>, status = 'succeeded'): ValidationEvent => {
  return { type: 'runEnded', at: 2, run: 'v1-run', status, reason: 'exit status 1', metrics };
};

function replay(events: ValidationEvent[]) {
  let state: ValidationState | undefined;
  const commands: Send[] = [];
  const receipts = [];
  for (const event of events) {
    const step = reduceValidation(state, event);
    state = step.state;
    commands.push(...step.commands);
    receipts.push(...step.receipts);
  }
  return { state: state!, commands, receipts, told: commands.map(({ to, event }) => `${to.kind} ${event.type}`) };
}

describe('validation', () => {
  it('runs the validate step and is told of its end', () => {
    const { commands } = replay([created()]);
    assert.deepEqual((commands[0]!.event['spec'] as { parent: unknown }).parent, { kind: 'validation', id: 'v1' });
  });

  it('tells the pipeline its decision before the model is registered', () => {
    const { told, commands } = replay([created(), ended({ acc: 0.99 })]);
    assert.deepEqual(told.slice(1), ['pipeline validationDecided', 'model register']);
    assert.deepEqual(commands.at(-1)!.event['metrics'], { 'val/acc': 0.9, acc: 0.99 });
  });

  it('registers the digest of its own receipt as what the model was validated by', () => {
    const { commands, receipts } = replay([created(), ended({ acc: 0.99 })]);
    const { validation } = commands.at(-1)!.event as unknown as { validation: { sha256: string } };
    assert.equal(receipts[0]!.subject.digest!['sha256'], validation.sha256);
    assert.deepEqual(receipts[0]!.inputs, [{ name: 'output:r1/model', digest: digests }]);
  });

  it('registers nothing when the gates fail, or when it was asked not to', () => {
    assert.deepEqual(replay([created(), ended({ acc: 0.5 })]).told.slice(1), ['pipeline validationDecided']);
    assert.deepEqual(replay([created({ register: false }), ended({ acc: 0.99 })]).told.slice(1), [
      'pipeline validationDecided',
    ]);
  });

  it('decides nothing when its run failed, and says so', () => {
    const { state, told, receipts } = replay([created(), ended({ acc: 0.99 }, 'failed')]);
    assert.deepEqual([state.status, state.reason], ['failed', 'The validate step failed: exit status 1']);
    assert.deepEqual([told.slice(1), receipts], [['pipeline validationFailed'], []]);
  });

  it('decides once, and only by its own run', () => {
    const strange: ValidationEvent = {
      type: 'runEnded',
      at: 2,
      run: 'r9',
      status: 'succeeded',
      reason: '',
      metrics: { acc: 0.1 },
    };
    const { receipts } = replay([created(), strange, ended({ acc: 0.99 }), ended({ acc: 0.1 }), created()]);
    assert.deepEqual(
      receipts.map(({ decision }) => decision),
      ['serve: All 1 gates passed.'],
    );
  });
});
