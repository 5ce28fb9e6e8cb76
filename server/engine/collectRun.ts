/** After a run's program has ended: outputs into the store, metrics, the objective, and the exception if there was one. */
import { cp, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { lastException } from '../domain/run/exception.ts';
import type { Collected, RunException, RunOutput, RunSpec } from '../domain/run/run.ts';
import { exportScalars } from '../metrics/index.ts';
import { addFolder } from '../objects/index.ts';
import type { Float } from '../protocol/entities.ts';
import { storeFolder } from './bytes.ts';
import type { Context } from './context.ts';
import { hasFiles } from './launchRun.ts';
import { type RunFolder, runFolder, workloadId } from './runFolder.ts';

/** Carries out `run.collect`; reads only, apart from the store, so that doing it twice is doing it once. */
export async function collectRun(context: Context, spec: RunSpec, attempt: number): Promise<Collected> {
  const folder = runFolder(context.folders.runs, spec.id);
  const written = await scalarsOf(folder);
  const reported = await reportedMetrics(spec, folder);
  const metrics = { ...written, ...reported.metrics };
  return {
    outputs: await collectOutputs(context, spec, folder),
    metrics,
    objective: spec.objective && objectiveOf(spec.objective.metric, metrics, reported.problem),
    exception: await exceptionOf(context, spec.id, attempt, folder),
  };
}

function objectiveOf(metric: string, metrics: Record<string, Float>, problem: string | undefined): Collected['objective'] {
  const value = metrics[metric];
  if (value !== undefined) return { value };
  if (problem) return { missing: `It reported no ${metric}: ${problem}.` };
  const wrote = Object.keys(metrics).slice(0, 12).join(', ');
  return { missing: `It wrote no ${metric}; it wrote: ${wrote || 'no metrics at all'}.` };
}

/** The last value of each scalar tag in the event files of the run's log folder and working folder. */
async function scalarsOf(folder: RunFolder): Promise<Record<string, Float>> {
  const metrics: Record<string, Float> = {};
  for (const logdir of [folder.work, folder.logs]) {
    const { runs } = await exportScalars(logdir);
    for (const { tags } of runs) {
      for (const [tag, series] of Object.entries(tags)) {
        const last = series.values.at(-1);
        if (last !== undefined) metrics[tag] = last;
      }
    }
  }
  return metrics;
}

/** SLIPWAY_METRICS, or the file that `collect.metrics` names. */
async function reportedMetrics(spec: RunSpec, folder: RunFolder): Promise<{ metrics: Record<string, Float>; problem?: string }> {
  const paths = [folder.metrics, ...(spec.collect?.metrics ? [join(folder.work, spec.collect.metrics)] : [])];
  for (const path of paths) {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw error;
    }
    try {
      return { metrics: parseMetrics(text) };
    } catch (error) {
      return { metrics: {}, problem: `${basename(path)} is not JSON (${(error as Error).message})` };
    }
  }
  return { metrics: {} };
}

/** JSON as Python writes it: bare NaN and Infinity are numbers. Numbers in nested objects are named with slashes. */
export function parseMetrics(text: string): Record<string, Float> {
  const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) => (token.startsWith('"') ? token : `"${token}"`));
  const metrics: Record<string, Float> = {};
  const visit = (value: unknown, name: string) => {
    if (typeof value === 'number') metrics[name] = value;
    else if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') metrics[name] = value;
    else if (typeof value === 'boolean') metrics[name] = value ? 1 : 0;
    else if (value && typeof value === 'object' && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) visit(inner, name ? `${name}/${key}` : key);
    }
  };
  visit(JSON.parse(quoted), '');
  return metrics;
}

async function collectOutputs(context: Context, spec: RunSpec, folder: RunFolder): Promise<RunOutput[]> {
  if (spec.collect?.model) await bringModel(folder, spec.collect.model);
  if (!(await hasFiles(folder.output))) return [];
  const added = await addFolder({
    path: folder.output,
    storeRoot: context.folders.objects,
    statIndexFile: context.statIndexFile,
    workerPath: context.hashWorkerPath,
    signal: context.signal,
  });
  const groups = new Map<string, typeof added.entries>();
  for (const entry of added.entries) {
    // What lies in a folder of the output belongs to the output of that name; loose files are the output `files`.
    const slash = entry.relpath.indexOf('/');
    const [name, relpath] = slash < 0 ? ['files', entry.relpath] : [entry.relpath.slice(0, slash), entry.relpath.slice(slash + 1)];
    groups.set(name, [...(groups.get(name) ?? []), { ...entry, relpath }]);
  }
  const outputs: RunOutput[] = [];
  for (const [name, entries] of groups) {
    const { md5, sha256, files, bytes } = await storeFolder(context.objects, entries);
    outputs.push({ name, digests: { md5, sha256 }, files, bytes });
  }
  return outputs.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** `collect.model` names a file or folder of the program's own; it becomes the output `model`. */
async function bringModel(folder: RunFolder, model: string): Promise<void> {
  const source = join(folder.work, model);
  const stats = await stat(source).catch(() => null);
  if (!stats) return;
  const target = join(folder.output, 'model');
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  await cp(source, stats.isDirectory() ? target : join(target, basename(model)), { recursive: true });
}

const tailBytes = 64 * 1024;

async function exceptionOf(context: Context, run: string, attempt: number, folder: RunFolder): Promise<RunException | undefined> {
  const text = await logTail(context, workloadId(run, attempt));
  return lastException(text, folder.work);
}

async function logTail(context: Context, workload: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of context.runtime.logs(workload, { offset: 0, follow: false, signal: context.signal })) {
    chunks.push(chunk.bytes);
    bytes += chunk.bytes.length;
    while (chunks.length > 1 && bytes - chunks[0]!.length >= tailBytes) bytes -= chunks.shift()!.length;
  }
  return Buffer.concat(chunks).subarray(-tailBytes).toString('utf8');
}
