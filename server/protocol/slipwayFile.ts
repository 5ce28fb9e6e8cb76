/**
 * slipway.yaml: one file describes one model. This schema is the single source of the run-time check, of the
 * TypeScript types and of the JSON schema that the editor uses.
 */
import * as z from 'zod';
import { Name } from './names.ts';
import { searchSpaceSchema } from './space.ts';
import { Bytes, DurationMs } from './units.ts';

/** A string for `/bin/sh -c`, a list for exec, or a notebook (.ipynb). */
const Run = z.union([z.string().min(1), z.array(z.string()).min(1)]);
const OutputName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, 'An output is a folder name: letters, digits, - and _.');
const Params = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
const Globs = z.union([z.string(), z.array(z.string())]).transform((value) => (Array.isArray(value) ? value : [value]));

export const SplitSpec = z.strictObject({
  strategy: z.enum(['random', 'stratified', 'group', 'time']),
  by: z.string().optional().describe('What stratified, group and time go by: label (the first folder), or a pattern.'),
  test: z.number().gt(0).lt(1).default(0.2).describe('Share of files that go to the test side.'),
  seed: z.number().int().nonnegative().default(0),
  folds: z.number().int().min(2).optional(),
});
export type SplitSpec = z.infer<typeof SplitSpec>;

export const EnvironmentSpec = z.strictObject({
  python: z.string().optional().describe('A version (3.11) or the folder of an existing virtual environment.'),
  requirements: z.string().optional().describe('A requirements file, relative to slipway.yaml.'),
  conda: z.string().optional(),
  image: z.string().optional(),
  cuda: z.string().optional(),
  libraries: z.record(z.string(), z.string()).optional(),
});
export type EnvironmentSpec = z.infer<typeof EnvironmentSpec>;

export const ResourceSpec = z.strictObject({
  cpu: z.number().positive().optional(),
  memory: Bytes.optional(),
  gpu: z.number().nonnegative().optional(),
  gpuMemory: Bytes.optional(),
  shm: Bytes.optional(),
  disk: Bytes.optional(),
  nodes: z.number().int().positive().optional(),
  queue: z.string().optional(),
});
export type ResourceSpec = z.infer<typeof ResourceSpec>;

/** What may stand at the top and in every step. */
const common = {
  environment: EnvironmentSpec.optional(),
  resources: ResourceSpec.optional(),
  env: z.record(z.string(), z.string()).optional(),
  secrets: z
    .array(Name)
    .optional()
    .describe('Names of secrets; the program gets hf-token as the variable HF_TOKEN. See slipway secret set.'),
  timeout: DurationMs.optional(),
  retries: z.number().int().min(0).max(100).optional(),
};

/** What every step that runs a program has beside it. */
const step = {
  ...common,
  needs: z.array(z.string()).optional(),
  args: z.enum(['none', 'argparse', 'hydra']).default('none'),
  params: Params.default({}),
  priority: z.number().int().optional(),
  keepOnFailure: DurationMs.optional(),
};

export const Stage = z.strictObject({
  ...step,
  run: Run,
  outputs: z.array(OutputName).default([]),
  parallel: z.number().int().positive().optional(),
});
export type Stage = z.infer<typeof Stage>;

export const Objective = z.strictObject({ metric: z.string().min(1), goal: z.enum(['minimize', 'maximize']) });
export type Objective = z.infer<typeof Objective>;

export const Collect = z.strictObject({
  logs: Globs.optional(),
  checkpoints: Globs.optional(),
  model: z.string().optional(),
  metrics: z.string().optional(),
});
export type Collect = z.infer<typeof Collect>;

export const Train = z.strictObject({
  ...step,
  run: Run,
  collect: Collect.optional(),
  checkpoints: z
    .strictObject({
      keep: z.strictObject({ last: z.number().int().min(0), best: z.number().int().min(0).default(0) }).optional(),
      grace: DurationMs.optional(),
    })
    .optional(),
  objective: Objective.optional(),
});
export type Train = z.infer<typeof Train>;

export const samplerNames = ['random', 'grid', 'tpe', 'sobol', 'cmaes', 'gp', 'nsga2', 'pbt'] as const;
export const stopperNames = ['none', 'asha', 'median', 'hyperband', 'patience'] as const;

const positive = z.number().int().positive().optional();
const Stopper = z.union([
  z.enum(stopperNames),
  z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('asha'), reduction: z.number().int().min(2).optional(), minResource: positive }),
    z.strictObject({
      type: z.literal('hyperband'),
      reduction: z.number().int().min(2).optional(),
      minResource: positive,
    }),
    z.strictObject({ type: z.literal('median'), minTrials: positive, minStep: positive }),
    z.strictObject({
      type: z.literal('patience'),
      patience: positive,
      minDelta: z.number().nonnegative().optional(),
    }),
  ]),
]);

