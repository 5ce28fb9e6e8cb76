/**
 * The life of a run: prepare → wait → start → run → collect → end. A run is anything that runs a program to
 * completion: training, a stage, a trial, a validation, somebody's own command.
 */
import type { Float, Run, RunStatus } from '../../protocol/entities.ts';
import type { Collect, EnvironmentSpec, Objective, ResourceSpec } from '../../protocol/slipwayFile.ts';
import { deletedReceipt } from '../lineage/deletion.ts';
import { type Digests, type ReceiptDraft, type Reduction, type Send, send, unchanged } from '../reducer.ts';

export type ParamValues = Record<string, string | number | boolean>;

/** What is fixed when a run is created. */
export interface RunSpec {
  id: string;
  project: string;
  kind: Run['kind'];
  step: string;
  title: string;
  folder: string;
  command: string | string[];
  args: 'none' | 'argparse' | 'hydra';
  params: ParamValues;
  environment?: EnvironmentSpec;
  env: Record<string, string>;
  /** Names only. */
  secrets?: string[];
  resources: ResourceSpec;
  timeoutMs?: number;
  graceMs: number;
  retries: number;
  priority: number;
  code: { md5: string; sha256: string; commit?: string; changed?: boolean };
  /** `NAME@vN`, where it is known already; the split belongs to the version. */
  dataset?: string;
  /** Inputs that are made already: a stage's output, a model. */
  inputs: InputRef[];
  /** Whether preparation first makes sure of the dataset version, the split and the stages that the step needs. */
  resolve: boolean;
  outputs: string[];
  collect?: Collect;
  objective?: Objective;
  sweep?: string;
  trial?: number;
  pipeline?: string;
  /** Who is told when it ends. */
  parent?: { kind: string; id: string };
  /** A run whose checkpoints this one begins from. */
  resume?: string;
}

export interface InputRef {
  /** Variable name: `SLIPWAY_INPUT_<NAME>`. */
  name: string;
  /** As in the receipt that made it: `output:ID/features`. */
  subject: string;
  md5: string;
  sha256: string;
}

export interface ReceiptInput {
  name: string;
  digest: Digests;
  source?: string;
}

/** What preparation found out; it goes into the receipt. */
export interface Prepared {
  environment?: { digest: string; python: string; bin: string; label: string };
  /** `NAME@vN` */
  dataset?: string;
  /** What the run reads, by name. */
  refs: InputRef[];
  /** What its receipt names. */
  inputs: ReceiptInput[];
}

export interface RunOutput {
  name: string;
  digests: { md5: string; sha256: string };
  files: number;
  bytes: number;
}

export interface RunException {
  type: string;
  message: string;
  frame?: { file: string; line: number; function?: string };
}

export interface Collected {
  outputs: RunOutput[];
  metrics: Record<string, Float>;
  /** The objective's value, or why there is none. */
  objective?: { value: Float } | { missing: string };
  exception?: RunException;
}

export interface RunState {
  spec: RunSpec;
  status: RunStatus;
  reason: string;
  attempt: number;
  createdAt: number;
  startedAt?: number;
  endedAt?: number;
  waiting?: Run['waiting'];
  exit?: { exitCode: number | null; signal: string | null; reason: string; detail: string };
  prepared?: Prepared;
  collected?: Collected;
  slots?: { node: string; gpus: number[] };
  /** It makes room for another and goes back to the queue; how often it has done so is no attempt of its own. */
  preempted?: { reason: string };
  preemptions?: number;
  stop?: { reason: string; early: boolean };
  model?: string;
  /** Its logs, curves and folder are gone; the state stays for what was made from it. */
  isDeleted?: true;
}

export type RunEvent = { at: number } & (
  | { type: 'created'; spec: RunSpec }
  | { type: 'prepared'; prepared: Prepared }
  | { type: 'prepareFailed'; code: string; message: string; hint: string }
  | { type: 'waitingChanged'; waiting: NonNullable<Run['waiting']> }
  | { type: 'refused'; reason: string }
  | { type: 'admitted'; node: string; gpus: number[] }
  | { type: 'preempted'; reason: string; graceMs: number }
  | { type: 'started'; attempt: number }
  | { type: 'ended'; attempt: number; exitCode: number | null; signal: string | null; reason: string; detail: string }
  | { type: 'collected'; attempt: number; collected: Collected }
  | { type: 'stopRequested'; reason: string; early?: boolean }
  | { type: 'registered'; model: string }
  | { type: 'deleted'; dependents: string[] }
  | { type: 'commandFailed'; command: string; message: string }
);

