/** The steps of a pipeline: each makes sure of one thing and says whether it was there already. */
import { baseId, type PipelineState } from '../domain/pipeline/pipeline.ts';
import { SlipwayError } from '../protocol/errors.ts';
import { stageOrder } from '../protocol/parseSlipwayFile.ts';
import type { SlipwayFile } from '../protocol/slipwayFile.ts';
import { readCapturedFile } from './code.ts';
import type { Context } from './context.ts';
import { addVersion, findVersion, makeSplit } from './datasets.ts';
import type { AnyEvent, Delivery } from './engine.ts';
import { ensureStage, isStageCached } from './prepareRun.ts';
import type { StageContext } from './runSpecs.ts';
import { createRelease, createSweep, createTraining, createValidation } from './starts.ts';

/** The steps of a project in order. `search` looks for a model by the sweep instead of one training run. */
export function planOf(file: SlipwayFile, search: boolean, until = 'rollout'): string[] {
  const order = ['dataset', 'split', 'stages', 'train', 'validate', 'model', 'rollout'];
  const wanted = (step: string) => order.indexOf(step) <= order.indexOf(until);
  const steps: string[] = [];
  if (file.dataset && wanted('dataset')) steps.push('dataset');
  if (file.dataset?.split && wanted('split')) steps.push('split');
  if (wanted('stages')) steps.push(...stageOrder(file.stages).map((name) => `stage:${name}`));
  if (file.train && wanted('train')) steps.push(search ? 'sweep' : 'train');
  if (file.train && file.validate && wanted('validate')) steps.push('validate');
  if (file.train && file.validate && wanted('model')) steps.push('model');
  if (file.train && file.validate && file.serve && wanted('rollout')) steps.push('rollout');
  return steps;
}

/** Carries out `pipeline.step`. @throws SlipwayError when the step cannot be done */
export async function runPipelineStep(
  context: Context,
  id: string,
  step: string,
  signal: AbortSignal,
): Promise<Delivery[]> {
  const state = (await context.engine.state<PipelineState>('pipeline', id))!;
  const { code } = state;
  const file = await readCapturedFile(context.objects, code.md5);
  const deliver = (event: AnyEvent): Delivery[] => [{ kind: 'pipeline', id, event: { ...event, step } }];
  const parent = { kind: 'pipeline', id };
  const project = { file, folder: state.folder, code, pipeline: id };
  const name = baseId(step);

  if (name === 'dataset') {
    const { dataset } = file;
    const path = dataset!.path.startsWith('/') ? dataset!.path : `${state.folder}/${dataset!.path}`;
    const added = await addVersion(context, { name: dataset!.name, path, project: file.project, signal });
    const subject = `${dataset!.name}@v${added.version.version}`;
    const { files, bytes } = added.version;
    const detail = `${subject} · ${files} files · ${size(bytes)}`;
    return deliver({ type: 'stepDone', subject, cached: !added.isNew, detail });
  }
  if (name === 'split') {
    const { name: dataset, split } = file.dataset!;
    const before = await findVersion(context, dataset);
    const after = await makeSplit(context, dataset, before, split!, file.project);
    const { train, test, leakage } = after.split!;
    const detail = `train ${train} · test ${test} · ${leakage.verdict === 'none' ? 'no leakage' : `leakage: ${leakage.exact + leakage.groups}`}`;
    return deliver({
      type: 'stepDone',
      subject: `${dataset}@v${after.version}`,
      cached: before.split?.sha256 === after.split!.sha256,
      detail,
    });
  }
  if (name.startsWith('stage:')) {
    const stage = name.slice('stage:'.length);
    const stageProject: StageContext = { ...project, dataset: await latestDataset(context, file) };
    const cached = await isStageCached(context, stageProject, stage);
    const run = await ensureStage(context, stageProject, stage);
    const files = run.collected?.outputs.reduce((sum, output) => sum + output.files, 0) ?? 0;
    return deliver({ type: 'stepDone', subject: run.spec.id, cached, detail: `${files} files` });
  }
  if (name === 'train') {
    const { params, inputs } = state.retraining ?? {};
    const run = await createTraining(context, { ...project, id: `${id}-train`, parent, params, inputs });
    return deliver({ type: 'stepStarted', subject: run, detail: '' });
  }
  if (name === 'sweep') {
    const sweep = await createSweep(context, { ...project, id: `${id}-sweep`, parent });
    return deliver({ type: 'stepStarted', subject: sweep, detail: '' });
  }
  if (name === 'validate') {
    const run = await candidateOf(context, state);
    const validation = `${id}-${step.replace('#', '-')}`;
    // The pipeline waits for this id before the validation can tell it anything.
    await context.engine.deliver(deliver({ type: 'stepStarted', subject: validation, detail: `judges ${run}` }));
    await createValidation(context, { ...project, id: validation, run, register: true, parent });
    return [];
  }
  if (name === 'model') return [];
  if (name === 'rollout') {
    const model = state.steps.find((one) => baseId(one.id) === 'model' && one.status === 'done')?.subject;
    if (!model)
      throw new SlipwayError(
        'pipeline.noModel',
        'There is no model version to roll out.',
        'Run the pipeline from training.',
      );
    const rollout = `${id}-rollout`;
    await context.engine.deliver(deliver({ type: 'stepStarted', subject: rollout, detail: model }));
    await createRelease(context, { id: rollout, model, parent });
    return [];
  }
  throw new Error(`no pipeline step ${step}`);
}

/** Bytes for people: 252 kB, 1.4 MB. */
function size(bytes: number): string {
  const [unit, factor] = bytes < 1e6 ? ['kB', 1e3] : bytes < 1e9 ? ['MB', 1e6] : ['GB', 1e9];
  return `${Number((bytes / Number(factor)).toPrecision(3))} ${unit}`;
}

async function latestDataset(context: Context, file: SlipwayFile): Promise<StageContext['dataset']> {
  return file.dataset && { name: file.dataset.name, version: await findVersion(context, file.dataset.name) };
}

/** The run whose model is judged: of the last training or sweep that is done. */
async function candidateOf(context: Context, state: PipelineState): Promise<string> {
  const last = state.steps.findLast((step) => (step.id === 'train' || step.id === 'sweep') && step.status === 'done');
  if (last?.id === 'train') return last.subject!;
  const entity = await context.engine.store.read.entity('sweeps', last!.subject!);
  const best = (entity?.data as { best?: { run: string } } | undefined)?.best;
  if (!best) throw new SlipwayError('sweep.noBest', 'The sweep has no best trial.', 'Look at its trials.');
  return best.run;
}
