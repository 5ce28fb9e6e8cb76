/** Plays a trace through the queue's reducer, the very same that decides in production. */
import { Generator } from '../sweep/generator.ts';
import { newQueue, reduceQueue } from './queue.ts';
import { needOf, type QueueNode } from './resources.ts';
import type { QueueEvent, QueueSettings, QueueState } from './state.ts';
import type { Task } from './traces.ts';
import { typicalOf } from './typical.ts';

export interface Percentiles {
  p50: number;
  p95: number;
  max: number;
}

export interface Outcome {
  tasks: number;
  placed: number;
  gpusTotal: number;
  /** At the end of a list of tasks that never end; over time, up to the last arrival, of a queue. */
  gpusAllocatedPct: number;
  waitSeconds: Percentiles;
  slowdown: Percentiles;
  preemptions: number;
  jainFairness: number;
  byTenant: Record<string, { waitSeconds: Percentiles; slowdown: Percentiles }>;
}

/** Shorter work counts as this long in a slow-down: bounded slow-down, D. Feitelson et al., JSSPP 1997. */
const shortestMs = 10_000;

/** Tasks in an order of chance, and further ones drawn from all of them until they ask for `load` times all GPUs. */
export function inflate(tasks: readonly Task[], gpus: number, load: number, random: Generator): Task[] {
  const order = [...tasks];
  shuffle(order, random);
  const gpusOf = ({ request }: Task) => request.gpu;
  let asked = order.reduce((sum, task) => sum + gpusOf(task), 0);
  if (asked <= 0) return order;
  for (let n = 0; ; n++) {
    const task = tasks[random.integer(tasks.length)]!;
    if (asked + gpusOf(task) > load * gpus) break;
    asked += gpusOf(task);
    order.push({ ...task, id: `${task.id}-again-${n}` });
  }
  while (asked > load * gpus) asked -= gpusOf(order.splice(random.integer(order.length), 1)[0]!);
  return order;
}

export function shuffle<T>(items: T[], random: Generator): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
}

/**
 * Tasks arrive until they ask for `load` times all GPUs; none ends, and one that has no room when it arrives is skipped.
 * The method of Weng et al. (USENIX ATC 2023, section 6) and of their artifact: tasks shuffled, drawn again until the load
 * is reached; nodes in an order of chance; typical tasks are those of the whole list.
 */
export function simulateArrivals(
  nodes: readonly QueueNode[],
  tasks: readonly Task[],
  options: { placement: QueueSettings['placement']; load: number; seed: number },
): Outcome {
  const random = Generator.seeded(options.seed);
  const gpusTotal = countGpus(nodes);
  const arrivals = inflate(tasks, gpusTotal, options.load, random);
  const shuffled = [...nodes];
  shuffle(shuffled, random);
  let state = begin(shuffled, tasks, { placement: options.placement }, random);
  let placed = 0;
  let gpus = 0;
  for (const [at, { id, request, tenant }] of arrivals.entries()) {
    const event: QueueEvent = { type: 'submitted', at, id, request, tenant, priority: 0, maxWaitMs: 0 };
    const step = reduceQueue(state, event);
    state = step.state;
    if (step.commands.some((command) => command.event.type === 'admitted')) {
      placed++;
      gpus += request.gpu;
    }
  }
  const nobodyWaits = { p50: 0, p95: 0, max: 0 };
  const nobodySlows = { p50: 1, p95: 1, max: 1 };
  const tenants = [...new Set(tasks.map(({ tenant }) => tenant))];
  return {
    tasks: arrivals.length,
    placed,
    gpusTotal,
    gpusAllocatedPct: gpusTotal === 0 ? 0 : (100 * gpus) / gpusTotal,
    waitSeconds: nobodyWaits,
    slowdown: nobodySlows,
    preemptions: 0,
    jainFairness: 1,
    byTenant: Object.fromEntries(tenants.map((name) => [name, { waitSeconds: nobodyWaits, slowdown: nobodySlows }])),
  };
}

interface Running {
  task: Task;
  startedAt: number;
  endsAt: number;
  /** Raised when it is preempted: an older end means nothing then. */
  round: number;
}

/**
 * Tasks arrive at their times, wait, run for as long as they did, and end.
 * @param settings those of the queue; only what is given differs from the defaults
 * @param graceMs if given, every task may be preempted: it is given so long, loses as much of its work, and comes back
 */
