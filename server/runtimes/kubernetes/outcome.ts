/** What a Job and its pods say about the workload: begun, waiting (and why), out of sight, ended (and how). Pure. */
import * as z from 'zod';
import type { EndReason, Observed } from '../runtime.ts';
import { annotations, workContainer } from './names.ts';
import { type ContainerStatus, isTrue, type Job, type Pod } from './objects.ts';

export type Started = Extract<Observed, { type: 'started' }>;
export type Ended = Extract<Observed, { type: 'ended' }>;

const stopSchema = z.object({ at: z.number(), reason: z.string(), graceMs: z.number() });
export type StopRequest = z.infer<typeof stopSchema>;

const reasons = ['exited', 'signalled', 'timeout', 'stopped', 'lost', 'notStarted'] as const satisfies EndReason[];
const recordSchema = z.object({
  started: z.object({ at: z.number(), pid: z.number(), host: z.string(), bootId: z.string() }).optional(),
  ended: z.object({
    at: z.number(),
    exitCode: z.number().nullable(),
    signal: z.string().nullable(),
    reason: z.enum(reasons),
    detail: z.string(),
  }),
});
/** How it went, as it is kept at the Job once it has ended. */
export type EndRecord = z.infer<typeof recordSchema>;

export function stopOf(job: Job): StopRequest | undefined {
  return parsed(stopSchema, job.metadata.annotations[annotations.stop]);
}

export function recordOf(job: Job): EndRecord | undefined {
  return parsed(recordSchema, job.metadata.annotations[annotations.ended]);
}

/** The pod that carries the work now, or did last. */
export function latestPod(pods: Pod[]): Pod | undefined {
  return pods.toSorted((a, b) => a.metadata.creationTimestamp - b.metadata.creationTimestamp).at(-1);
}

/** When and where the work began; of several pods (a disrupted one is replaced) the first tells. */
export function startedOf(pods: Pod[]): EndRecord['started'] {
  const begun = pods
    .map((pod) => ({ pod, at: startTime(workOf(pod)) }))
    .filter((one): one is { pod: Pod; at: number } => one.at !== undefined && !neverBegan(one.pod))
    .toSorted((a, b) => a.at - b.at)[0];
  // Process 1 of its container, on that node; the pod is what a boot is to a machine.
  return begun && { at: begun.at, pid: 1, host: begun.pod.spec.nodeName ?? '', bootId: begun.pod.metadata.uid };
}

/** How the work ended; undefined while it runs, waits, is replaced after a disruption, or cannot be seen. */
export function endedOf(job: Job, pods: Pod[]): EndRecord['ended'] | undefined {
  const record = recordOf(job);
  if (record) return record.ended;
  if (pods.some((pod) => !isOver(pod))) return undefined;
  const stop = stopOf(job);
  const pod = latestPod(pods);
  const failed = isTrue(job.status.conditions, 'Failed');
  const hasFinished =
    failed || isTrue(job.status.conditions, 'Complete') || isTrue(job.status.conditions, 'SuccessCriteriaMet');
  const isOwnEnd = pod !== undefined && !isTrue(pod.status.conditions, 'DisruptionTarget');
  // The controller has confirmed that it makes no more pods.
  const isHeld = job.spec.suspend && isTrue(job.status.conditions, 'Suspended') !== undefined;
  if (stop && (hasFinished || isOwnEnd || isHeld)) return stopped(stop, pod);
  if (!hasFinished && !isOwnEnd) return undefined;
  if (pod) return endOfPod(pod);
  const why = failed?.message ?? 'Its Job is over';
  return {
    at: failed?.lastTransitionTime ?? job.metadata.creationTimestamp,
    ...unknownEnd,
    detail: `${why}; its pod is gone.`,
  };
}

const unknownEnd = { exitCode: null, signal: null, reason: 'lost' } as const;

