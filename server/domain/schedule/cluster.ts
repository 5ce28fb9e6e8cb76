/**
 * What is free, as flat numbers beside the nodes of the state: derived from them alone and kept only for speed. It
 * belongs to one array of nodes and moves to the next one when a reduction is done; an older array gets a new one when
 * somebody asks. So every decision is a function of the state, and costs what has changed instead of what there is.
 */
import { type Need, needOf, type QueueNode, type Share } from './resources.ts';
import type { Held, NodeState } from './state.ts';

/** Room that one member takes: a node and GPUs of it. */
export interface Room {
  node: number;
  gpus: number[];
  milliGpu: number;
}

/** Scores of all nodes for one need, and up to which change they are true. */
interface Scores {
  values: Float64Array;
  seen: number;
}

/** Changes after which the scores are begun anew, so that the log does not grow for ever. */
const longestLog = 1 << 16;

export class Cluster {
  readonly count: number;
  /** GPUs of the node that has most of them: GPU g of node n stands at n × stride + g. */
  readonly stride: number;
  readonly gpusOf: Int32Array;
  readonly milliCpu: Float64Array;
  readonly memoryBytes: Float64Array;
  /** Thousandths that are free of each GPU; 0 where a foreign process uses it. */
  readonly milliGpu: Int32Array;
  readonly #nodes: readonly QueueNode[];
  readonly #gpuMemory: Float64Array;
  readonly #indexOf: Map<string, number>;
  readonly #log: number[] = [];
  /** Place in the log of a node's last change. */
  readonly #changed: Int32Array;
  #scores = new Map<string, Scores>();
  #scoredBy: unknown;

  /** @param like one of the same nodes; what is free is copied from it */
  constructor(nodes: readonly QueueNode[], like?: Cluster) {
    this.#nodes = nodes;
    this.count = nodes.length;
    this.#changed = new Int32Array(this.count).fill(-1);
    if (like) {
      this.stride = like.stride;
      this.gpusOf = like.gpusOf;
      this.#gpuMemory = like.#gpuMemory;
      this.#indexOf = like.#indexOf;
      this.milliCpu = like.milliCpu.slice();
      this.memoryBytes = like.memoryBytes.slice();
      this.milliGpu = like.milliGpu.slice();
      return;
    }
    this.stride = Math.max(1, ...nodes.map((node) => node.gpus.length));
    this.gpusOf = Int32Array.from(nodes, (node) => node.gpus.length);
    this.#indexOf = new Map(nodes.map(({ name }, n) => [name, n]));
    const free = (node: QueueNode, whole: number, foreign = 0) => (node.lost ? 0 : whole - foreign);
    this.milliCpu = Float64Array.from(nodes, (node) => Math.round(free(node, node.cpus, node.foreign?.cpus) * 1000));
    this.memoryBytes = Float64Array.from(nodes, (node) => free(node, node.memoryBytes, node.foreign?.memoryBytes));
    this.milliGpu = new Int32Array(this.count * this.stride);
    this.#gpuMemory = new Float64Array(this.count * this.stride);
    for (const [n, node] of nodes.entries()) {
      for (const [g, gpu] of node.gpus.entries()) {
        this.milliGpu[n * this.stride + g] = gpu.busy || node.lost ? 0 : 1000;
        this.#gpuMemory[n * this.stride + g] = gpu.memoryBytes;
      }
    }
  }

