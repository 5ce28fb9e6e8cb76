/** Creating runs, sweeps, validations and rollouts from a captured project. The same id twice is one thing. */

import type { EndpointState } from '../domain/endpoint/endpoint.ts';
import { type ModelState, presentVersions } from '../domain/lineage/model.ts';
import type { Candidate } from '../domain/lineage/validation.ts';
import type { ReleaseState } from '../domain/rollout/release.ts';
import { isEnded } from '../domain/rollout/rollout.ts';
import { hasEnded, type InputRef, type RunState } from '../domain/run/run.ts';
import type { Goal, SweepSpec } from '../domain/sweep/state.ts';
import { SlipwayError } from '../protocol/errors.ts';
import { parseVersionRef } from '../protocol/names.ts';
import type { SlipwayFile } from '../protocol/slipwayFile.ts';
import { type CodeRef, readCapturedFile } from './code.ts';
import type { Context } from './context.ts';
import { knownTrials } from './knownTrials.ts';
import { commonOf, trainSpec, validateSpec } from './runSpecs.ts';

interface Captured {
  id: string;
  file: SlipwayFile;
  folder: string;
  code: CodeRef;
  parent?: { kind: string; id: string };
}

export interface TrainingRequest extends Captured {
  params?: Record<string, string | number | boolean>;
  title?: string;
  resume?: string;
  /** Further inputs: the samples of a retraining. */
  inputs?: InputRef[];
}

/** @returns the run's id */
export async function createTraining(context: Context, request: TrainingRequest): Promise<string> {
  const { id, parent } = request;
  const plain = trainSpec(request);
  const inputs = [...plain.inputs, ...(request.inputs ?? [])];
  const spec = { ...plain, inputs, parent, pipeline: parent?.kind === 'pipeline' ? parent.id : undefined };
  await context.engine.send('run', id, { type: 'created', spec });
  return id;
}

export interface SweepRequest extends Captured {
  trials?: number;
  parallel?: number;
  seed?: number;
  title?: string;
  /** What it begins from: sweeps, or `receipts`. */
  from?: string[];
}

/** @returns the sweep's id */
export async function createSweep(context: Context, request: SweepRequest): Promise<string> {
  const { id, file, folder, code, parent } = request;
  if (!file.sweep) {
    const hint = 'Add sweep: { trials: 20, space: { lr: { log: [0.0001, 0.1] } } }.';
    throw new SlipwayError('yaml.missingKey', 'slipway.yaml has no `sweep`.', hint);
  }
  const template = trainSpec({ id: `${id}-template`, file, folder, code });
  const goals = file.sweep.objectives ?? (template.objective ? [template.objective] : []);
  if (goals.length === 0) {
    throw new SlipwayError(
      'sweep.noObjective',
      'A sweep needs train.objective or sweep.objectives: what its trials are compared by.',
      'Add objective: { metric: val/accuracy, goal: maximize } to train.',
    );
  }
  const epochs = Number(template.params['epochs'] ?? 81);
  const search = { ...file.sweep, trials: request.trials ?? file.sweep.trials };
  const { parallel = search.parallel, seed = search.seed } = request;
  const spec = searchSpec(id, { ...search, parallel, seed }, { goals, epochs, retries: template.retries });
  const known = request.from?.length ? await knownTrials(context, file.project, spec, request.from) : undefined;
  const title = request.title ?? Object.keys(spec.space).join(' × ');
  await context.engine.send('sweep', id, {
    type: 'created',
    id,
    project: file.project,
    folder,
    title,
    spec: { ...spec, known },
    template: { ...template, objective: goals[0] },
    parent,
  });
  return id;
}

/** What stands under `sweep:`, as a sweep's specification. `epochs`: the last step of a trial, where nothing says it. */
export function searchSpec(
  name: string,
  search: NonNullable<SlipwayFile['sweep']>,
  { goals, epochs, retries }: { goals: readonly Goal[]; epochs: number; retries: number },
): SweepSpec {
  const { sampler, multivariate, stopper, trials, parallel, seed, resource, space } = search;
  return {
    name,
    space,
    sampler: sampler === 'tpe' ? { type: sampler, multivariate } : { type: sampler },
    stopper: stopperSpec(stopper, resource ?? epochs),
    goals,
    trials,
    parallel,
    seed,
    retries,
  };
}

function stopperSpec(given: NonNullable<SlipwayFile['sweep']>['stopper'], maxResource: number): SweepSpec['stopper'] {
  if (given === 'none') return null;
  const stopper = typeof given === 'string' ? { type: given } : given;
  // Nobody is stopped at the last step, where a trial ends by itself.
  if (stopper.type === 'hyperband' || stopper.type === 'asha') return { ...stopper, type: stopper.type, maxResource };
  return stopper as Exclude<SweepSpec['stopper'], null>;
}

export interface ValidationRequest extends Captured {
  /** The run whose model is judged. */
  run: string;
  register: boolean;
}

/** @returns the validation's id @throws SlipwayError `run.unknown`, `run.notEnded`, `run.noModel` */
export async function createValidation(context: Context, request: ValidationRequest): Promise<string> {
  const { id, file, folder, code, parent } = request;
  const candidate = await candidateOf(context, request.run, file.project);
  const { name, digests, run } = candidate;
  const { gates, otherwise } = file.validate ?? { gates: [], otherwise: [] };
  const state = (await context.engine.state<RunState>('run', run))!;
  const inputs = [...(state.prepared?.refs ?? []), { name: 'model', subject: `output:${run}/model`, ...digests }];
  const spec = validateSpec({ id: `${id}-run`, file, folder, code, dataset: candidate.dataset, inputs });
  const models = await context.engine.state<ModelState>('model', name);
  const inProduction = models && presentVersions(models).find((one) => one.version === models.aliases['production']);
  const production = inProduction && { model: `${name}@v${inProduction.version}`, metrics: inProduction.metrics };
  const event = { type: 'created', id, project: file.project, candidate, gates, otherwise, register: request.register };
  await context.engine.send('validation', id, { ...event, run: spec, parent, production });
  return id;
}