function endOfPod(pod: Pod): EndRecord['ended'] {
  const work = workOf(pod);
  const end = work?.state.terminated;
  if (!end) return notBegun(pod);
  const at = end.finishedAt ?? pod.metadata.creationTimestamp;
  const [, by, code, said] = /^(exited|timeout|notStarted) (\d+) ?(.*)/.exec(end.message) ?? [];
  const exitCode = code === undefined ? end.exitCode : Number(code);
  if (end.reason === 'OOMKilled') {
    const detail = `It needed more memory than its limit and was killed (OOMKilled).`;
    return { at, exitCode: null, signal: 'SIGKILL', reason: 'signalled', detail };
  }
  if (by === 'notStarted' || neverBegan(pod)) {
    return { at, exitCode: null, signal: null, reason: 'notStarted', detail: said || end.message || end.reason };
  }
  if (by === 'timeout') return { at, ...codeOrSignal(exitCode), reason: 'timeout', detail: 'It ran into its timeout.' };
  const { signal } = codeOrSignal(exitCode);
  if (signal) return { at, exitCode: null, signal, reason: 'signalled', detail: `It was ended by ${signal}.` };
  return { at, exitCode, signal: null, reason: 'exited', detail: `It exited with status ${exitCode}.` };
}

function stopped(stop: StopRequest, pod: Pod | undefined): EndRecord['ended'] {
  const end = pod && workOf(pod)?.state.terminated;
  const [, , code] = /^(exited|timeout) (\d+)/.exec(end?.message ?? '') ?? [];
  const how = end ? codeOrSignal(code === undefined ? end.exitCode : Number(code)) : { exitCode: null, signal: null };
  return { at: end?.finishedAt ?? stop.at, ...how, reason: 'stopped', detail: `It was stopped: ${stop.reason}.` };
}

/** A shell gives 128 + n for signal n; what a program itself exits with above 128 looks the same. */
function codeOrSignal(code: number): { exitCode: number | null; signal: string | null } {
  const signal = signalNames[code - 128];
  return signal ? { exitCode: null, signal } : { exitCode: code, signal: null };
}

const signalNames: Record<number, string> = {
  ...{ 1: 'SIGHUP', 2: 'SIGINT', 3: 'SIGQUIT', 4: 'SIGILL', 6: 'SIGABRT', 7: 'SIGBUS', 8: 'SIGFPE' },
  ...{ 9: 'SIGKILL', 10: 'SIGUSR1', 11: 'SIGSEGV', 12: 'SIGUSR2', 13: 'SIGPIPE', 14: 'SIGALRM', 15: 'SIGTERM' },
};

function notBegun(pod: Pod): EndRecord['ended'] {
  const failedInit = pod.status.initContainerStatuses.find(
    ({ state }) => state.terminated && state.terminated.exitCode !== 0,
  );
  const why = failedInit
    ? `Its inputs could not be prepared: ${failedInit.state.terminated!.message || `status ${failedInit.state.terminated!.exitCode}`}`
    : pod.status.message || pod.status.reason || 'its container was never made';
  const at =
    failedInit?.state.terminated?.finishedAt ?? pod.metadata.deletionTimestamp ?? pod.metadata.creationTimestamp;
  return { at, exitCode: null, signal: null, reason: 'notStarted', detail: why };
}

/** The runtime of containers could not start the first process, or our launcher found no such command. */
function neverBegan(pod: Pod): boolean {
  const end = workOf(pod)?.state.terminated;
  if (!end) return false;
  return (
    /^notStarted /.test(end.message) ||
    ['StartError', 'ContainerCannotRun', 'CreateContainerError'].includes(end.reason)
  );
}

export function workOf(pod: Pod): ContainerStatus | undefined {
  return pod.status.containerStatuses.find(({ name }) => name === workContainer);
}

function startTime(status: ContainerStatus | undefined): number | undefined {
  return status?.state.running?.startedAt ?? status?.state.terminated?.startedAt ?? undefined;
}

export function isOver(pod: Pod): boolean {
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed';
}

function parsed<T>(schema: z.ZodType<T>, text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // somebody else's hand
  }
}