  /** A copy to try things on; it knows no scores yet. */
  copy(): Cluster {
    return new Cluster(this.#nodes, this);
  }

  node(n: number): QueueNode {
    return this.#nodes[n]!;
  }

  indexOf(name: string): number | undefined {
    return this.#indexOf.get(name);
  }

  take(n: number, share: Share): void {
    this.#move(n, share, -1);
  }

  give(n: number, share: Share): void {
    this.#move(n, share, 1);
  }

  #move(n: number, { milliCpu, memoryBytes, gpus, milliGpu, members }: Share, sign: 1 | -1): void {
    this.milliCpu[n]! += sign * milliCpu * members;
    this.memoryBytes[n]! += sign * memoryBytes * members;
    const { gpus: all } = this.#nodes[n]!;
    for (const index of gpus) {
      const g = all[index]?.index === index ? index : all.findIndex((gpu) => gpu.index === index);
      if (g >= 0 && !all[g]!.busy && !this.#nodes[n]!.lost) this.milliGpu[n * this.stride + g]! += sign * milliGpu;
    }
    if (this.#log.length >= longestLog) {
      this.#log.length = 0;
      this.#changed.fill(-1);
      this.#scores = new Map();
    }
    this.#changed[n] = this.#log.length;
    this.#log.push(n);
  }

  /**
   * How much of each GPU a need takes on a node: 1000 for whole ones; for a fraction the smallest size offered there
   * that is enough; undefined where no such fraction is offered.
   */
  milliGpuOn(n: number, need: Need): number | undefined {
    if (need.gpus === 0 || need.milliGpu === 1000) return need.milliGpu;
    const offered = this.#nodes[n]!.gpuShares;
    if (offered === undefined) return undefined;
    if (offered === 'any') return need.milliGpu;
    const enough = offered.filter((size) => size >= need.milliGpu);
    return enough.length > 0 ? Math.min(...enough) : undefined;
  }

  /** Whether GPU g (its place, not its index) of a node is of a kind that will do. */
  suits(n: number, g: number, need: Need): boolean {
    if (this.#gpuMemory[n * this.stride + g]! < need.gpuMemoryBytes) return false;
    return need.products === undefined || need.products.includes(this.#nodes[n]!.gpus[g]!.product);
  }

  /** GPUs (their places) of a node that will do and have so much left. */
  suitable(n: number, need: Need, milliGpu: number): number[] {
    const found: number[] = [];
    const from = n * this.stride;
    for (let g = 0; g < this.gpusOf[n]!; g++)
      if (this.milliGpu[from + g]! >= milliGpu && this.suits(n, g, need)) found.push(g);
    return found;
  }

  fits(n: number, need: Need): boolean {
    if (this.milliCpu[n]! < need.milliCpu || this.memoryBytes[n]! < need.memoryBytes) return false;
    if (need.gpus === 0) return true;
    if (this.gpusOf[n]! < need.gpus) return false;
    const milliGpu = this.milliGpuOn(n, need);
    if (milliGpu === undefined) return false;
    const from = n * this.stride;
    let found = 0;
    for (let g = 0; g < this.gpusOf[n]!; g++)
      if (this.milliGpu[from + g]! >= milliGpu && this.suits(n, g, need) && ++found === need.gpus) return true;
    return false;
  }

  gpuMemory(n: number, g: number): number {
    return this.#gpuMemory[n * this.stride + g]!;
  }

  /**
   * The scores of all nodes for a need, minus infinity where it does not fit; only what has changed since they were
   * last asked for is computed.
   * @param by what the scores depend on besides need and node; other scores are forgotten when it is another
   */
  scores(need: Need, by: unknown, score: (n: number) => number): Float64Array {
    if (this.#scoredBy !== by) {
      this.#scores = new Map();
      this.#scoredBy = by;
    }
    const judge = (n: number) => (this.fits(n, need) ? score(n) : Number.NEGATIVE_INFINITY);
    const log = this.#log;
    let known = this.#scores.get(need.key);
    if (!known) {
      const values = new Float64Array(this.count);
      for (let n = 0; n < this.count; n++) values[n] = judge(n);
      known = { values, seen: log.length };
      this.#scores.set(need.key, known);
      return values;
    }
    for (let place = known.seen; place < log.length; place++) {
      const n = log[place]!;
      if (this.#changed[n] === place) known.values[n] = judge(n);
    }
    known.seen = log.length;
    return known.values;
  }
}

/** One member's share of a node. */
export function shareOf(need: Need, room: Room): Share {
  const { milliCpu, memoryBytes } = need;
  return { gpus: room.gpus, milliGpu: room.milliGpu, milliCpu, memoryBytes, members: 1 };
}

/** What is held by whom, and by which tenant: derived like the free room. */
export class Ledger {
  readonly cluster: Cluster;
  /** Nodes of each holder. */
  readonly nodesOf = new Map<string, number[]>();
  readonly usage = new Map<string, Usage>();
  readonly capacity: Usage;

  constructor(nodes: readonly NodeState[]) {
    this.cluster = new Cluster(nodes.map(({ node }) => node));
    this.capacity = emptyUsage();
    for (const [n, { node, held }] of nodes.entries()) {
      this.capacity.milliCpu += Math.round(node.cpus * 1000);
      this.capacity.memoryBytes += node.memoryBytes;
      for (const gpu of node.gpus) addGpus(this.capacity, gpu.product, 1000);
      for (const one of Object.values(held)) this.add(n, one);
    }
  }

  add(n: number, held: Held): void {
    this.cluster.take(n, held.share);
    this.nodesOf.set(held.entry.id, [...(this.nodesOf.get(held.entry.id) ?? []), n]);
    this.#count(n, held, 1);
  }

  remove(n: number, held: Held): void {
    this.cluster.give(n, held.share);
    this.nodesOf.delete(held.entry.id);
    this.#count(n, held, -1);
  }

  usageOf(tenant: string): Usage {
    return this.usage.get(tenant) ?? none;
  }

  #count(n: number, { entry, share }: Held, sign: 1 | -1): void {
    let usage = this.usage.get(entry.tenant);
    if (!usage) {
      usage = emptyUsage();
      this.usage.set(entry.tenant, usage);
    }
    usage.milliCpu += sign * share.milliCpu * share.members;
    usage.memoryBytes += sign * share.memoryBytes * share.members;
    const { gpus } = this.cluster.node(n);
    for (const index of share.gpus)
      addGpus(usage, gpus.find((gpu) => gpu.index === index)?.product ?? '', sign * share.milliGpu);
  }
}

export interface Usage {
  milliCpu: number;
  memoryBytes: number;
  milliGpu: number;
  byProduct: Map<string, number>;
}

const none = emptyUsage();

export function emptyUsage(): Usage {
  return { milliCpu: 0, memoryBytes: 0, milliGpu: 0, byProduct: new Map() };
}

function addGpus(usage: Usage, product: string, milliGpu: number): void {
  usage.milliGpu += milliGpu;
  usage.byProduct.set(product, (usage.byProduct.get(product) ?? 0) + milliGpu);
}

const ledgers = new WeakMap<readonly NodeState[], Ledger>();

/** The ledger of these nodes, made if there is none. It must not be changed. */
export function ledgerOf(nodes: readonly NodeState[]): Ledger {
  let ledger = ledgers.get(nodes);
  if (!ledger) {
    ledger = new Ledger(nodes);
    ledgers.set(nodes, ledger);
  }
  return ledger;
}

/**
 * Nodes that a reduction changes. The ledger changes with them, and is nobody's until {@link done}: if the reduction
 * throws, the nodes it began with get a new one.
 */
export class Nodes {
  ledger: Ledger;
  #nodes: readonly NodeState[];
  #before: readonly NodeState[];

  constructor(nodes: readonly NodeState[]) {
    this.ledger = ledgerOf(nodes);
    ledgers.delete(nodes);
    this.#nodes = nodes;
    this.#before = nodes;
  }

  get all(): readonly NodeState[] {
    return this.#nodes;
  }

  /** Other nodes instead of these. */
  replace(nodes: readonly NodeState[]): void {
    this.#nodes = nodes;
    this.#before = nodes;
    this.ledger = new Ledger(nodes);
  }

  hold(n: number, held: Held): void {
    const { node, held: others } = this.#nodes[n]!;
    this.#put(n, { node, held: { ...others, [held.entry.id]: held } });
    this.ledger.add(n, held);
  }

  /** Takes a holder off all its nodes. */
  drop(id: string): Held | undefined {
    let last: Held | undefined;
    for (const n of this.ledger.nodesOf.get(id) ?? []) {
      const { node, held } = this.#nodes[n]!;
      const { [id]: gone, ...others } = held;
      last = gone!;
      this.#put(n, { node, held: others });
      this.ledger.remove(n, last);
    }
    return last;
  }

  holder(id: string): Held | undefined {
    const n = this.ledger.nodesOf.get(id)?.[0];
    return n === undefined ? undefined : this.#nodes[n]!.held[id];
  }

  /** Notes that a holder was asked to leave. */
  markLeaving(id: string, leaving: NonNullable<Held['leaving']>): void {
    for (const n of this.ledger.nodesOf.get(id) ?? []) {
      const { node, held } = this.#nodes[n]!;
      this.#put(n, { node, held: { ...held, [id]: { ...held[id]!, leaving } } });
    }
  }

  done(): NodeState[] {
    ledgers.set(this.#nodes, this.ledger);
    return this.#nodes as NodeState[];
  }

  #put(n: number, node: NodeState): void {
    if (this.#nodes === this.#before) this.#nodes = [...this.#before];
    (this.#nodes as NodeState[])[n] = node;
  }
}

/** The share of a gang's members that lie on the same node, together. */
export function joinShares(rooms: readonly Room[], request: Parameters<typeof needOf>[0]): Map<number, Share> {
  const need = needOf(request);
  const joined = new Map<number, Share>();
  for (const room of rooms) {
    const share = shareOf(need, room);
    const known = joined.get(room.node);
    joined.set(
      room.node,
      known ? { ...known, gpus: [...known.gpus, ...share.gpus], members: known.members + 1 } : share,
    );
  }
  return joined;
}