export const SweepSpec = z.strictObject({
  sampler: z.enum(samplerNames).default('tpe'),
  multivariate: z.boolean().optional().describe('tpe only: parameters drawn jointly (default) or each on its own.'),
  objectives: z
    .array(Objective)
    .min(1)
    .optional()
    .describe('Several goals at once, in place of train.objective: the result is their Pareto front.'),
  stopper: Stopper.default('none'),
  trials: z.number().int().positive().max(100_000),
  parallel: z.number().int().positive().max(10_000).default(1),
  seed: z.number().int().nonnegative().default(0),
  resource: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('Largest step a trial reaches; what early stopping counts in.'),
  space: searchSpaceSchema,
});
export type SweepSpec = z.infer<typeof SweepSpec>;

export const Gate = z
  .strictObject({
    metric: z.string().min(1),
    min: z.number().optional(),
    max: z.number().optional(),
    notWorseThan: z.literal('production').optional(),
    by: z.number().nonnegative().optional().describe('How much worse than production is still accepted.'),
    goal: z.enum(['minimize', 'maximize']).optional().describe('Which way is better, for notWorseThan.'),
  })
  .refine((gate) => gate.min !== undefined || gate.max !== undefined || gate.notWorseThan !== undefined, {
    message: 'A gate needs min, max or notWorseThan.',
  });
export type Gate = z.infer<typeof Gate>;

const Otherwise = z.enum(['sweep', 'augment', 'propose']);
export const Validate = z.strictObject({
  ...step,
  run: Run,
  gates: z.array(Gate).min(1),
  otherwise: z
    .union([Otherwise, z.array(Otherwise)])
    .default('propose')
    .transform((value) => (Array.isArray(value) ? value : [value])),
});
export type Validate = z.infer<typeof Validate>;

export const Analysis = z.strictObject({
  maxErrorRate: z.number().min(0).max(1).default(0.01),
  maxP95Ratio: z.number().positive().default(1.5),
  minRequests: z.number().int().positive().default(100),
  maxQualityDrop: z.number().positive().optional(),
  minLabels: z.number().int().positive().optional(),
  onInconclusive: z.enum(['wait', 'pass']).default('wait'),
  maxWait: DurationMs.default(86_400_000),
});
export type Analysis = z.infer<typeof Analysis>;

export const RolloutSpec = z.strictObject({
  steps: z
    .array(z.number().min(0).max(100))
    .min(1)
    .default([5, 25, 50, 100])
    .refine((steps) => steps.at(-1) === 100, { message: 'The last step of a rollout is 100.' })
    .refine((steps) => steps.every((weight, i) => i === 0 || weight > steps[i - 1]!), {
      message: 'The steps of a rollout rise.',
    }),
  analysis: Analysis.prefault({}),
});
export type RolloutSpec = z.infer<typeof RolloutSpec>;

export const Serve = z.strictObject({
  ...common,
  framework: z.enum(['fastapi', 'flask']),
  entry: z.string().optional(),
  replicas: z.number().int().positive().max(64).default(1),
  access: z.enum(['private', 'keys', 'open']).default('private'),
  rollout: RolloutSpec.prefault({}),
  scale: z
    .strictObject({ min: z.number().int().min(0), max: z.number().int().positive(), target: z.number().positive() })
    .optional(),
});
export type Serve = z.infer<typeof Serve>;

export const Monitor = z.strictObject({
  sample: z
    .strictObject({
      rate: z.number().min(0).max(1),
      keep: DurationMs.optional(),
      fields: z.array(z.string()).optional(),
      redact: z.array(z.string()).optional(),
    })
    .optional(),
  drift: z
    .strictObject({
      test: z.enum(['psi', 'ks', 'chi2', 'js']),
      threshold: z.number().positive(),
      window: DurationMs,
    })
    .optional(),
  retrain: z
    .strictObject({
      when: z.literal('drift'),
      // biome-ignore lint/suspicious/noThenProperty: the key's name is part of the published format
      then: z.enum(['propose', 'rollout']).default('propose'),
      budget: DurationMs.optional(),
      cooldown: DurationMs.optional(),
      minLabels: z.number().int().nonnegative().optional(),
    })
    .optional(),
});
export type Monitor = z.infer<typeof Monitor>;

export const SlipwayFile = z.strictObject({
  project: Name,
  dataset: z.strictObject({ name: Name, path: z.string().min(1), split: SplitSpec.optional() }).optional(),
  inputs: z.record(z.string().regex(/^[a-z][a-z0-9_]*$/i), z.string()).optional(),
  ...common,
  stages: z.record(z.string().regex(/^[a-z][a-z0-9_-]*$/i), Stage).default({}),
  train: Train.optional(),
  sweep: SweepSpec.optional(),
  validate: Validate.optional(),
  serve: Serve.optional(),
  monitor: Monitor.optional(),
});
export type SlipwayFile = z.infer<typeof SlipwayFile>;

/** The JSON schema of slipway.yaml, as the extension ships it. */
export function slipwayFileJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(SlipwayFile, { io: 'input', target: 'draft-7' }) as Record<string, unknown>;
}
