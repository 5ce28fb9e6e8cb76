/**
 * The contract of every runtime: what a workload is, what can be seen of it, and what can be asked for.
 * Local processes and Kubernetes implement it and pass the same conformance suite.
 */
import type { Duplex } from 'node:stream';

/** One attempt at one piece of work. Runs end by themselves; dev pods and services run until they are stopped. */
export interface Workload {
  /** Deterministic: row id and attempt, such as `r1abc-1`; {@link workloadIdPattern}. */
  id: string;
  kind: 'run' | 'devpod' | 'service';
  /** Exec form; a command string becomes `['/bin/sh', '-c', string]`. */
  command: string[];
  /** Absolute folder. */
  cwd: string;
  /** Added to the runtime's allow-listed base environment, and stronger than it. */
  env: Record<string, string>;
  /** Variables whose values stand in files, read when the work begins; in what the work prints they become `***`. */
  secretFiles?: Record<string, string>;
  /** Indexes of the GPUs that it is given. No other work on this host gets them while it runs. */
  gpus?: number[];
  /** The longest the work may take, enforced even while no control plane runs. */
  timeoutMs?: number;
  /** From SIGTERM to SIGKILL, both to everything the workload has started. */
  graceMs: number;
  /** What it needs of a place that is shared; a machine of one's own gives what it has. */
  needs?: WorkloadNeeds;
}

export interface WorkloadNeeds {
  /** Container image; by default the one that the administrators set. */
  image?: string;
  cpus?: number;
  memoryBytes?: number;
  gpus?: number;
  /** Room in the container's own file system. */
  diskBytes?: number;
  /** Size of /dev/shm, where data loaders pass batches on. */
  shmBytes?: number;
  nodeSelector?: Record<string, string>;
}

/** Workload ids are also names of folders and of Kubernetes objects. */
export const workloadIdPattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * How a workload ended.
 * - `exited`, `signalled`: its main process ended by itself, or by a signal that is not ours.
 * - `timeout`, `stopped`: we ended it; the exit code or signal is what its main process made of that.
 * - `notStarted`: the work never began and never will (no such command, no such folder).
 * - `slotTaken`: the work never began, because a GPU that it was given is in use by somebody else.
 * - `lost`: there is evidence that it is gone and no record of how it ended.
 */
export type EndReason = 'exited' | 'signalled' | 'timeout' | 'stopped' | 'lost' | 'notStarted' | 'slotTaken';

/** A state a workload has reached. Times are milliseconds since 1970. */
export type Observed =
  /**
   * Why it does not run, or cannot be seen, and again whenever that changes; `code` null: it runs where it can be seen.
   * Never an end: what is out of sight may well go on.
   */
  | { type: 'condition'; id: string; at: number; code: string | null; detail: string }
  | { type: 'started'; id: string; at: number; pid: number; host: string; bootId: string }
  | {
      type: 'ended';
      id: string;
      at: number;
      exitCode: number | null;
      signal: string | null;
      reason: EndReason;
      /** One sentence for a person. */
      detail: string;
    };

export interface GpuCapacity {
  index: number;
  product: string;
  /** Never changes, whatever else is built in; absent where the driver does not tell. */
  uuid?: string;
  /** Null where the driver does not tell (unified memory, MIG). */
  memoryBytes: number | null;
  /** Whether somebody else uses it, or has its lease: such a GPU is no free slot. */
  busyByForeign: boolean;
}

export interface NodeCapacity {
  name: string;
  cpus: number;
  memoryBytes: number;
  gpus: GpuCapacity[];
  /** Why something about this node could not be told; empty when all is known. */
  problems: string[];
}

export interface Capacity {
  nodes: NodeCapacity[];
}

export interface LogChunk {
  /** Where these bytes begin in the log; `offset + bytes.length` is the cursor for the next read. */
  offset: number;
  bytes: Uint8Array;
}

export interface LogRequest {
  /** First byte wanted. */
  offset: number;
  /** Go on until the workload has ended, instead of until the present end of the log. */
  follow: boolean;
  signal: AbortSignal;
}

/** A port of the workload, or a command run beside it (same folder, same environment). */
export type OpenTarget = { port: number } | { command: string[] };

export interface Runtime {
  /**
   * Starts the work and observes it. Idempotent by id: however often it is called, and by however many control
   * planes, the work runs at most once. Resolves when the start no longer depends on this process.
   * @throws SlipwayError `runtime.idTaken` when the id belongs to different work
   */
  start(workload: Workload): Promise<void>;
  /**
   * Observes a workload that an earlier control plane started; never starts it. Without any trace it is `lost`, and so
   * is work that was asked for and does not begin: it is then kept from ever beginning.
   */
  observe(id: string): Promise<void>;
  /**
   * Asks the workload to end: SIGTERM, `graceMs`, SIGKILL. Resolves when the request is recorded; the end itself comes
   * by {@link watch}. Idempotent, safe before the start (which then never happens) and after the end.
   */
  stop(id: string, reason: string, graceMs: number): Promise<void>;
  /** States of all started and observed workloads, those already reached first, each at least once. Ends with the signal. */
  watch(signal: AbortSignal): AsyncIterable<Observed>;
  /** Standard output and error as they were written, byte for byte. Ends quietly with the signal. */
  logs(id: string, request: LogRequest): AsyncIterable<LogChunk>;
  /** A byte stream to the workload; destroying it ends what it opened. */
  open(id: string, target: OpenTarget): Promise<Duplex>;
  /** The nodes, now and again whenever something about them changes. Ends with the signal. */
  capacity(signal: AbortSignal): AsyncIterable<Capacity>;
}
