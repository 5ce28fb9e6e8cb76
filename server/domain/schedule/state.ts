/** The state of the queue, its events and its settings. Plain JSON: it is stored, replayed and compared. */
import type { PolicyName } from '../../protocol/policyFile.ts';
import type { GeneratorState } from '../sweep/generator.ts';
import type { QueueNode, Request, Share } from './resources.ts';

/** One that asks for room: a run, a dev pod, anything that is told by an event of its own kind. */
export interface Entry {
  id: string;
  /** The kind of state that is told; `run` when absent. */
  kind?: string;
  request: Request;
  tenant: string;
  /** Of two of the same tenant, the higher goes first. */
  priority: number;
  /** When it first asked; kept when it is preempted and comes back. */
  at: number;
  /** Number of its arrival: the order among those of the same moment. */
  seq: number;
  /** After so long it leaves the queue; 0: it starts at once or not at all. */
  maxWaitMs?: number;
  /** The longest it may run, enforced by whoever runs it. */
  timeoutMs?: number;
  /** It may be asked to make room, and is given so long to write a checkpoint. Absent: it is never preempted. */
  graceMs?: number;
  /** What it resembles, such as `digits/train`: how long the last of its like took is an estimate. */
  work?: string;
  /** It has waited for so long that it goes before everybody who has not. */
  isOverdue?: true;
  /** What its owner was last told. */
  told?: { reason: string; position: number; estimatedStart?: number };
}

export interface Held {
  entry: Entry;
  share: Share;
  at: number;
  /** It was asked to make room for another and has its grace time. */
  leaving?: { since: number; for: string };
}

/** A node with what is held of it, by id of the entry. */
export interface NodeState {
  node: QueueNode;
  held: Record<string, Held>;
}

/** Where something was put. */
export interface Place {
  node: string;
  gpus: number[];
}

/** Room that is kept for the head of the line: nothing is put there that the head would have to wait for. */
export interface Reservation {
  id: string;
  /** Names of nodes, one for each member. */
  nodes: string[];
}

/** Hard limits of a tenant; what is absent has none. */
export interface Quota {
  cpus?: number;
  memoryBytes?: number;
  /** GPUs by product; `*` stands for all together. */
  gpus?: Record<string, number>;
}

export interface TenantSettings {
  /** Weight: with shares 2 and 1 the first is entitled to two thirds. */
  share: number;
  /** Whether it may use what others leave idle, beyond its share. */
  borrows: boolean;
  quota: Quota;
  /** Requests of a higher priority count as this. */
  maxPriority?: number;
  /** What it may use in all, in hours; absent: unlimited. */
  budget?: { gpuHours?: number; cpuHours?: number };
}

export interface QueueSettings {
  placement: PolicyName;
  /** Tenants that are not named have share 1, borrow and have no quota. */
  tenants: Record<string, TenantSettings>;
  backfill: boolean;
  /** How many of the line are tried for the gaps, at most. */
  backfillDepth: number;
  /** Whether one of a higher priority takes the place of its own tenant's lower ones, and a tenant below its share that of others' above theirs. */
  preemption: { byPriority: boolean; byShare: boolean };
  /** Entries without a longest wait of their own get this one. */
  maxWaitMs?: number;
  /** Whoever has waited so long goes before everybody who has not, whatever its priority and share: nothing starves. */
  overdueMs: number;
  /** How many of the line are told their place; the others are told when they ask. */
  told: number;
}

export const defaultSettings: QueueSettings = {
  placement: 'fgd',
  tenants: {},
  backfill: true,
  backfillDepth: 500,
  preemption: { byPriority: false, byShare: false },
  overdueMs: 24 * 3600_000,
  told: 20,
};

export const defaultTenant: TenantSettings = { share: 1, borrows: true, quota: {} };

/** A size of request with how often it is asked for: what a free GPU must be good for. */
export interface TypicalNeed {
  milliCpu: number;
  gpus: number;
  milliGpu: number;
  products?: string[];
  weight: number;
}

export interface QueueState {
  nodes: NodeState[];
  /** When the nodes were last looked at. */
  seenAt: number;
  /** What waits, by tenant, each line by priority, then arrival. */
  lines: Record<string, Entry[]>;
  /** How many of each size wait. */
  sizes: Record<string, { request: Request; count: number }>;
  arrivals: number;
  reservation?: Reservation;
  settings: QueueSettings;
  /** The policy.yaml that the settings come from, as it was written; absent: the defaults. */
  policy?: string;
  /** What is usually asked for, for fragmentation gradient descent. */
  typical: TypicalNeed[];
  /** How often each need was asked for since `typical` was last made from it; absent where `typical` is given. */
  asked?: { total: number; next: number; counts: Record<string, TypicalNeed> };
  /** The last durations of ended work, by `work`, newest last. */
  durations: Record<string, number[]>;
  /** What tenants have used so far, of the budgets in the settings. */
  spent: Record<string, { gpuHours: number; cpuHours: number }>;
  /** No longest wait ends and nobody becomes overdue before this moment; absent: never. */
  alarmAt?: number;
  random: GeneratorState;
}

export type QueueEvent = { at: number } & (
  | { type: 'capacity'; nodes: QueueNode[] }
  | ({ type: 'submitted'; since?: number } & Submitted)
  /** Its holder has ended, or no longer wants to wait. `hasCompleted`: how long it took says how long its like take. */
  | { type: 'released'; id: string; hasCompleted?: boolean }
  /** It was admitted, but one of its GPUs was taken by somebody else in the meantime: it goes back to its place. */
  | { type: 'slotTaken'; id: string; node: string; gpus: number[] }
  | { type: 'configured'; settings?: Partial<QueueSettings>; typical?: TypicalNeed[]; policy?: string }
  /** Time passes: longest waits end. */
  | { type: 'tick' }
);

export type Submitted = Pick<Entry, 'id' | 'request' | 'priority'> &
  Partial<Pick<Entry, 'kind' | 'tenant' | 'maxWaitMs' | 'timeoutMs' | 'graceMs' | 'work'>>;

/** The tenant of a control plane that has one user. */
export const onlyTenant = 'local';