export function simulateQueue(
  nodes: readonly QueueNode[],
  tasks: readonly Task[],
  options: { settings: Partial<QueueSettings>; seed: number; graceMs?: number; speed?: number },
): Outcome {
  const { graceMs, speed = 1 } = options;
  let state = begin([...nodes], tasks, options.settings, Generator.seeded(options.seed));
  const waiting = new Map<string, { task: Task; leftMs: number; since: number; waitedMs: number }>();
  const running = new Map<string, Running & { waitedMs: number; leftMs: number }>();
  const ends = new Heap<{ at: number; id: string; round: number; leaves: boolean }>((a, b) => a.at - b.at);
  const done: { tenant: string; waitMs: number; slowdown: number }[] = [];
  const gpusTotal = countGpus(nodes);
  const lastArrival = (tasks.at(-1)?.at ?? 0) / speed;
  let gpuMs = 0;
  let preemptions = 0;
  let rounds = 0;

  const apply = (event: QueueEvent) => {
    const step = reduceQueue(state, event);
    state = step.state;
    for (const { to, event: told } of step.commands) {
      if (told.type === 'admitted') {
        const { task, leftMs, since, waitedMs } = waiting.get(to.id)!;
        waiting.delete(to.id);
        const one = { task, startedAt: event.at, endsAt: event.at + leftMs, round: ++rounds, leftMs };
        running.set(to.id, { ...one, waitedMs: waitedMs + event.at - since });
        ends.push({ at: one.endsAt, id: to.id, round: one.round, leaves: false });
      } else if (told.type === 'preempted') {
        preemptions++;
        const one = running.get(to.id)!;
        one.round = ++rounds;
        ends.push({ at: Math.min(one.endsAt, event.at + graceMs!), id: to.id, round: one.round, leaves: true });
      } else if (told.type === 'refused') waiting.delete(to.id);
    }
  };
  const submit = (task: Task, at: number, since: number) => {
    const { id, request, tenant } = task;
    apply({ type: 'submitted', at, since, id, request, tenant, priority: 0, graceMs, work: tenant });
  };
  const endNext = () => {
    const { at, id, round, leaves } = ends.pop()!;
    const one = running.get(id);
    if (!one || one.round !== round) return;
    running.delete(id);
    const { task, startedAt, endsAt, waitedMs } = one;
    gpuMs += gpusOf(task) * Math.max(0, Math.min(at, lastArrival) - Math.min(startedAt, lastArrival));
    const isComplete = !leaves || endsAt <= at;
    apply({ type: 'released', at, id, hasCompleted: isComplete });
    if (!isComplete) {
      // What is done within the grace time is lost, the checkpoint having been written at its beginning.
      const leftMs = one.leftMs - Math.max(0, at - startedAt - graceMs!);
      waiting.set(id, { task, leftMs, since: at, waitedMs });
      submit(task, at, (task.at ?? 0) / speed);
      return;
    }
    const runMs = task.durationMs ?? 0;
    const totalMs = at - (task.at ?? 0) / speed;
    done.push({ tenant: task.tenant, waitMs: waitedMs, slowdown: Math.max(1, totalMs / Math.max(runMs, shortestMs)) });
  };

  for (const task of tasks) {
    const at = (task.at ?? 0) / speed;
    while (ends.size > 0 && ends.least.at <= at) endNext();
    waiting.set(task.id, { task, leftMs: task.durationMs ?? 0, since: at, waitedMs: 0 });
    submit(task, at, at);
  }
  while (ends.size > 0) endNext();

  const byTenant = Map.groupBy(done, ({ tenant }) => tenant);
  return {
    tasks: tasks.length,
    placed: done.length,
    gpusTotal,
    gpusAllocatedPct: gpusTotal * lastArrival > 0 ? (100 * gpuMs) / (gpusTotal * lastArrival) : 0,
    ...figures(done),
    preemptions,
    jainFairness: jain(
      [...byTenant.values()].map((all) => all.reduce((sum, one) => sum + one.slowdown, 0) / all.length),
    ),
    byTenant: Object.fromEntries([...byTenant].sort().map(([tenant, all]) => [tenant, figures(all)])),
  };
}

function begin(
  nodes: QueueNode[],
  tasks: readonly Task[],
  settings: Partial<QueueSettings>,
  random: Generator,
): QueueState {
  const counts = new Map<
    string,
    { milliCpu: number; gpus: number; milliGpu: number; products?: string[]; weight: number }
  >();
  for (const { request } of tasks) {
    const { milliCpu, gpus, milliGpu, products } = needOf(request);
    const key = `${milliCpu}/${gpus}×${milliGpu}/${products?.join('|') ?? ''}`;
    const known = counts.get(key);
    if (known) known.weight++;
    else counts.set(key, { milliCpu, gpus, milliGpu, ...(products && { products: [...products] }), weight: 1 });
  }
  const fresh: QueueState = { ...newQueue(), random: random.snapshot() };
  const typical = typicalOf([...counts.values()]);
  const configured = reduceQueue(fresh, { type: 'configured', at: 0, settings: { told: 0, ...settings }, typical });
  return reduceQueue(configured.state, { type: 'capacity', at: 0, nodes }).state;
}

function gpusOf({ request }: Task): number {
  return request.gpu * (request.members ?? 1);
}

function countGpus(nodes: readonly QueueNode[]): number {
  return nodes.reduce((sum, node) => sum + node.gpus.length, 0);
}

function figures(done: readonly { waitMs: number; slowdown: number }[]) {
  return {
    waitSeconds: percentiles(done.map(({ waitMs }) => waitMs / 1000)),
    slowdown: percentiles(done.map(({ slowdown }) => slowdown)),
  };
}

function percentiles(values: number[]): Percentiles {
  const sorted = Float64Array.from(values).sort();
  const at = (q: number) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}

/**
 * 1: all the same, 1/n: one has everything. Here over the tenants' mean slow-downs.
 * R. Jain, D. Chiu, W. Hawe, "A Quantitative Measure of Fairness", DEC-TR-301, 1984.
 */
export function jain(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value * value, 0);
  return squares === 0 ? 1 : (sum * sum) / (values.length * squares);
}

/** A binary heap, the least on top. */
class Heap<T> {
  readonly #items: T[] = [];
  readonly #compare: (a: T, b: T) => number;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#items.length;
  }

  get least(): T {
    return this.#items[0]!;
  }

  push(item: T): void {
    const items = this.#items;
    let i = items.push(item) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.#compare(items[parent]!, item) <= 0) break;
      items[i] = items[parent]!;
      i = parent;
    }
    items[i] = item;
  }

  pop(): T | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (items.length === 0 || last === undefined) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#compare(items[child + 1]!, items[child]!) < 0) child++;
      if (this.#compare(last, items[child]!) <= 0) break;
      items[i] = items[child]!;
      i = child;
    }
    items[i] = last;
    return top;
  }
}
