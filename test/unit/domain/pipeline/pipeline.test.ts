import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  type PipelineCommand,
  type PipelineEvent,
  type PipelineState,
  reducePipeline,
} from '../../../../server/domain/pipeline/pipeline.ts';

type Without<E> = E extends PipelineEvent ? Omit<E, 'at'> : never;
type Happening = Without<PipelineEvent>;

const allSteps = ['dataset', 'split', 'stage:preprocess', 'train', 'validate', 'model', 'rollout'];

function begin(steps = allSteps, canSweep = true): Happening {
  const code = { md5: 'c'.repeat(32), sha256: 'c'.repeat(64) };
  return { type: 'created', id: 'p1', project: 'digits', folder: '/home/u/digits', code, steps, canSweep };
}

function replay(
  events: readonly Happening[],
  start?: PipelineState,
): { state: PipelineState; commands: PipelineCommand[] } {
  let state = start;
  const commands: PipelineCommand[] = [];
  for (const [at, event] of events.entries()) {
    const step = reducePipeline(state, { at, ...event } as PipelineEvent);
    state = step.state;
    commands.push(...step.commands);
  }
  return { state: state!, commands };
}

const done = (step: string, more: { subject?: string; cached?: boolean } = {}): Happening => {
  return { type: 'stepDone', step, detail: '', ...more };
};
const begun = (step: string, subject: string): Happening => ({ type: 'stepStarted', step, subject, detail: '' });
const runEnded = (run: string, status = 'succeeded'): Happening => ({
  type: 'runEnded',
  run,
  status,
  reason: 'exit status 1',
  metric: 'val/accuracy',
  objective: { value: 0.912345 },
});
const decided = (decision: 'serve' | 'retrain', how: string[] = [], validation = 'v1'): Happening => {
  return { type: 'validationDecided', validation, decision, how, reason: 'as the gates said.' };
};
const statuses = ({ steps }: PipelineState) => steps.map(({ id, status }) => `${id} ${status}`);
const asked = (commands: PipelineCommand[]) =>
  commands.map((command) => (command.type === 'pipeline.step' ? command.step : ''));

/** Up to the validation that is being waited for. */
const validating = [
  begin(),
  done('dataset'),
  done('split', { cached: true }),
  done('stage:preprocess'),
  begun('train', 'r1'),
  runEnded('r1'),
  begun('validate', 'v1'),
];

