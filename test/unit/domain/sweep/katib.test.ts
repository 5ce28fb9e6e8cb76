import assert from 'node:assert/strict';
import { parse, stringify } from 'yaml';
import { exportExperiment } from '../../../../server/domain/sweep/katib/export.ts';
import { importExperiment } from '../../../../server/domain/sweep/katib/import.ts';
import { requireSlipwayFile } from '../../../../server/protocol/parseSlipwayFile.ts';

/** How a trial's template names a parameter. */
const given = (name: string) => `\${trialParameters.${name}}`;

const lr = { name: 'lr', parameterType: 'double', feasibleSpace: { min: '0.01', max: '0.03' } };
const layers = { name: 'num-layers', parameterType: 'int', feasibleSpace: { min: '2', max: '5' } };
const optimizer = { name: 'optimizer', parameterType: 'categorical', feasibleSpace: { list: ['sgd', 'adam'] } };

const container = {
  name: 'training-container',
  image: 'registry.example/mnist:1',
  command: ['python3', '/opt/mnist.py', `--lr=${given('learningRate')}`, '--layers', given('layers')],
};
const trialParameters = [
  { name: 'learningRate', description: 'how fast', reference: 'lr' },
  { name: 'layers', description: 'how deep', reference: 'num-layers' },
];

/** The shape of the examples that come with Katib. */
function experiment(spec: Record<string, unknown> = {}, trialSpec?: Record<string, unknown>) {
  const job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    spec: { template: { spec: { containers: [container], restartPolicy: 'Never' } } },
  };
  return {
    apiVersion: 'kubeflow.org/v1beta1',
    kind: 'Experiment',
    metadata: { namespace: 'kubeflow', name: 'example' },
    spec: {
      objective: {
        type: 'maximize',
        goal: 0.99,
        objectiveMetricName: 'Validation-accuracy',
        additionalMetricNames: ['Train-accuracy'],
      },
      algorithm: { algorithmName: 'random' },
      parallelTrialCount: 3,
      maxTrialCount: 12,
      maxFailedTrialCount: 3,
      parameters: [lr, layers, optimizer],
      trialTemplate: { primaryContainerName: 'training-container', trialParameters, trialSpec: trialSpec ?? job },
      ...spec,
    },
  };
}

