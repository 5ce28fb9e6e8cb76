import assert from 'node:assert/strict';
import { exitStatusOf, stepLines } from '../../../extension/tasks/taskStep.ts';
import type { Pipeline } from '../../../server/protocol/entities.ts';

const pipeline = (
  ...steps: [id: string, status: Pipeline['steps'][number]['status'], detail?: string][]
): Pipeline => ({
  id: 'p1',
  project: 'digits',
  folder: '/p',
  status: 'running',
  reason: '',
  steps: steps.map(([id, status, detail = '']) => ({ id, status, detail })),
  createdAt: 0,
});

describe('tasks', () => {
  it('end with the exit status of the program, and never with 0 where it failed', () => {
    assert.equal(exitStatusOf({ status: 'succeeded', exitCode: 0 }), 0);
    assert.equal(exitStatusOf({ status: 'failed', exitCode: 7 }), 7);
    assert.equal(exitStatusOf({ status: 'stopped', exitCode: 0 }), 1);
    assert.equal(exitStatusOf({ status: 'lost' }), 1);
  });

  it('tell each step of a pipeline once, when its state changes', () => {
    const first = pipeline(['dataset', 'done', 'digits v1'], ['train', 'running'], ['validate', 'waiting']);
    assert.deepEqual(stepLines(undefined, first), ['dataset   done  digits v1', 'train     running']);
    const next = pipeline(['dataset', 'done', 'digits v1'], ['train', 'done'], ['validate', 'running']);
    assert.deepEqual(stepLines(first, next), ['train     done', 'validate  running']);
  });
});
