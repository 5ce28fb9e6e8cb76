/** Nodes and tasks of published traces, from the text of their CSV files. */
import type { QueueNode, Request } from './resources.ts';

/** One thing that asked for room. */
export interface Task {
  id: string;
  tenant: string;
  request: Request;
  /** Milliseconds after the beginning of the trace; undefined where only the order counts. */
  at?: number;
  /** How long it runs once it has room. */
  durationMs?: number;
}

/** A row that cannot be read; the caller names the file. */
export class TraceError extends Error {}

const mebibyte = 2 ** 20;

/**
 * Nodes as in Alibaba's openb traces: `sn,cpu_milli,memory_mib,gpu,model`. Every GPU can be shared in thousandths.
 * https://github.com/alibaba/clusterdata/tree/master/cluster-trace-gpu-v2023
 */
export function readNodes(text: string): QueueNode[] {
  return rows(text, ['sn', 'cpu_milli', 'memory_mib', 'gpu', 'model']).map(
    ([name, cpu, memory, gpus, product], i): QueueNode => ({
      name: name!,
      cpus: number(cpu, 'cpu_milli', i) / 1000,
      memoryBytes: number(memory, 'memory_mib', i) * mebibyte,
      gpuShares: 'any',
      gpus: Array.from({ length: number(gpus, 'gpu', i) }, (_, index) => ({
        index,
        product: product!,
        memoryBytes: 0,
        busy: false,
      })),
    }),
  );
}

/** Whether the header is that of a queue with times (Philly), rather than of pods (openb). */
export function isQueueTrace(text: string): boolean {
  return header(text).includes('timestamp');
}

/** Pods as in openb: `name,cpu_milli,memory_mib,num_gpu,gpu_milli` and, where it is there, `gpu_spec` (products, by `|`). */
export function readPods(text: string): Task[] {
  const columns = ['name', 'cpu_milli', 'memory_mib', 'num_gpu', 'gpu_milli'];
  const hasProducts = header(text).includes('gpu_spec');
  return rows(text, hasProducts ? [...columns, 'gpu_spec'] : columns).map(
    ([id, cpu, memory, gpus, milli, spec], i): Task => {
      const count = number(gpus, 'num_gpu', i);
      const gpuProducts = (spec ?? '').split('|').filter((product) => product !== '');
      return {
        id: id!,
        tenant: 'all',
        request: {
          cpu: number(cpu, 'cpu_milli', i) / 1000,
          memoryBytes: number(memory, 'memory_mib', i) * mebibyte,
          gpu: count === 1 ? number(milli, 'gpu_milli', i) / 1000 : count,
          gpuMemoryBytes: 0,
          ...(gpuProducts.length > 0 && { gpuProducts }),
        },
      };
    },
  );
}

/** GPUs of a node in a cluster of which only their number is known, as most nodes of Philly have. */
export const gpusOfNode = 8;

/**
 * Jobs as in Philly: `timestamp,duration,num_gpus,gpu_time,cluster`; the virtual cluster is the tenant, and a job of more
 * GPUs than a node has is a gang. M. Jeon et al., "Analysis of Large-Scale Multi-Tenant GPU Clusters for DNN Training
 * Workloads", USENIX ATC 2019.
 */
export function readJobs(text: string): Task[] {
  const columns = ['timestamp', 'duration', 'num_gpus', 'cluster'];
  const jobs = rows(text, columns).map(([timestamp, duration, gpus, tenant], i) => {
    const at = Date.parse(`${timestamp!.replace(' ', 'T')}Z`);
    if (Number.isNaN(at)) throw new TraceError(`row ${i + 2}: ${timestamp} is no timestamp`);
    return {
      at,
      durationMs: number(duration, 'duration', i) * 1000,
      gpus: number(gpus, 'num_gpus', i),
      tenant: tenant!,
    };
  });
  jobs.sort((a, b) => a.at - b.at);
  const requests = new Map<number, Request>();
  return jobs.map(({ at, durationMs, gpus, tenant }, i): Task => {
    const request = requests.get(gpus) ?? requestOf(gpus);
    requests.set(gpus, request);
    return { id: `job-${i}`, tenant, request, at: at - jobs[0]!.at, durationMs };
  });
}

function requestOf(gpus: number): Request {
  const members = Math.ceil(gpus / gpusOfNode);
  const request: Request = { cpu: 0, memoryBytes: 0, gpu: Math.ceil(gpus / Math.max(1, members)), gpuMemoryBytes: 0 };
  return members > 1 ? { ...request, members } : request;
}

/** So many GPUs, in nodes of eight; the last one has what is left. */
export function plainNodes(gpus: number): QueueNode[] {
  return Array.from({ length: Math.ceil(gpus / gpusOfNode) }, (_, n): QueueNode => {
    const count = Math.min(gpusOfNode, gpus - n * gpusOfNode);
    const described = Array.from({ length: count }, (__, index) => ({
      index,
      product: 'GPU',
      memoryBytes: 0,
      busy: false,
    }));
    return { name: `node-${n}`, cpus: 0, memoryBytes: 0, gpus: described };
  });
}

function header(text: string): string[] {
  return text.slice(0, text.indexOf('\n')).trim().split(',');
}

/** The cells of the named columns, row by row. */
function rows(text: string, columns: readonly string[]): string[][] {
  const [, ...lines] = text.split('\n').map((line) => line.trimEnd());
  const known = header(text);
  const places = columns.map((column) => known.indexOf(column));
  const missing = columns.filter((_, i) => places[i]! < 0);
  if (missing.length > 0)
    throw new TraceError(`the columns ${missing.join(', ')} are missing; there are ${known.join(', ')}`);
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const cells = line.split(',');
      return places.map((place) => cells[place] ?? '');
    });
}

function number(cell: string | undefined, column: string, row: number): number {
  const value = Number(cell);
  if (cell === undefined || cell === '' || !Number.isFinite(value) || value < 0)
    throw new TraceError(`row ${row + 2}: ${column} is ${JSON.stringify(cell ?? '')}, which is no number from 0 on`);
  return value;
}
