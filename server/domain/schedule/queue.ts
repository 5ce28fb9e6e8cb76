/**
 * The queue: who gets slots, in which order, and why the others wait. Order is priority, then arrival; the head of the
 * line, the first that some node can hold, is never overtaken, so nothing starves.
 */
import type { Waiting } from '../../protocol/entities.ts';
import { type Reduction, type Send, send } from '../reducer.ts';

export interface Request {
  cpu: number;
  memoryBytes: number;
  gpu: number;
  gpuMemoryBytes: number;
}

export interface Gpu {
  index: number;
  product: string;
  memoryBytes: number;
  /** In use by a process that is not ours: no slot. */
  busy: boolean;
}

export interface QueueNode {
  name: string;
  cpus: number;
  memoryBytes: number;
  gpus: Gpu[];
}

interface Entry {
  id: string;
  request: Request;
  priority: number;
  at: number;
  /** What its owner was last told. */
  told?: { reason: string; position: number };
}

interface Holding {
  node: string;
  request: Request;
  gpus: number[];
  at: number;
}

export interface QueueState {
  nodes: QueueNode[];
  /** When the nodes were last looked at. */
  seenAt: number;
  waiting: Entry[];
  holding: Record<string, Holding>;
}

export type QueueEvent = { at: number } & (
  | { type: 'capacity'; nodes: QueueNode[] }
  | { type: 'submitted'; id: string; request: Request; priority: number }
  | { type: 'released'; id: string }
);

/** How many of the line are told their place; the others know that they wait. */
const toldPositions = 20;

export function reduceQueue(state: QueueState | undefined, event: QueueEvent): Reduction<QueueState, Send> {
  const before = state ?? { nodes: [], seenAt: 0, waiting: [], holding: {} };
  switch (event.type) {
    case 'capacity':
      return admit({ ...before, nodes: event.nodes, seenAt: event.at }, event.at);
    case 'submitted': {
      if (before.holding[event.id] || before.waiting.some((entry) => entry.id === event.id)) {
        return { state: before, commands: [], receipts: [] };
      }
      const refusal = refuse(event.request, before.nodes);
      if (refusal) {
        return { state: before, commands: [send('run', event.id, { type: 'refused', reason: refusal })], receipts: [] };
      }
      const { id, request, priority, at } = event;
      const waiting = [...before.waiting, { id, request, priority, at }].sort(
        (a, b) => b.priority - a.priority || a.at - b.at,
      );
      return admit({ ...before, waiting }, event.at);
    }
    case 'released': {
      const { [event.id]: _, ...holding } = before.holding;
      const waiting = before.waiting.filter((entry) => entry.id !== event.id);
      return admit({ ...before, waiting, holding }, event.at);
    }
  }
}

/** What a node has left. */
export function freeOn(
  node: QueueNode,
  holding: Record<string, Holding>,
): { cpu: number; memoryBytes: number; gpus: Gpu[] } {
  let cpu = node.cpus;
  let memoryBytes = node.memoryBytes;
  const held = new Set<number>();
  for (const one of Object.values(holding)) {
    if (one.node !== node.name) continue;
    cpu -= one.request.cpu;
    memoryBytes -= one.request.memoryBytes;
    for (const index of one.gpus) held.add(index);
  }
  return { cpu, memoryBytes, gpus: node.gpus.filter((gpu) => !gpu.busy && !held.has(gpu.index)) };
}

function admit(state: QueueState, at: number): Reduction<QueueState, Send> {
  const commands: Send[] = [];
  const waiting = [...state.waiting];
  const holding = { ...state.holding };
  // One that was queued before the nodes were known, or larger than they became, waits without holding the others up.
  const isHead = (entry: Entry) => refuse(entry.request, state.nodes) === undefined;
  for (let head = waiting.find(isHead); head; head = waiting.find(isHead)) {
    const place = placeOf(head.request, state.nodes, holding);
    if (!place) break;
    waiting.splice(waiting.indexOf(head), 1);
    holding[head.id] = { ...place, request: head.request, at };
    commands.push(send('run', head.id, { type: 'admitted', ...place }));
  }
  const first = waiting.find(isHead);
  const told = waiting.map((entry, i): Entry => {
    const position = i + 1;
    const reason =
      entry === first ? lacking(entry, state.nodes, holding) : (refuse(entry.request, state.nodes) ?? behind(i));
    if (i >= toldPositions || (entry.told?.reason === reason && entry.told.position === position)) return entry;
    const ahead = waiting.slice(0, Math.min(i, 10)).map((other) => other.id);
    const news: Waiting = { reason, position, ahead, since: entry.at };
    commands.push(send('run', entry.id, { type: 'waitingChanged', waiting: news }));
    return { ...entry, told: { reason, position } };
  });
  return { state: { ...state, waiting: told, holding }, commands, receipts: [] };
}

/** The first node where the request fits, with the GPUs it gets (smallest sufficient memory first). */
function placeOf(request: Request, nodes: QueueNode[], holding: Record<string, Holding>) {
  for (const node of nodes) {
    const free = freeOn(node, holding);
    const gpus = free.gpus
      .filter((gpu) => gpu.memoryBytes >= request.gpuMemoryBytes)
      .sort((a, b) => a.memoryBytes - b.memoryBytes);
    // CPU shares are decimals such as 0.1: compare with a tolerance below the smallest meaningful share.
    const fits = free.cpu + 1e-6 >= request.cpu && free.memoryBytes >= request.memoryBytes;
    if (fits && gpus.length >= request.gpu) {
      return { node: node.name, gpus: gpus.slice(0, request.gpu).map((gpu) => gpu.index) };
    }
  }
  return undefined;
}

/** Why a request can never be met by these nodes, or undefined if it can. */
function refuse(request: Request, nodes: QueueNode[]): string | undefined {
  if (nodes.length === 0) return undefined;
  if (!Number.isInteger(request.gpu)) return 'A fraction of a GPU cannot be given here: no node offers GPU shares.';
  const empty = nodes.map((node) => ({ ...node, gpus: node.gpus.map((gpu) => ({ ...gpu, busy: false })) }));
  if (placeOf(request, empty, {})) return undefined;
  const shapes = nodes.map(
    (node) => `${node.name} has ${node.cpus} CPUs, ${gibibytes(node.memoryBytes)} memory, ${node.gpus.length} GPUs`,
  );
  const wish = `${request.cpu} CPUs, ${gibibytes(request.memoryBytes)} memory, ${request.gpu} GPUs`;
  return `No node can ever hold ${wish}: ${shapes.join('; ')}. Ask for less under resources.`;
}

function behind(ahead: number): string {
  return `waits behind ${ahead === 1 ? 'one other' : `${ahead} others`}`;
}

function lacking(head: Entry, nodes: QueueNode[], holding: Record<string, Holding>): string {
  const free = nodes.map((node) => freeOn(node, holding));
  const lacks: string[] = [];
  if (free.every((one) => one.cpu + 1e-6 < head.request.cpu)) lacks.push(`${head.request.cpu} CPUs`);
  if (free.every((one) => one.memoryBytes < head.request.memoryBytes))
    lacks.push(`${gibibytes(head.request.memoryBytes)} memory`);
  if (free.every((one) => one.gpus.length < head.request.gpu)) lacks.push(`${head.request.gpu} GPUs`);
  return `waits for ${lacks.join(' and ') || 'room on one node'} to become free`;
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