export type RunCommand =
  | Send
  | { type: 'run.prepare' }
  | { type: 'run.launch'; attempt: number; node: string; gpus: number[] }
  | { type: 'run.stop'; attempt: number; reason: string; graceMs: number }
  | { type: 'run.collect'; attempt: number }
  | { type: 'run.erase'; attempts: number };

const ended: readonly RunStatus[] = ['succeeded', 'failed', 'stopped', 'lost'];

/** Whether a run has come to its end. */
export function hasEnded(status: RunStatus): boolean {
  return ended.includes(status);
}

export function reduceRun(state: RunState | undefined, event: RunEvent): Reduction<RunState, RunCommand> {
  if (!state) {
    if (event.type !== 'created') throw new Error(`a run begins with created, not ${event.type}`);
    const created: RunState = { spec: event.spec, status: 'preparing', reason: '', attempt: 1, createdAt: event.at };
    return next(created, [{ type: 'run.prepare' }]);
  }
  if (event.type === 'registered') return next({ ...state, model: event.model });
  if (event.type === 'deleted') return remove(state, event);
  if (hasEnded(state.status)) return unchanged(state);
  switch (event.type) {
    case 'created':
      return unchanged(state);
    case 'prepared':
      if (state.status !== 'preparing') return unchanged(state);
      if (state.stop) return end({ ...state, prepared: event.prepared }, event.at, 'stopped', state.stop.reason);
      return next({ ...state, prepared: event.prepared, status: 'waiting' }, [submit(state)]);
    case 'prepareFailed':
      if (state.status !== 'preparing') return unchanged(state);
      return end(state, event.at, 'failed', [event.message, event.hint].filter(Boolean).join(' '));
    case 'waitingChanged':
      return state.status === 'waiting' ? next({ ...state, waiting: event.waiting }) : unchanged(state);
    case 'refused':
      if (state.status !== 'waiting') return unchanged(state);
      return end(state, event.at, 'failed', event.reason);
    case 'admitted': {
      if (state.status !== 'waiting') return unchanged(state);
      const slots = { node: event.node, gpus: event.gpus };
      const { waiting: _, ...rest } = state;
      return next({ ...rest, slots, status: 'starting' }, [{ type: 'run.launch', attempt: state.attempt, ...slots }]);
    }
    case 'preempted':
      return makeRoom(state, event);
    case 'started':
      if (event.attempt !== state.attempt || state.status !== 'starting') return unchanged(state);
      return next({ ...state, status: 'running', startedAt: state.startedAt ?? event.at }, tellSweep(state));
    case 'ended':
      return afterExit(state, event);
    case 'collected':
      return event.attempt === state.attempt && state.exit ? afterCollect(state, event) : unchanged(state);
    case 'stopRequested':
      return requestStop(state, event);
    case 'commandFailed':
      return afterFailure(state, event);
  }
}

function next(
  state: RunState,
  commands: RunCommand[] = [],
  receipts: ReceiptDraft[] = [],
): Reduction<RunState, RunCommand> {
  return { state, commands, receipts };
}

function submit({ spec, createdAt, preemptions }: RunState): Send {
  const { cpu = 1, memory = 0, gpu = 0, gpuMemory = 0, nodes } = spec.resources;
  return send('queue', 'local', {
    type: 'submitted',
    id: spec.id,
    request: {
      cpu,
      memoryBytes: memory,
      gpu,
      gpuMemoryBytes: gpuMemory,
      ...(nodes !== undefined && { members: nodes }),
    },
    priority: spec.priority,
    work: `${spec.project}/${spec.step}`,
    ...(spec.timeoutMs !== undefined && { timeoutMs: spec.timeoutMs }),
    // Without checkpoints everything would be lost, not only the grace time.
    ...(spec.collect?.checkpoints && { graceMs: spec.graceMs }),
    ...(preemptions !== undefined && { since: createdAt }),
  });
}

const release = (state: RunState, hasCompleted = false): Send =>
  send('queue', 'local', { type: 'released', id: state.spec.id, ...(hasCompleted && { hasCompleted }) });

/** It is asked to write a checkpoint and end, and will queue again at its old place. */
function makeRoom(state: RunState, event: Extract<RunEvent, { type: 'preempted' }>): Reduction<RunState, RunCommand> {
  const { reason, graceMs } = event;
  const isAtWork = state.status === 'starting' || state.status === 'running';
  if (!isAtWork || state.exit) return unchanged(state);
  return next({ ...state, preempted: { reason }, status: 'stopping', reason }, [
    { type: 'run.stop', attempt: state.attempt, reason, graceMs },
  ]);
}

