/**
 * Where workloads run, behind one interface: local processes here, Kubernetes beside them.
 * Imports nothing of ours but server/protocol. The engine calls it to carry out commands and feeds what it observes
 * back to the reducers; nothing here decides what should run.
 */
export { tryLock } from './local/lock.ts';
export { readBootId } from './local/processes.ts';
export { LocalRuntime, type LocalRuntimeOptions } from './local/runtime.ts';
export { type GpuUsage, parseGpuUsage, readGpuUsage, readUsage, type Usage } from './local/usage.ts';
export type {
  Capacity,
  EndReason,
  GpuCapacity,
  LogChunk,
  LogRequest,
  NodeCapacity,
  Observed,
  OpenTarget,
  Runtime,
  Workload,
  WorkloadNeeds,
} from './runtime.ts';
export { workloadIdPattern } from './runtime.ts';