describe('pipeline', () => {
  it('asks for one step after the other and succeeds with the last', () => {
    const rest: Happening[] = [
      decided('serve'),
      { type: 'modelRegistered', model: 'digits@v1', run: 'r1' },
      begun('rollout', 'l1'),
      { type: 'rolloutEnded', rollout: 'l1', status: 'completed', reason: 'all steps passed' },
    ];
    const { state, commands } = replay([...validating, ...rest]);
    assert.deepEqual(asked(commands), allSteps);
    assert.equal(state.status, 'succeeded');
    assert.deepEqual(statuses(state).slice(0, 3), ['dataset done', 'split cached', 'stage:preprocess done']);
    assert.equal(state.steps.find(({ id }) => id === 'train')!.detail, 'val/accuracy 0.9123');
    assert.equal(state.steps.find(({ id }) => id === 'model')!.subject, 'digits@v1');
  });

  it('fails with the step that failed, and skips what follows', () => {
    const { state } = replay([begin(['train', 'validate', 'model']), begun('train', 'r1'), runEnded('r1', 'failed')]);
    assert.deepEqual(statuses(state), ['train failed', 'validate skipped', 'model skipped']);
    assert.equal(state.reason, 'train: failed: exit status 1');
  });

  it('fails with the reason when a step could not be carried out, and hears nothing after it', () => {
    const failed: Happening = { type: 'commandFailed', command: 'pipeline.step', message: 'no such file' };
    const { state } = replay([begin(), done('dataset'), failed]);
    assert.deepEqual([state.status, state.reason], ['failed', 'split: no such file']);
    assert.deepEqual(replay([failed, done('split')], state), { state, commands: [] });
  });

  it('searches once when the gates say so, then validates the best', () => {
    const sweep: Happening[] = [
      decided('retrain', ['sweep']),
      begun('sweep', 'w1'),
      {
        type: 'sweepEnded',
        sweep: 'w1',
        status: 'finished',
        reason: '',
        best: { run: 'w1-t3', trial: 3, value: 0.97 },
      },
      begun('validate#2', 'v2'),
    ];
    const first = replay([...validating, ...sweep]);
    assert.deepEqual(statuses(first.state).slice(4), [
      'validate done',
      'sweep done',
      'validate#2 running',
      'model waiting',
      'rollout waiting',
    ]);
    const second = replay([decided('retrain', ['sweep'], 'v2')], first.state);
    assert.equal(second.state.status, 'failed');
    assert.match(second.state.reason, /^validate#2: .*Retrain with: sweep/);
  });

  it('leaves it to a person where there is no sweep to fall back on', () => {
    const withoutSweep = [begin(allSteps, false), ...validating.slice(1)];
    const { state } = replay([...withoutSweep, decided('retrain', ['sweep', 'propose'])]);
    assert.equal(state.status, 'failed');
  });

  it('fails when a sweep gave no value, or a rollout was taken back', () => {
    const sweep = [begin(['sweep']), begun('sweep', 'w1')];
    const none: Happening = { type: 'sweepEnded', sweep: 'w1', status: 'failed', reason: '', best: null };
    assert.match(replay([...sweep, none]).state.reason, /No trial gave a value/);
    const rollout = [begin(['rollout']), begun('rollout', 'l1')];
    const back: Happening = { type: 'rolloutEnded', rollout: 'l1', status: 'rolledBack', reason: 'too many errors' };
    assert.equal(replay([...rollout, back]).state.reason, 'rollout: too many errors');
  });

  it('hears nothing of runs, validations and rollouts of others', () => {
    const { state } = replay(validating);
    const strange: Happening[] = [
      runEnded('r9', 'failed'),
      decided('retrain', [], 'v9'),
      { type: 'validationFailed', validation: 'v9', reason: '' },
      { type: 'rolloutEnded', rollout: 'l9', status: 'failed', reason: '' },
      { type: 'modelRegistered', model: 'digits@v9', run: 'r9' },
      done('train'),
    ];
    assert.equal(replay(strange, state).state, state);
  });

  it('whatever happens, has one running step while it runs and none after, and asks for each step once', () => {
    const happening = fc.oneof(
      fc
        .constantFrom(...allSteps, 'sweep', 'validate#2')
        .chain((step) =>
          fc.constantFrom<Happening>(
            done(step),
            begun(step, 'x'),
            { type: 'stepFailed', step, message: 'no' },
            done(step, { cached: true }),
          ),
        ),
      fc.constantFrom<Happening>(
        runEnded('x'),
        runEnded('x', 'failed'),
        decided('serve', [], 'x'),
        decided('retrain', ['sweep'], 'x'),
        { type: 'modelRegistered', model: 'm', run: 'r' },
        { type: 'sweepEnded', sweep: 'x', status: 'finished', reason: '', best: { run: 'r', trial: 0, value: 1 } },
        { type: 'rolloutEnded', rollout: 'x', status: 'completed', reason: '' },
      ),
    );
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 80 }), (events) => {
        const { state, commands } = replay([begin(), ...events]);
        const running = state.steps.filter(({ status }) => status === 'running');
        assert.equal(running.length, state.status === 'running' ? 1 : 0);
        assert.equal(state.endedAt === undefined, state.status === 'running');
        assert.equal(new Set(asked(commands)).size, commands.length);
        assert.ok(state.status === 'running' || state.steps.every(({ status }) => status !== 'waiting'));
      }),
      { numRuns: 500 },
    );
  });
});
