/** A sweep written as a Katib Experiment, so that an installed Katib can run it. */
import { SlipwayError } from '../../../protocol/errors.ts';
import type { ParamSpec, SearchSpace } from '../../../protocol/space.ts';
import { algorithmOfSampler } from './experiment.ts';

export interface Exported {
  name: string;
  objective: { metric: string; goal: 'maximize' | 'minimize' };
  sampler: string;
  isMultivariate: boolean;
  stopper: { type: string; minTrials?: number; minStep?: number } | null;
  trials: number;
  parallel: number;
  seed: number;
  space: SearchSpace;
  /** Of a trial: a string for `/bin/sh -c` with `{name}` of parameters, or a list; and the image it runs in. */
  run: string | readonly string[];
  image: string;
}

/**
 * @throws SlipwayError `katib.export` where Katib has no such sampler, stopper or parameter, naming it
 */
export function exportExperiment(sweep: Exported): Record<string, unknown> {
  const parameters = Object.entries(sweep.space).map(([name, spec]) => ({ name, ...feasibleOf(name, spec) }));
  const reference = new Map(Object.keys(sweep.space).map((name, index) => [name, `parameter${index}`]));
  const fill = (word: string) =>
    word.replace(/(?<!\$)\{([^{}\s]+)\}/g, (whole, name: string) =>
      reference.has(name) ? `\${trialParameters.${reference.get(name)}}` : whole,
    );
  const command = typeof sweep.run === 'string' ? ['/bin/sh', '-c', sweep.run] : sweep.run;
  return {
    apiVersion: 'kubeflow.org/v1beta1',
    kind: 'Experiment',
    metadata: { name: sweep.name },
    spec: {
      objective: { type: sweep.objective.goal, objectiveMetricName: sweep.objective.metric },
      algorithm: algorithmOf(sweep),
      ...earlyStoppingOf(sweep),
      parallelTrialCount: sweep.parallel,
      maxTrialCount: sweep.trials,
      maxFailedTrialCount: sweep.trials,
      metricsCollectorSpec: {
        collector: { kind: 'TensorFlowEvent' },
        source: { fileSystemPath: { path: '/slipway/logs', kind: 'Directory' } },
      },
      parameters,
      trialTemplate: {
        primaryContainerName: 'trial',
        trialParameters: [...reference].map(([name, short]) => ({ name: short, reference: name })),
        trialSpec: {
          apiVersion: 'batch/v1',
          kind: 'Job',
          spec: {
            template: {
              spec: {
                containers: [
                  {
                    name: 'trial',
                    image: sweep.image,
                    command: command.map(fill),
                    env: [{ name: 'SLIPWAY_LOGDIR', value: '/slipway/logs' }],
                  },
                ],
                restartPolicy: 'Never',
              },
            },
          },
        },
      },
    },
  };
}

function algorithmOf({ sampler, isMultivariate, seed }: Exported) {
  const names: Readonly<Record<string, string>> = algorithmOfSampler;
  const name = sampler === 'tpe' && !isMultivariate ? 'tpe' : names[sampler];
  if (name === undefined) throw refused(`Katib has no algorithm for the sampler ${sampler}.`);
  const seeded = ['random', 'tpe', 'multivariate-tpe', 'cmaes', 'bayesianoptimization', 'sobol'].includes(name);
  const settings = seeded ? { algorithmSettings: [{ name: 'random_state', value: String(seed) }] } : {};
  return { algorithmName: name, ...settings };
}

function earlyStoppingOf({ stopper }: Exported) {
  if (!stopper) return {};
  if (stopper.type !== 'median') throw refused(`Katib has no early stopping for the stopper ${stopper.type}.`);
  const { minTrials = 5, minStep = 1 } = stopper;
  const settings = [
    { name: 'min_trials_required', value: String(minTrials) },
    { name: 'start_step', value: String(minStep) },
  ];
  return { earlyStopping: { algorithmName: 'medianstop', algorithmSettings: settings } };
}

function feasibleOf(name: string, spec: ParamSpec) {
  if (spec.when) throw refused(`Parameter ${name} depends on others; Katib has no conditional parameters.`);
  const bounds = ([min, max]: readonly [number, number], more: Record<string, string> = {}) => ({
    feasibleSpace: { min: String(min), max: String(max), ...more },
  });
  if ('choice' in spec) return listOf(spec.choice);
  if ('const' in spec) return listOf([spec.const]);
  if ('log' in spec) return { parameterType: 'double', ...bounds(spec.log, { distribution: 'logUniform' }) };
  if ('logInt' in spec) return { parameterType: 'int', ...bounds(spec.logInt, { distribution: 'logUniform' }) };
  const step: Record<string, string> = spec.step === undefined ? {} : { step: String(spec.step) };
  if ('int' in spec) return { parameterType: 'int', ...bounds(spec.int, step) };
  return { parameterType: 'double', ...bounds(spec.float, step) };
}

function listOf(values: readonly (string | number | boolean)[]) {
  const parameterType = values.every((value) => typeof value === 'number') ? 'discrete' : 'categorical';
  return { parameterType, feasibleSpace: { list: values.map(String) } };
}

function refused(message: string): SlipwayError {
  return new SlipwayError('katib.export', message, 'Change it in slipway.yaml, or run the sweep in Slipway.');
}
