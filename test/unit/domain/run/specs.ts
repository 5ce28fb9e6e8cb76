import type { RunSpec } from '../../../../server/domain/run/run.ts';

/** A plain training run; tests change what they are about. */
export function runSpec(changes: Partial<RunSpec> = {}): RunSpec {
  return {
    id: 'r1',
    project: 'digits',
    kind: 'train',
    step: 'train',
    title: 'train digits',
    folder: '/home/u/digits',
    command: 'python train.py',
    args: 'none',
    params: {},
    env: {},
    resources: {},
    graceMs: 10_000,
    retries: 0,
    priority: 0,
    code: { md5: 'c'.repeat(32), sha256: 'c'.repeat(64) },
    inputs: [],
    resolve: false,
    outputs: [],
    ...changes,
  };
}
