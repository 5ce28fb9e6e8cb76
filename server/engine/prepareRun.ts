/**
 * Preparing a run: making sure of the dataset version, the split, the stages it needs and the environment, before
 * anything is queued. Everything found is known by digest, so that doing it twice is doing it once.
 */
import {
  hasEnded,
  type InputRef,
  type Prepared,
  type ReceiptInput,
  type RunSpec,
  type RunState,
} from '../domain/run/run.ts';
import { SlipwayError } from '../protocol/errors.ts';
import { parseVersionRef } from '../protocol/names.ts';
import { stageOrder } from '../protocol/parseSlipwayFile.ts';
import type { EnvironmentSpec, SlipwayFile } from '../protocol/slipwayFile.ts';
import { type BuiltEnvironment, buildEnvironment, findUv, lockEnvironment } from '../runtimes/environments/index.ts';
import { readCapturedFile, readCapturedText } from './code.ts';
import type { Context } from './context.ts';
import { addVersion, findVersion, makeSplit } from './datasets.ts';
import { idOf } from './ids.ts';
import { type Resolved, type StageContext, stageSpec } from './runSpecs.ts';
import { secretFiles } from './secrets.ts';
import { waitForState } from './wait.ts';

/** Carries out `run.prepare`. @throws SlipwayError when something the run needs cannot be had */
export async function prepareRun(context: Context, spec: RunSpec): Promise<Prepared> {
  // What is not there fails before anything is made or queued.
  await secretFiles(context.folders.secrets, spec.secrets);
  const resolved = spec.resolve ? await resolveNeeds(context, spec) : await resolveGiven(context, spec);
  const environment = await prepareEnvironment(context, spec.environment, spec.code.md5, spec.folder);
  const inputs: ReceiptInput[] = [];
  const { dataset, refs } = resolved;
  if (dataset) {
    const id = `${dataset.name}@v${dataset.version.version}`;
    const { md5, sha256, split } = dataset.version;
    inputs.push({ name: `dataset:${id}`, digest: { md5, sha256 } });
    if (split) inputs.push({ name: `split:${id}`, digest: { md5: split.md5, sha256: split.sha256 } });
  }
  for (const ref of refs) inputs.push({ name: ref.subject, digest: { md5: ref.md5, sha256: ref.sha256 } });
  inputs.push({ name: 'code', digest: { md5: spec.code.md5, sha256: spec.code.sha256 } });
  if (environment) inputs.push({ name: 'environment', digest: { sha256: environment.digest } });
  return {
    environment,
    dataset: dataset && `${dataset.name}@v${dataset.version.version}`,
    refs,
    inputs,
  };
}

/** The environment of a step, locked and built; undefined where the step names none and runs with what the PATH has. */
export async function prepareEnvironment(
  context: Context,
  spec: EnvironmentSpec | undefined,
  code: string,
  folder: string,
): Promise<Prepared['environment']> {
  if (!spec) return undefined;
  if (spec.image || spec.cuda || spec.conda) {
    const what = spec.image ? 'image' : spec.cuda ? 'cuda' : 'conda';
    throw new SlipwayError(
      'environment.needsCluster',
      `environment.${what} cannot be provided on this machine.`,
      'Use python: and requirements: here, or run on a cluster.',
    );
  }
  const requirements = spec.requirements ? await readCapturedText(context.objects, code, spec.requirements) : undefined;
  if (spec.requirements && requirements === undefined) {
    throw new SlipwayError(
      'environment.noRequirements',
      `The requirements file ${spec.requirements} is not in the project, or is left out by .gitignore.`,
      'Create it, or correct environment.requirements.',
    );
  }
  const root = context.folders.environments;
  const packages = Object.entries(spec.libraries ?? {}).map(([name, version]) => `${name}==${version}`);
  const onProgress = (line: string) => context.log('info', `environment: ${line}`);
  const uv = await findUv({ root, env: context.env, onProgress, signal: context.signal });
  const request = { root, uv, folder, onProgress, signal: context.signal };
  const lock = await lockEnvironment({ python: spec.python, requirements, packages }, request);
  const built: BuiltEnvironment = await buildEnvironment(lock, request);
  const count = Object.keys(lock.packages).length;
  return {
    digest: lock.digest,
    python: built.python,
    bin: built.bin,
    label: `Python ${lock.python}, ${count} packages`,
  };
}

