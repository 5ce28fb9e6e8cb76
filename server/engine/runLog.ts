/** The log of a run as a stream: standard output and error of its latest attempt, as text. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { hasEnded, type RunState } from '../domain/run/run.ts';
import type { Context } from './context.ts';
import { workloadId } from './runFolder.ts';
import type { LogPart } from './services.ts';
import { waitForState } from './wait.ts';

/** The log of a run's latest attempt as text parts, from a byte offset on (negative: from the end). */
export async function* logParts(
  context: Context,
  run: RunState,
  request: { offset: number; follow: boolean; signal: AbortSignal },
): AsyncGenerator<LogPart> {
  const { signal, follow } = request;
  const begun = (state: RunState) => hasEnded(state.status) || state.status === 'running' || state.exit !== undefined;
  if (follow && !begun(run)) run = await waitForState<RunState>(context.engine, 'run', run.spec.id, begun, signal);
  const workload = workloadId(run.spec.id, run.attempt);
  const size = await logSize(context, workload);
  if (size === undefined) {
    yield { offset: 0, next: 0, text: '', ended: hasEnded(run.status) };
    return;
  }
  const start = request.offset < 0 ? Math.max(0, size + request.offset) : request.offset;
  const decoder = new StringDecoder('utf8');
  let next = start;
  for await (const { offset, bytes } of context.runtime.logs(workload, { offset: start, follow, signal })) {
    const text = decoder.write(Buffer.from(bytes));
    next = offset + bytes.length;
    yield { offset, next, text, ended: false };
  }
  if (signal.aborted) return;
  yield { offset: next, next, text: decoder.end(), ended: follow || hasEnded(run.status) };
}

/** Undefined where the workload never began. */
async function logSize(context: Context, workload: string): Promise<number | undefined> {
  return stat(join(context.folders.workloads, workload, 'log')).then(
    (stats) => stats.size,
    () => undefined,
  );
}
