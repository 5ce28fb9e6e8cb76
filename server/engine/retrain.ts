/** Carries out `monitor.retrain`: a pipeline with the code and parameters of the version in production. Idempotent. */
import type { MonitorState } from '../domain/drift/monitor.ts';
import type { ModelState } from '../domain/lineage/model.ts';
import type { Retraining } from '../domain/pipeline/pipeline.ts';
import type { RunState } from '../domain/run/run.ts';
import { parseVersionRef } from '../protocol/names.ts';
import { readCapturedFile } from './code.ts';
import type { Context } from './context.ts';
import { findVersion } from './datasets.ts';
import { idOf } from './ids.ts';
import { planOf } from './pipelineSteps.ts';

export interface RetrainRequest {
  endpoint: string;
  /** Of the alarm. */
  retraining: string;
  /** NAME@vN of the window's samples. */
  samples: string | null;
  rollsOut: boolean;
}

/** The pipeline of a retraining. */
export function retrainingPipeline(retraining: string): string {
  return idOf('p', `retrain:${retraining}`);
}

/** @returns the pipeline's id, which follows from the retraining's */
export async function startRetraining(context: Context, request: RetrainRequest): Promise<string> {
  const { engine, objects } = context;
  const { endpoint, retraining: id, samples, rollsOut } = request;
  const pipeline = retrainingPipeline(id);
  if (await engine.state('pipeline', pipeline)) return pipeline;
  const monitor = (await engine.state<MonitorState>('monitor', endpoint))!;
  const model = (await engine.state<ModelState>('model', monitor.model))!;
  const version = model.versions.find((one) => one.version === monitor.version)!;
  const { code, folder } = (await engine.state<RunState>('run', version.run))!.spec;
  const file = await readCapturedFile(objects, code.md5);
  const ref = samples === null ? undefined : parseVersionRef(samples);
  const found = ref && (await findVersion(context, ref.name, ref.version));
  const retraining: Retraining = {
    ...{ endpoint, id, params: version.params },
    inputs: found ? [{ name: 'samples', subject: `dataset:${samples}`, md5: found.md5, sha256: found.sha256 }] : [],
  };
  await engine.send('pipeline', pipeline, {
    ...{ type: 'created', id: pipeline, project: file.project, folder, code, retraining },
    steps: planOf(file, false, rollsOut ? 'rollout' : 'model'),
    canSweep: file.sweep !== undefined,
  });
  return pipeline;
}