async function resolveGiven(context: Context, spec: RunSpec): Promise<Resolved> {
  const ref = spec.dataset === undefined ? undefined : parseVersionRef(spec.dataset);
  const dataset = ref && { name: ref.name, version: await findVersion(context, ref.name, ref.version) };
  return { dataset, refs: spec.inputs };
}

async function resolveNeeds(context: Context, spec: RunSpec): Promise<Resolved> {
  const file = await readCapturedFile(context.objects, spec.code.md5);
  const dataset = await ensureDataset(context, file, spec.folder);
  const needed = neededStages(file, spec.step);
  const refs = [...spec.inputs];
  for (const stage of needed) {
    const ended = await ensureStage(context, { file, folder: spec.folder, code: spec.code, dataset }, stage);
    refs.push(...outputsOf(ended));
  }
  return { dataset, refs };
}

/** The stages a step needs by name; train and validate need all unless they name some. */
export function neededStages(file: SlipwayFile, step: string): string[] {
  if (step === 'train') return file.train?.needs ?? stageOrder(file.stages);
  if (step === 'validate') return file.validate?.needs ?? stageOrder(file.stages);
  return file.stages[step]?.needs ?? [];
}

/** The version of what the project's dataset path holds now, split as slipway.yaml says. */
export async function ensureDataset(context: Context, file: SlipwayFile, folder: string): Promise<Resolved['dataset']> {
  if (!file.dataset) return undefined;
  const { name, path, split } = file.dataset;
  const { version } = await addVersion(context, {
    name,
    path: path.startsWith('/') ? path : `${folder}/${path}`,
    project: file.project,
    signal: context.signal,
  });
  return { name, version: split ? await makeSplit(context, name, version, split, file.project) : version };
}

/**
 * The run of a stage on these very inputs: the one that succeeded already, or a new one, waited for.
 * @throws SlipwayError `stage.failed`
 */
export async function ensureStage(context: Context, project: StageContext, name: string): Promise<RunState> {
  const stage = project.file.stages[name]!;
  const refs: InputRef[] = [];
  for (const needed of stage.needs ?? []) refs.push(...outputsOf(await ensureStage(context, project, needed)));
  const spec = stageSpec(project, name, refs);
  for (let round = 0; ; round++) {
    const id = round === 0 ? stageRunId(spec) : `${stageRunId(spec)}-${round}`;
    const known = await context.engine.state<RunState>('run', id);
    if (known && hasEnded(known.status) && (known.status !== 'succeeded' || known.isDeleted)) continue;
    if (!known) await context.engine.send('run', id, { type: 'created', spec: { ...spec, id } });
    const ended = await waitForState<RunState>(
      context.engine,
      'run',
      id,
      (run) => hasEnded(run.status),
      context.signal,
    );
    if (ended.status === 'succeeded') return ended;
    throw new SlipwayError(
      'stage.failed',
      `The stage ${name} ${ended.status}: ${ended.reason}`,
      `See slipway run logs ${id}.`,
    );
  }
}

/** Whether a stage has been computed on these inputs before; then it is not computed again. */
export async function isStageCached(context: Context, project: StageContext, name: string): Promise<boolean> {
  const refs: InputRef[] = [];
  for (const needed of project.file.stages[name]!.needs ?? []) {
    if (!(await isStageCached(context, project, needed))) return false;
    refs.push(...outputsOf(await ensureStage(context, project, needed)));
  }
  const known = await context.engine.state<RunState>('run', stageRunId(stageSpec(project, name, refs)));
  return known?.status === 'succeeded' && !known.isDeleted;
}

/** What goes into a stage decides its id: the same inputs are never computed twice. */
function stageRunId(spec: RunSpec): string {
  const { step, command, args, params, environment, env, secrets, code, dataset, inputs, outputs } = spec;
  const made = inputs.map(({ name, sha256 }) => ({ name, sha256 }));
  return idOf('s', {
    project: spec.project,
    step,
    command,
    args,
    params,
    environment,
    env,
    // Absent where there are none, so that what was cached before there were any stays cached.
    secrets: secrets?.length ? secrets : undefined,
    code: code.sha256,
    dataset,
    made,
    outputs,
  });
}

function outputsOf(stage: RunState): InputRef[] {
  return (stage.collected?.outputs ?? []).map((output) => ({
    name: output.name,
    subject: `output:${stage.spec.id}/${output.name}`,
    ...output.digests,
  }));
}