/** A sweep shows which of its trials run. */
function tellSweep({ spec }: RunState): Send[] {
  if (spec.parent?.kind !== 'sweep' || spec.trial === undefined) return [];
  return [send('sweep', spec.parent.id, { type: 'runStarted', run: spec.id, trial: spec.trial })];
}

/** Only a run that has ended can be deleted; its outputs go with it. */
function remove(state: RunState, { at, dependents }: Extract<RunEvent, { type: 'deleted' }>) {
  if (!hasEnded(state.status) || state.isDeleted) return unchanged<RunState, RunCommand>(state);
  const { id } = state.spec;
  const outputs = state.collected?.outputs ?? [];
  const parts = outputs.map(({ name, digests }) => ({ name: `output:${id}/${name}`, digest: digests }));
  const receipt = deletedReceipt({ subject: `run:${id}`, parts, dependents, at });
  return next({ ...state, isDeleted: true }, [{ type: 'run.erase', attempts: state.attempt }], [receipt]);
}

function requestStop(
  state: RunState,
  event: Extract<RunEvent, { type: 'stopRequested' }>,
): Reduction<RunState, RunCommand> {
  if (state.stop) return unchanged(state);
  const stop = { reason: event.reason, early: event.early ?? false };
  switch (state.status) {
    case 'preparing':
      return next({ ...state, stop, reason: `stops once preparation ends: ${event.reason}` });
    case 'waiting':
      return end({ ...state, stop }, event.at, 'stopped', event.reason, [release(state)]);
    case 'starting':
    case 'running':
      return state.exit
        ? next({ ...state, stop })
        : next({ ...state, stop, status: 'stopping', reason: event.reason }, [
            { type: 'run.stop', attempt: state.attempt, reason: event.reason, graceMs: state.spec.graceMs },
          ]);
    case 'stopping':
      // It is on its way out to make room: now it does not come back.
      return next({ ...state, stop, reason: event.reason });
    default:
      return unchanged(state);
  }
}

function afterExit(state: RunState, event: Extract<RunEvent, { type: 'ended' }>): Reduction<RunState, RunCommand> {
  if (event.attempt !== state.attempt || !state.slots || state.exit) return unchanged(state);
  const { exitCode, signal, reason, detail } = event;
  const exit = { exitCode, signal, reason, detail };
  if (reason === 'slotTaken' && !state.stop) return queueAgain(state, detail);
  const startedAt = state.startedAt ?? event.at;
  const hasCompleted = reason === 'exited' && exitCode === 0;
  return next({ ...state, exit, startedAt }, [
    release(state, hasCompleted),
    { type: 'run.collect', attempt: state.attempt },
  ]);
}

/** It never began: somebody else had one of its GPUs first. */
function queueAgain(state: RunState, reason: string): Reduction<RunState, RunCommand> {
  const { slots, ...rest } = state;
  const again: RunState = { ...rest, attempt: state.attempt + 1, status: 'waiting', reason };
  return next({ ...again, preemptions: (state.preemptions ?? 0) + 1 }, [
    send('queue', 'local', { type: 'slotTaken', id: state.spec.id, ...slots! }),
  ]);
}

function afterCollect(
  state: RunState,
  event: Extract<RunEvent, { type: 'collected' }>,
): Reduction<RunState, RunCommand> {
  const collected = event.collected;
  const verdict = judge(state, collected);
  const { preempted, preemptions = 0 } = state;
  const makesRoom = preempted !== undefined && verdict.status !== 'succeeded';
  const mayRetry = verdict.status === 'failed' || verdict.status === 'lost';
  if (!state.stop && (makesRoom || (mayRetry && state.attempt - preemptions <= state.spec.retries))) {
    const { exit: _, slots: __, preempted: ___, ...rest } = state;
    const again: RunState = {
      ...rest,
      ...(makesRoom && { preemptions: preemptions + 1 }),
      attempt: state.attempt + 1,
      status: 'waiting',
      reason: makesRoom ? preempted.reason : `again after: ${verdict.reason}`,
    };
    return next(again, [submit(again)]);
  }
  return end({ ...state, collected }, event.at, verdict.status, verdict.reason);
}

