/** What can never be met by the nodes of now, and what is lacking for what could. */
import { Generator } from '../sweep/generator.ts';
import { Cluster, type Ledger } from './cluster.ts';
import { place } from './place.ts';
import { first } from './placement/first.ts';
import {
  describeGpus,
  describeRequest,
  gibibytes,
  membersOf,
  needOf,
  type QueueNode,
  type Request,
} from './resources.ts';

/** A choice that {@link first} never asks for. */
const noDice = Generator.seeded(0);

interface Empty {
  cluster: Cluster;
  known: Map<string, boolean>;
}
const empties = new WeakMap<Ledger, Empty>();

/** Equal for requests that fit and do not fit alike. */
export function requestKey(request: Request): string {
  const { key } = needOf(request);
  return request.members === undefined ? key : `${key}×${request.members}@${request.together ?? ''}`;
}

/** Whether whatever has no room for one request has none for another either: it asks for as much of everything or more. */
export function isAtLeast(larger: Request, smaller: Request): boolean {
  const a = needOf(larger);
  const b = needOf(smaller);
  if (smaller.together !== undefined && smaller.together !== larger.together) return false;
  if (a.milliCpu < b.milliCpu || a.memoryBytes < b.memoryBytes || membersOf(larger) < membersOf(smaller)) return false;
  if (b.gpus === 0) return true;
  // Of the same products, and both whole or both fractions: not every node offers fractions.
  const isSameKind = a.products?.join('|') === b.products?.join('|') && (a.milliGpu === 1000) === (b.milliGpu === 1000);
  return isSameKind && a.gpus >= b.gpus && a.milliGpu >= b.milliGpu && a.gpuMemoryBytes >= b.gpuMemoryBytes;
}

/** Whether the nodes could hold a request if nobody held anything of them, foreign processes included. */
export function couldHold(ledger: Ledger, request: Request): boolean {
  let empty = empties.get(ledger);
  if (!empty) {
    const nodes = Array.from({ length: ledger.cluster.count }, (_, n) => unused(ledger.cluster.node(n)));
    empty = { cluster: new Cluster(nodes), known: new Map() };
    empties.set(ledger, empty);
  }
  const key = requestKey(request);
  let answer = empty.known.get(key);
  if (answer === undefined) {
    answer = place(empty.cluster, request, first, noDice) !== undefined;
    empty.known.set(key, answer);
  }
  return answer;
}

function unused(node: QueueNode): QueueNode {
  return { ...node, foreign: undefined, gpus: node.gpus.map((gpu) => ({ ...gpu, busy: false })) };
}

/** Why a request can never be met, or undefined if it can, or if no node is known yet. */
export function refuse(ledger: Ledger, request: Request): string | undefined {
  const { cluster } = ledger;
  if (cluster.count === 0 || couldHold(ledger, request)) return undefined;
  const nodes = Array.from({ length: cluster.count }, (_, n) => cluster.node(n));
  const isFraction = request.gpu > 0 && !Number.isInteger(request.gpu);
  if (isFraction && nodes.every((node) => node.gpuShares === undefined))
    return 'A fraction of a GPU cannot be given here: no node offers GPU shares.';
  const shapes = nodes.slice(0, 8).map(describeNode);
  if (nodes.length > shapes.length) shapes.push(`and ${nodes.length - shapes.length} more`);
  const where = membersOf(request) > 1 ? 'The nodes together can never hold' : 'No node can ever hold';
  return `${where} ${describeRequest(request)}: ${shapes.join('; ')}. Ask for less under resources.`;
}

function describeNode({ name, cpus, memoryBytes, gpus }: QueueNode): string {
  const products = [...new Set(gpus.map((gpu) => gpu.product))].filter((product) => product !== '').join(', ');
  const kind = products === '' ? '' : ` (${products})`;
  return `${name} has ${cpus} CPUs, ${gibibytes(memoryBytes)} memory, ${gpus.length} GPUs${kind}`;
}

/** What is lacking on every node: `4 CPUs and 2 GPUs`; `room on one node` where each is there, but not together. */
export function lacking({ cluster }: Ledger, request: Request): string {
  const need = needOf(request);
  let cpus = false;
  let memory = false;
  let gpus = need.gpus === 0;
  for (let n = 0; n < cluster.count; n++) {
    cpus ||= cluster.milliCpu[n]! >= need.milliCpu;
    memory ||= cluster.memoryBytes[n]! >= need.memoryBytes;
    const milliGpu = cluster.milliGpuOn(n, need);
    gpus ||= milliGpu !== undefined && cluster.suitable(n, need, milliGpu).length >= need.gpus;
  }
  const lacks: string[] = [];
  if (!cpus) lacks.push(`${request.cpu} CPUs`);
  if (!memory) lacks.push(`${gibibytes(request.memoryBytes)} memory`);
  if (!gpus) lacks.push(describeGpus(request));
  if (lacks.length > 0) return lacks.join(' and ');
  return membersOf(request) > 1 ? `room for all ${membersOf(request)} members at once` : 'room on one node';
}
