/** From slipway.yaml to run specifications: one pure function for each kind of run. */
import type { DatasetVersionState } from '../domain/dataset/dataset.ts';
import type { InputRef, RunSpec } from '../domain/run/run.ts';
import { SlipwayError } from '../protocol/errors.ts';
import type { EnvironmentSpec, ResourceSpec, SlipwayFile } from '../protocol/slipwayFile.ts';
import type { CodeRef } from './code.ts';

const defaultGraceMs = 10_000;

/** What a run reads, once it is known. */
export interface Resolved {
  dataset?: { name: string; version: DatasetVersionState };
  refs: InputRef[];
}

/** A project whose stages are asked for. */
export interface StageContext {
  file: SlipwayFile;
  folder: string;
  code: CodeRef;
  dataset?: Resolved['dataset'];
  pipeline?: string;
}

interface Common {
  environment?: EnvironmentSpec;
  resources?: ResourceSpec;
  env?: Record<string, string>;
  secrets?: string[];
  timeout?: number;
  retries?: number;
  priority?: number;
}

/** What stands at the top of slipway.yaml holds for every step that does not say otherwise; an environment also train's. */
export function commonOf(file: SlipwayFile, step: Common) {
  return {
    environment: step.environment ?? file.environment ?? file.train?.environment,
    resources: { ...file.resources, ...step.resources },
    env: { ...file.env, ...step.env },
    secrets: [...new Set([...(file.secrets ?? []), ...(step.secrets ?? [])])],
    timeoutMs: step.timeout ?? file.timeout,
    retries: step.retries ?? file.retries ?? 0,
    priority: step.priority ?? 0,
  };
}

export interface TrainRequest {
  id: string;
  file: SlipwayFile;
  folder: string;
  code: CodeRef;
  params?: RunSpec['params'];
  title?: string;
  resume?: string;
}

export function trainSpec(request: TrainRequest): RunSpec {
  const { id, file, folder, code, resume } = request;
  const train = file.train;
  if (!train) {
    throw new SlipwayError(
      'yaml.missingKey',
      'slipway.yaml has no `train` step.',
      'Add train: { run: python train.py }.',
    );
  }
  const params = { ...train.params, ...request.params };
  return {
    id,
    project: file.project,
    kind: 'train',
    step: 'train',
    title: request.title ?? `train ${file.project}`,
    folder,
    command: train.run,
    args: train.args,
    params,
    ...commonOf(file, train),
    graceMs: train.checkpoints?.grace ?? defaultGraceMs,
    code,
    inputs: [],
    resolve: true,
    outputs: [],
    collect: train.collect,
    objective: train.objective,
    resume,
  };
}

export function stageSpec(project: StageContext, name: string, inputs: InputRef[]): RunSpec {
  const { file, folder, code, dataset } = project;
  const stage = file.stages[name]!;
  return {
    id: '',
    project: file.project,
    kind: 'stage',
    step: name,
    title: `${name} ${file.project}`,
    folder,
    command: stage.run,
    args: stage.args,
    params: stage.params,
    ...commonOf(file, stage),
    graceMs: defaultGraceMs,
    code,
    dataset: dataset && `${dataset.name}@v${dataset.version.version}`,
    inputs,
    resolve: false,
    outputs: stage.outputs,
    pipeline: project.pipeline,
  };
}

export interface ValidateRequest {
  id: string;
  file: SlipwayFile;
  folder: string;
  code: CodeRef;
  dataset?: string;
  inputs: InputRef[];
}

export function validateSpec({ id, file, folder, code, dataset, inputs }: ValidateRequest): RunSpec {
  const validate = file.validate;
  if (!validate) {
    const hint = 'Add validate: { run: python evaluate.py, gates: [ { metric: test/accuracy, min: 0.9 } ] }.';
    throw new SlipwayError('yaml.missingKey', 'slipway.yaml has no `validate` step.', hint);
  }
  return {
    id,
    project: file.project,
    kind: 'validate',
    step: 'validate',
    title: `validate ${file.project}`,
    folder,
    command: validate.run,
    args: validate.args,
    params: validate.params,
    ...commonOf(file, validate),
    graceMs: defaultGraceMs,
    code,
    dataset,
    inputs,
    resolve: false,
    outputs: [],
  };
}

/** A program of the user's, without a slipway.yaml. */
export function programSpec(request: {
  id: string;
  project: string;
  folder: string;
  code: CodeRef;
  command: string[];
  title?: string;
}): RunSpec {
  const { id, project, folder, code, command } = request;
  return {
    id,
    project,
    kind: 'program',
    step: 'program',
    title: request.title ?? command.join(' ').slice(0, 80),
    folder,
    command,
    args: 'none',
    params: {},
    env: {},
    resources: {},
    graceMs: defaultGraceMs,
    retries: 0,
    priority: 0,
    code,
    inputs: [],
    resolve: false,
    outputs: [],
  };
}
