/**
 * The parts of a Katib Experiment (kubeflow.org/v1beta1) that Slipway reads and writes, and which of Katib's words stand
 * for which of ours: https://www.kubeflow.org/docs/components/katib/reference/api/v1beta1/experiment
 */
import * as z from 'zod';

const setting = z.object({ name: z.string(), value: z.coerce.string() });
const algorithm = z.object({ algorithmName: z.string(), algorithmSettings: z.array(setting).default([]) });
const feasible = z.object({
  min: z.coerce.string().optional(),
  max: z.coerce.string().optional(),
  step: z.coerce.string().optional(),
  list: z.array(z.coerce.string()).optional(),
  distribution: z.enum(['uniform', 'logUniform', 'normal', 'logNormal']).optional(),
});

export const Experiment = z.object({
  apiVersion: z.string().regex(/^kubeflow\.org\/v1beta1$/, 'it has to be kubeflow.org/v1beta1'),
  kind: z.literal('Experiment'),
  metadata: z.object({
    name: z.string().optional(),
    generateName: z.string().optional(),
    namespace: z.string().optional(),
  }),
  spec: z.object({
    objective: z.object({
      type: z.enum(['maximize', 'minimize']),
      goal: z.coerce.number().optional(),
      objectiveMetricName: z.string().min(1),
    }),
    algorithm,
    earlyStopping: algorithm.optional(),
    parallelTrialCount: z.number().int().positive().optional(),
    maxTrialCount: z.number().int().positive().optional(),
    parameters: z
      .array(
        z.object({
          name: z.string().min(1),
          parameterType: z.enum(['double', 'int', 'discrete', 'categorical']),
          feasibleSpace: feasible,
        }),
      )
      .optional(),
    nasConfig: z.unknown().optional(),
    metricsCollectorSpec: z.object({ collector: z.object({ kind: z.string().optional() }).optional() }).optional(),
    trialTemplate: z
      .object({
        primaryContainerName: z.string().optional(),
        trialParameters: z.array(z.object({ name: z.string(), reference: z.coerce.string() })).default([]),
        trialSpec: z.record(z.string(), z.unknown()).optional(),
        configMap: z.object({ configMapName: z.string().optional(), templatePath: z.string().optional() }).optional(),
      })
      .optional(),
  }),
});
export type Experiment = z.infer<typeof Experiment>;
export type KatibParameter = NonNullable<Experiment['spec']['parameters']>[number];

/** Katib's algorithm for each of our samplers; `tpe` there draws each parameter on its own. */
export const algorithmOfSampler = {
  random: 'random',
  grid: 'grid',
  tpe: 'multivariate-tpe',
  sobol: 'sobol',
  cmaes: 'cmaes',
  gp: 'bayesianoptimization',
  pbt: 'pbt',
} as const;

/** Katib's algorithms that are not carried out here, by what they are. */
export const foreignAlgorithms: Readonly<Record<string, string>> = {
  enas: 'neural architecture search',
  darts: 'neural architecture search',
};