async function candidateOf(context: Context, id: string, model: string): Promise<Candidate> {
  const run = await context.engine.state<RunState>('run', id);
  if (!run || run.isDeleted)
    throw new SlipwayError('run.unknown', `The run ${id} does not exist.`, 'See `slipway run list`.', 404);
  if (!hasEnded(run.status)) {
    throw new SlipwayError('run.notEnded', `The run ${id} is ${run.status}.`, 'Validate it when it has ended.', 409);
  }
  const output = run.collected?.outputs.find((one) => one.name === 'model');
  if (!output) {
    throw new SlipwayError(
      'run.noModel',
      `The run ${id} left no model.`,
      'Write it to $SLIPWAY_OUTPUT/model, or name it under train.collect.model.',
    );
  }
  return {
    run: id,
    name: model,
    digests: output.digests,
    files: output.files,
    bytes: output.bytes,
    params: run.spec.params,
    metrics: run.collected!.metrics,
    dataset: run.prepared?.dataset,
    folder: run.spec.folder,
  };
}

export interface ReleaseRequest {
  id: string;
  /** NAME@vN */
  model: string;
  /** Why all of the traffic goes there at once: a rollback skips the steps. */
  atOnce?: string;
  parent?: { kind: string; id: string };
}

/** Starts a rollout; one in progress on the same endpoint is superseded. @returns the rollout's id */
export async function createRelease(context: Context, request: ReleaseRequest): Promise<string> {
  const { engine, objects } = context;
  const ref = parseVersionRef(request.model);
  const model = ref && (await engine.state<ModelState>('model', ref.name));
  const present = model ? presentVersions(model) : [];
  const number = ref?.version ?? present.at(-1)?.version;
  const version = present.find((one) => one.version === number);
  if (!ref || !model || !version) {
    throw new SlipwayError(
      'model.unknown',
      `The model version ${request.model} does not exist.`,
      'See `slipway model list`.',
      404,
    );
  }
  if (await engine.state('rollout', request.id)) return request.id;
  const run = (await engine.state<RunState>('run', version.run))!;
  const { code } = run.spec;
  const file = await readCapturedFile(objects, code.md5);
  if (!file.serve) {
    const hint = 'Add serve: { framework: fastapi, entry: serve.py }, train again and register the model.';
    throw new SlipwayError('yaml.missingKey', `The code of ${request.model} has no \`serve\` step.`, hint);
  }
  const endpoint = model.name;
  const before = await engine.state<EndpointState>('endpoint', endpoint);
  await supersede(context, before);
  const to = `v${version.version}`;
  const from = await servingRevision(context, endpoint, to);
  const { steps, analysis } = file.serve.rollout;
  const { environment, env, secrets } = commonOf(file, file.serve);
  const [receipt] = await engine.store.read.receipts({ subject: `model:${model.name}@${to}`, limit: 1 });
  const { maxErrorRate, maxP95Ratio, minRequests, onInconclusive, maxWait } = analysis;
  const { maxQualityDrop = null, minLabels = 1000 } = analysis;
  const spec = {
    id: request.id,
    endpoint,
    model: model.name,
    from,
    to,
    steps: request.atOnce !== undefined || from === null ? [100] : steps,
    analysis: {
      ...{ maxErrorRate, maxP95Ratio, minRequests, maxQualityDrop, minLabels },
      ...{ onInconclusive, maxWaitMs: maxWait },
    },
    atOnce: request.atOnce,
    inputs: [{ name: `model:${model.name}@${to}`, digest: version.digests }],
  };
  const { framework, entry, replicas, access } = file.serve;
  const plan = {
    framework,
    entry,
    code: code.md5,
    environment,
    env,
    secrets,
    folder: run.spec.folder,
    model: version.digests.md5,
    receipt: receipt?.id ?? '',
    replicas,
    sample: file.monitor?.sample,
  };
  await engine.send('rollout', request.id, {
    type: 'created',
    project: model.project,
    version: version.version,
    digests: version.digests,
    parent: request.parent,
    spec,
    plan,
    access,
  });
  return request.id;
}

async function supersede(context: Context, endpoint: EndpointState | undefined): Promise<void> {
  const id = endpoint?.rollout?.id;
  const state = id === undefined ? undefined : await context.engine.state<ReleaseState>('rollout', id);
  if (id !== undefined && state && !isEnded(state.rollout))
    await context.engine.send('rollout', id, { type: 'superseded' });
}

/** The revision that has the traffic now; null where there is none, or where it is the one that is rolled out. */
async function servingRevision(context: Context, endpoint: string, to: string): Promise<string | null> {
  const state = await context.engine.state<EndpointState>('endpoint', endpoint);
  const serving = Object.values(state?.revisions ?? {}).filter(
    (revision) => revision.weight > 0 && revision.status !== 'retired',
  );
  const [most] = serving.toSorted((a, b) => b.weight - a.weight);
  if (most?.name === to) {
    throw new SlipwayError('rollout.alreadyServing', `${to} serves already.`, 'Choose another model version.', 409);
  }
  return most?.name ?? null;
}
