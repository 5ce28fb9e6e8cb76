/** After a run's program has ended: outputs into the store, metrics, the objective, and the exception if there was one. */
import { globSync, type Stats } from 'node:fs';
import { cp, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { lastException } from '../domain/run/exception.ts';
import type { Collected, RunException, RunOutput, RunSpec } from '../domain/run/run.ts';
import { exportScalars } from '../metrics/index.ts';
import { type AddedFile, addedFiles, addFolder } from '../objects/index.ts';
import type { Float } from '../protocol/entities.ts';
import { storeFolder } from './bytes.ts';
import type { Context } from './context.ts';
import { toFloat } from './floats.ts';
import { hasFiles } from './launchRun.ts';
import { type RunFolder, runFolder, workloadId } from './runFolder.ts';

/** Carries out `run.collect`; reads only, apart from the store, so that doing it twice is doing it once. */
export async function collectRun(context: Context, spec: RunSpec, attempt: number): Promise<Collected> {
  const folder = runFolder(context.folders.runs, spec.id);
  const written = await scalarsOf(context, folder, spec.objective?.metric);
  const reported = await reportedMetrics(spec, folder);
  const metrics = { ...written, ...reported.metrics };
  return {
    outputs: await collectOutputs(context, spec, folder),
    metrics,
    objective: spec.objective && objectiveOf(spec.objective.metric, metrics, reported.problem),
    exception: await exceptionOf(context, spec.id, attempt, folder),
  };
}

function objectiveOf(
  metric: string,
  metrics: Record<string, Float>,
  problem: string | undefined,
): Collected['objective'] {
  const value = metrics[metric];
  if (value !== undefined) return { value };
  if (problem) return { missing: `It reported no ${metric}: ${problem}.` };
  const wrote = Object.keys(metrics).slice(0, 12).join(', ');
  return { missing: `It wrote no ${metric}; it wrote: ${wrote || 'no metrics at all'}.` };
}

/** Metrics that a run's state and receipt keep; all are in its event files. */
const maxMetrics = 1000;

/** The last value of each scalar tag in the event files of the run's log folder and working folder. */
async function scalarsOf(
  context: Context,
  folder: RunFolder,
  objective: string | undefined,
): Promise<Record<string, Float>> {
  const metrics: Record<string, Float> = {};
  let count = 0;
  for (const logdir of [folder.work, folder.logs]) {
    if (!(await hasFiles(logdir))) continue;
    const { runs } = await exportScalars(logdir, { salvage: true, signal: context.signal });
    for (const { tags } of runs) {
      for (const [tag, { values }] of Object.entries(tags)) {
        const last = values[values.length - 1];
        if (last === undefined) continue;
        if (!(tag in metrics) && ++count > maxMetrics && tag !== objective) continue;
        metrics[tag] = toFloat(last);
      }
    }
  }
  return metrics;
}

/** SLIPWAY_METRICS, or the file that `collect.metrics` names. */
async function reportedMetrics(
  spec: RunSpec,
  folder: RunFolder,
): Promise<{ metrics: Record<string, Float>; problem?: string }> {
  const own = spec.collect?.metrics && (await newestMatch(folder.work, spec.collect.metrics))?.path;
  const paths = [folder.metrics, ...(own ? [own] : [])];
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
  const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) =>
    token.startsWith('"') ? token : `"${token}"`,
  );
  const metrics: Record<string, Float> = {};
  const visit = (value: unknown, name: string) => {
    if (typeof value === 'number') metrics[name] = toFloat(value);
    else if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') metrics[name] = value;
    else if (typeof value === 'boolean') metrics[name] = value ? 1 : 0;
    else if (value && typeof value === 'object' && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) visit(inner, name ? `${name}/${key}` : key);
    }
  };
  const document: unknown = JSON.parse(quoted);
  if (document && typeof document === 'object') visit(document, '');
  return metrics;
}

async function collectOutputs(context: Context, spec: RunSpec, folder: RunFolder): Promise<RunOutput[]> {
  if (spec.collect?.model) await bringModel(folder, spec.collect.model);
  if (!(await hasFiles(folder.output))) return [];
  const added = await context.storeUse.sharing(() => addOutputs(context, folder));
  const groups = new Map<string, AddedFile[]>();
  for (const entry of addedFiles(added.files)) {
    // What lies in a folder of the output belongs to the output of that name; loose files are the output `files`.
    const slash = entry.relpath.indexOf('/');
    const [name, relpath] =
      slash < 0 ? ['files', entry.relpath] : [entry.relpath.slice(0, slash), entry.relpath.slice(slash + 1)];
    groups.set(name, [...(groups.get(name) ?? []), { ...entry, relpath }]);
  }
  const outputs: RunOutput[] = [];
  for (const [name, entries] of groups) {
    const { md5, sha256, files, bytes } = await storeFolder(context.objects, entries);
    outputs.push({ name, digests: { md5, sha256 }, files, bytes });
  }
  return outputs.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function addOutputs(context: Context, folder: RunFolder) {
  return addFolder({
    path: folder.output,
    storeRoot: context.folders.objects,
    statIndexFolder: null,
    workerPath: context.addWorkerPath,
    signal: context.signal,
  });
}

/** `collect.model` names a file or folder of the program's own, the newest that matches; it becomes the output `model`. */
async function bringModel(folder: RunFolder, pattern: string): Promise<void> {
  const found = await newestMatch(folder.work, pattern);
  if (!found) return;
  const { path: source, stats } = found;
  const target = join(folder.output, 'model');
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  await cp(source, stats.isDirectory() ? target : join(target, basename(source)), { recursive: true });
}

/** The newest file or folder under `root` that a pattern matches; programs number their output folders themselves. */
async function newestMatch(root: string, pattern: string): Promise<{ path: string; stats: Stats } | undefined> {
  let newest: { path: string; stats: Stats } | undefined;
  for (const name of /[*?[{]/.test(pattern) ? globSync(pattern, { cwd: root }) : [pattern]) {
    const path = join(root, name);
    if (!path.startsWith(`${root}/`)) continue;
    const stats = await stat(path).catch(() => undefined);
    if (stats && (!newest || stats.mtimeMs > newest.stats.mtimeMs)) newest = { path, stats };
  }
  return newest;
}

const tailBytes = 64 * 1024;

async function exceptionOf(
  context: Context,
  run: string,
  attempt: number,
  folder: RunFolder,
): Promise<RunException | undefined> {
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