/** A command was given up. Of a stop nothing follows: how the program ends is still observed. */
function afterFailure(
  state: RunState,
  event: Extract<RunEvent, { type: 'commandFailed' }>,
): Reduction<RunState, RunCommand> {
  const { at, command, message } = event;
  const isUnderWay = { 'run.prepare': state.status === 'preparing', 'run.collect': state.exit !== undefined }[command];
  if (isUnderWay) return end(state, at, 'failed', message);
  const isLaunching = (state.status === 'starting' || state.status === 'stopping') && !state.exit;
  if (command === 'run.launch' && isLaunching) return end(state, at, 'failed', message, [release(state)]);
  return unchanged(state);
}

/** How a run ended, from how its program ended. */
function judge(state: RunState, collected: Collected): { status: RunStatus; reason: string } {
  const exit = state.exit!;
  if (exit.reason === 'lost') return { status: 'lost', reason: exit.detail };
  if (exit.reason === 'notStarted') return { status: 'failed', reason: exit.detail };
  if (exit.reason === 'timeout') return { status: 'failed', reason: exit.detail || 'It ran longer than its timeout.' };
  // A program that ended well by itself before it was asked to has succeeded.
  const isStopped = exit.reason === 'stopped' || (state.stop !== undefined && exit.exitCode !== 0);
  if (isStopped) return { status: 'stopped', reason: state.stop?.reason ?? exit.detail };
  if (exit.signal)
    return { status: 'failed', reason: `Ended by ${exit.signal}.${exit.detail ? ` ${exit.detail}` : ''}` };
  if (exit.exitCode !== 0) {
    const { exception } = collected;
    const what = exception ? `${exception.type}: ${exception.message}` : 'the log has the details';
    const signal = signalOfShell(exit.exitCode);
    const status = `Exit status ${exit.exitCode}${signal ? ` (${signal})` : ''}`;
    return { status: 'failed', reason: `${status}: ${what}.`.replace(/\.\.$/, '.') };
  }
  return { status: 'succeeded', reason: '' };
}

const signals: Record<number, string> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  6: 'SIGABRT',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  15: 'SIGTERM',
};

/** A shell tells that a signal ended its program by 128 and the signal's number, as dash and bash do. */
function signalOfShell(exitCode: number | null): string | undefined {
  return signals[(exitCode ?? 0) - 128];
}

function end(
  state: RunState,
  at: number,
  status: RunStatus,
  reason: string,
  commands: RunCommand[] = [],
): Reduction<RunState, RunCommand> {
  const { waiting: _, ...rest } = state;
  const ended: RunState = { ...rest, status, reason, endedAt: at };
  const parent = state.spec.parent;
  if (parent) {
    commands = [
      ...commands,
      send(parent.kind, parent.id, {
        type: 'runEnded',
        run: state.spec.id,
        step: state.spec.step,
        trial: state.spec.trial ?? null,
        status,
        early: state.stop?.early ?? false,
        reason,
        metrics: state.collected?.metrics ?? {},
        metric: state.spec.objective?.metric ?? null,
        objective: state.collected?.objective ?? null,
        outputs: state.collected?.outputs ?? [],
      }),
    ];
  }
  return next(ended, commands, [receiptOf(ended)]);
}

function receiptOf(state: RunState): ReceiptDraft {
  const { spec, collected } = state;
  const environment = state.prepared?.environment;
  const stage = spec.kind === 'stage';
  const outputs = collected?.outputs ?? [];
  return {
    kind: stage ? 'stage.done' : 'run.finished',
    subject: { name: `run:${spec.id}` },
    products: outputs.map((output) => ({ name: `output:${spec.id}/${output.name}`, digest: output.digests })),
    inputs: state.prepared?.inputs ?? [
      { name: `code:${spec.id}`, digest: { md5: spec.code.md5, sha256: spec.code.sha256 } },
    ],
    decision: state.reason ? `${state.status}: ${state.reason}` : state.status,
    evidence: {
      run: spec.id,
      step: spec.step,
      kind: spec.kind,
      status: state.status,
      params: spec.params,
      ...(spec.secrets?.length ? { secrets: spec.secrets } : {}),
      command: Array.isArray(spec.command) ? spec.command.join(' ') : spec.command,
      attempts: state.attempt,
      exit: state.exit ? { code: state.exit.exitCode, signal: state.exit.signal, reason: state.exit.reason } : null,
      startedAt: state.startedAt ?? null,
      endedAt: state.endedAt ?? null,
      environment: environment ? { digest: environment.digest, label: environment.label } : null,
      code: { commit: spec.code.commit ?? null, changed: spec.code.changed ?? null },
      metrics: collected?.metrics ?? {},
      outputs: outputs.map(({ name, digests }) => ({ name, sha256: digests.sha256 })),
      sweep: spec.sweep ?? null,
      trial: spec.trial ?? null,
    },
  };
}
