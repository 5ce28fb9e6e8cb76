/** Starting a run: its folder, its inputs, its variables, and the workload under the runtime. Idempotent. */
import { cp, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandOf } from '../domain/run/command.ts';
import type { InputRef, RunState } from '../domain/run/run.ts';
import { checkout, materialize } from '../objects/index.ts';
import { parseVersionRef } from '../protocol/names.ts';
import type { Workload } from '../runtimes/index.ts';
import { readFolder } from './bytes.ts';
import type { Context } from './context.ts';
import { findVersion, folderOf, readSplit } from './datasets.ts';
import { type RunFolder, runFolder, workloadId } from './runFolder.ts';
import { secretFiles } from './secrets.ts';

/** Carries out `run.launch`. @throws SlipwayError when the disk is full or an object is missing */
export async function launchRun(context: Context, state: RunState, attempt: number, gpus: number[]): Promise<void> {
  const { spec, prepared } = state;
  const folder = runFolder(context.folders.runs, spec.id);
  await mkdir(folder.root, { recursive: true, mode: 0o700 });
  for (const path of [folder.output, folder.logs, folder.checkpoints]) await mkdir(path, { recursive: true });
  await checkOutCode(context, spec.code.md5, folder);
  if (spec.resume && attempt === 1) await bringCheckpoints(context, spec.resume, folder, spec.collect?.checkpoints);
  await writeFile(folder.params, `${JSON.stringify(spec.params, null, 2)}\n`);
  const variables = await inputVariables(context, prepared?.dataset, prepared?.refs ?? [], folder);
  const workload: Workload = {
    id: workloadId(spec.id, attempt),
    kind: 'run',
    command: commandOf(spec.command, spec.args, spec.params),
    cwd: folder.work,
    gpus,
    env: {
      ...(prepared?.environment ? environmentVariables(prepared.environment.bin, context.env) : {}),
      ...spec.env,
      ...trackingVariables(context, spec.id, spec.env),
      ...variables,
      SLIPWAY_RUN: spec.id,
      SLIPWAY_PARAMS: folder.params,
      SLIPWAY_LOGDIR: folder.logs,
      SLIPWAY_OUTPUT: folder.output,
      SLIPWAY_CHECKPOINTS: folder.checkpoints,
      SLIPWAY_METRICS: folder.metrics,
      SLIPWAY_SHARD_INDEX: '0',
      SLIPWAY_SHARD_COUNT: '1',
      // A GPU that was not given is not seen: https://docs.nvidia.com/cuda/cuda-c-programming-guide (CUDA_VISIBLE_DEVICES).
      CUDA_VISIBLE_DEVICES: gpus.join(','),
    },
    secretFiles: await secretFiles(context.folders.secrets, spec.secrets),
    timeoutMs: spec.timeoutMs,
    graceMs: spec.graceMs,
  };
  await context.runtime.start(workload);
}

/**
 * A program that logs by MLflow logs here where its environment says `MLFLOW_TRACKING_URI: slipway`; nobody's is led
 * here unasked, because a client waits for a control plane that is away.
 */
function trackingVariables({ tracking }: Context, run: string, env: Record<string, string>): Record<string, string> {
  if (env['MLFLOW_TRACKING_URI'] !== 'slipway' || !tracking) return {};
  return { MLFLOW_TRACKING_URI: tracking.url, MLFLOW_TRACKING_TOKEN: tracking.tokenOf(run), MLFLOW_RUN_ID: run };
}

/** The environment's `bin` is first on PATH. Python writes its output at once, so that logs stream. */
export function environmentVariables(bin: string, env: NodeJS.ProcessEnv): Record<string, string> {
  return { PATH: `${bin}:${env['PATH'] ?? '/usr/bin:/bin'}`, VIRTUAL_ENV: join(bin, '..'), PYTHONUNBUFFERED: '1' };
}

async function checkOutCode(context: Context, code: string, folder: RunFolder): Promise<void> {
  // The working folder belongs to all attempts: what an earlier one wrote there is how programs resume.
  if (await isThere(folder.work)) return;
  const entries = await readFolder(context.objects, code);
  const recordFolder = join(folder.root, 'checkout');
  await checkout({
    storeRoot: context.folders.objects,
    entries,
    to: folder.work,
    recordFolder,
    signal: context.signal,
  });
}

async function inputVariables(context: Context, dataset: string | undefined, refs: InputRef[], folder: RunFolder) {
  const variables: Record<string, string> = {};
  const ref = dataset === undefined ? undefined : parseVersionRef(dataset);
  if (ref) {
    const version = await findVersion(context, ref.name, ref.version);
    variables['SLIPWAY_DATASET'] = await folderOf(context, version);
    const split = await readSplit(context, version);
    if (split) {
      await writeFile(folder.split, JSON.stringify({ train: split.train, test: split.test, folds: split.folds }));
      variables['SLIPWAY_SPLIT'] = folder.split;
    }
  }
  for (const { name, md5 } of refs) {
    const entries = await readFolder(context.objects, md5);
    const path = await materialize(
      context.folders.objects,
      entries,
      `${md5}.dir`,
      context.folders.cache,
      context.signal,
    );
    variables[`SLIPWAY_INPUT_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`] = path;
  }
  return variables;
}

/** The checkpoints of an earlier run, where this one's program looks for its own. */
async function bringCheckpoints(
  context: Context,
  from: string,
  folder: RunFolder,
  patterns: string[] = [],
): Promise<void> {
  const source = runFolder(context.folders.runs, from);
  // One that ended before it began has none.
  if (await isThere(source.checkpoints))
    await cp(source.checkpoints, folder.checkpoints, { recursive: true, force: false });
  for (const top of new Set(patterns.map((pattern) => pattern.split('/')[0]!).filter((part) => !/[*?[]/.test(part)))) {
    if (await isThere(join(source.work, top))) {
      await cp(join(source.work, top), join(folder.work, top), { recursive: true, force: false });
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Whether a folder, or one below it, holds a file. */
export async function hasFiles(path: string): Promise<boolean> {
  return readdir(path, { recursive: true, withFileTypes: true }).then(
    (entries) => entries.some((entry) => !entry.isDirectory()),
    () => false,
  );
}