describe('a Katib Experiment', () => {
  it('is read as a slipway.yaml that Slipway accepts', () => {
    const { file } = importExperiment(experiment());
    assert.deepEqual(file.sweep, {
      sampler: 'random',
      trials: 12,
      parallel: 3,
      space: { lr: { float: [0.01, 0.03] }, 'num-layers': { int: [2, 5] }, optimizer: { choice: ['sgd', 'adam'] } },
    });
    assert.equal(file.train.run, 'python3 /opt/mnist.py --lr={lr} --layers {num-layers}');
    assert.deepEqual(file.train.environment, { image: 'registry.example/mnist:1' });
    assert.deepEqual(file.train.objective, { metric: 'Validation-accuracy', goal: 'maximize' });
    assert.equal(requireSlipwayFile(stringify(file)).sweep?.trials, 12);
  });

  const samplers: [string, Record<string, unknown>][] = [
    ['grid', { sampler: 'grid' }],
    ['tpe', { sampler: 'tpe', multivariate: false }],
    ['multivariate-tpe', { sampler: 'tpe' }],
    ['bayesianoptimization', { sampler: 'gp' }],
    ['cmaes', { sampler: 'cmaes' }],
    ['sobol', { sampler: 'sobol' }],
    ['pbt', { sampler: 'pbt' }],
  ];
  for (const [algorithmName, expected] of samplers) {
    it(`with ${algorithmName} becomes a sweep with ${JSON.stringify(expected)}, other settings noted`, () => {
      const algorithm = {
        algorithmName,
        algorithmSettings: [
          { name: 'restart_strategy', value: 'ipop' },
          { name: 'random_state', value: '10' },
        ],
      };
      const { file, notes } = importExperiment(experiment({ algorithm }));
      const { trials: _, parallel: __, space: ___, seed, ...search } = file.sweep;
      assert.deepEqual(search, expected);
      assert.equal(seed, 10);
      assert.ok(notes.some((note) => note.includes('restart_strategy')));
      requireSlipwayFile(stringify(file));
    });
  }

  it('with hyperband stops trials while they run', () => {
    const settings = { resource_name: 'num-layers', eta: '2', r_l: '9' };
    const algorithmSettings = Object.entries(settings).map(([name, value]) => ({ name, value }));
    const { file } = importExperiment(experiment({ algorithm: { algorithmName: 'hyperband', algorithmSettings } }));
    assert.deepEqual([file.sweep['stopper'], file.sweep['resource']], [{ type: 'hyperband', reduction: 2 }, 9]);
    requireSlipwayFile(stringify(file));
  });

  it('with medianstop keeps its settings', () => {
    const algorithmSettings = [
      { name: 'min_trials_required', value: '1' },
      { name: 'start_step', value: '2' },
    ];
    const { file } = importExperiment(
      experiment({ earlyStopping: { algorithmName: 'medianstop', algorithmSettings } }),
    );
    assert.deepEqual(file.sweep['stopper'], { type: 'median', minTrials: 1, minStep: 2 });
    requireSlipwayFile(stringify(file));
  });

  it('keeps steps and logarithmic distributions', () => {
    const feasibleSpace = { min: '32', max: '64' };
    const parameters = [
      { ...lr, feasibleSpace: { min: '0.001', max: '0.01', step: '0.001' } },
      { ...layers, feasibleSpace: { ...feasibleSpace, distribution: 'logUniform' } },
      {
        name: 'momentum',
        parameterType: 'double',
        feasibleSpace: { min: '0.001', max: '1', distribution: 'logNormal' },
      },
      { name: 'batch', parameterType: 'discrete', feasibleSpace: { list: ['32', '64'] } },
    ];
    const { file, notes } = importExperiment(experiment({ parameters }));
    assert.deepEqual(file.sweep.space, {
      lr: { float: [0.001, 0.01], step: 0.001 },
      'num-layers': { logInt: [32, 64] },
      momentum: { log: [0.001, 1] },
      batch: { choice: [32, 64] },
    });
    assert.ok(notes.some((note) => note.startsWith('momentum')));
  });

  it('writes out what a trial knows of itself', () => {
    const own = [
      ['name', 'Name'],
      ['space', 'Namespace'],
      ['kind', 'Kind'],
      ['label', 'Labels[custom-key]'],
    ];
    const spec = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { labels: { 'custom-key': 'custom-label' } },
      spec: {
        containers: [
          {
            ...container,
            command: ['run', '--as', given('name')],
            env: [
              { name: 'KIND', value: given('kind') },
              { name: 'LABEL', value: given('label') },
            ],
          },
        ],
      },
    };
    const trialTemplate = {
      primaryContainerName: 'training-container',
      trialParameters: own.map(([name, field]) => ({ name, reference: `\${trialSpec.${field}}` })),
      trialSpec: spec,
    };
    const { file } = importExperiment(experiment({ trialTemplate }));
    assert.equal(file.train.run, 'run --as "$SLIPWAY_RUN"');
    assert.deepEqual(file.train.env, { KIND: 'Job', LABEL: 'custom-label' });
  });

  it('finds the command in other kinds of trials', () => {
    const trainJob = {
      apiVersion: 'trainer.kubeflow.org/v1alpha1',
      kind: 'TrainJob',
      spec: { trainer: { numNodes: 2, image: 'i', command: ['python3', 'mnist.py'] } },
    };
    assert.equal(importExperiment(experiment({}, trainJob)).file.train.run, 'python3 mnist.py');
    const steps = [
      { name: 'prepare', command: ['sh'] },
      { name: 'training-container', command: ['train', '--n=$(params.n)'] },
    ];
    const pipelineRun = { kind: 'PipelineRun', spec: { pipelineSpec: { tasks: [{ taskSpec: { steps } }] } } };
    const { file, notes } = importExperiment(experiment({}, pipelineRun));
    assert.equal(file.train.run, "train '--n=$(params.n)'");
    assert.ok(notes.some((note) => note.includes('PipelineRun')));
    const configMap = { configMapName: 'templates', templatePath: 'trial.yaml' };
    assert.match(
      importExperiment(experiment({ trialTemplate: { trialParameters, configMap } })).notes.join(),
      /ConfigMap templates/,
    );
  });

  it('with what Slipway has not is refused by name', () => {
    const refusal = (spec: Record<string, unknown>, message: RegExp) =>
      assert.throws(() => importExperiment(experiment(spec)), { message });
    refusal({ algorithm: { algorithmName: 'enas' } }, /no algorithm enas \(neural architecture search\)/);
    refusal({ earlyStopping: { algorithmName: 'curvestop' } }, /no early stopping curvestop/);
    refusal({ parameters: undefined, nasConfig: {} }, /has no parameters/);
    assert.throws(() => importExperiment({ kind: 'Job' }), { message: /cannot be read: apiVersion/ });
  });

  it('that Slipway wrote is read back as the same sweep', () => {
    const space = {
      lr: { log: [0.0001, 0.1] as [number, number] },
      units: { choice: [32, 64] },
      act: { choice: ['relu', 'tanh'] },
      depth: { int: [1, 8] as [number, number] },
    };
    const written = exportExperiment({
      name: 'digits',
      objective: { metric: 'val/accuracy', goal: 'maximize' },
      sampler: 'tpe',
      isMultivariate: true,
      stopper: { type: 'median' },
      trials: 30,
      parallel: 2,
      seed: 7,
      space,
      run: 'python train.py --lr {lr} --act={act}',
      image: 'registry.example/digits:1',
    });
    const { file } = importExperiment(parse(stringify(written)));
    assert.deepEqual(file.sweep, {
      sampler: 'tpe',
      stopper: { type: 'median', minTrials: 5, minStep: 1 },
      trials: 30,
      parallel: 2,
      seed: 7,
      space,
    });
  });

  it('cannot say conditions, several goals at once or stoppers that Katib has not', () => {
    const base = {
      name: 'd',
      objective: { metric: 'm', goal: 'minimize' as const },
      sampler: 'tpe',
      isMultivariate: true,
      stopper: null,
      trials: 1,
      parallel: 1,
      seed: 0,
      run: 'x',
      image: 'i',
    };
    const act = { choice: ['relu', 'tanh'] };
    assert.throws(
      () => exportExperiment({ ...base, space: { act, k: { int: [1, 2], when: { act: 'relu' } } } }),
      /k depends on others/,
    );
    assert.throws(() => exportExperiment({ ...base, sampler: 'nsga2', space: { act } }), /nsga2/);
    assert.throws(() => exportExperiment({ ...base, stopper: { type: 'asha' }, space: { act } }), /asha/);
  });
});
