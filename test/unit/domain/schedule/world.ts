// A small world in which what the queue admits runs for a given time, makes room when it is asked to, and ends.
import { holdersOf, reduceQueue } from '../../../../server/domain/schedule/queue.ts';
import type { QueueNode, Request } from '../../../../server/domain/schedule/resources.ts';
import type { QueueEvent, QueueSettings, QueueState } from '../../../../server/domain/schedule/state.ts';

export const GiB = 2 ** 30;

export function makeNode(name: string, cpus: number, gpus = 0, more: Partial<QueueNode> = {}): QueueNode {
  const described = Array.from({ length: gpus }, (_, index) => ({
    index,
    product: 'gpu',
    memoryBytes: 24 * GiB,
    busy: false,
  }));
  return { name, cpus, memoryBytes: 64 * GiB, gpus: described, ...more };
}

export function ask(cpu: number, gpu = 0, more: Partial<Request> = {}): Request {
  return { cpu, memoryBytes: 0, gpu, gpuMemoryBytes: 0, ...more };
}

export interface Job {
  id: string;
  at: number;
  request: Request;
  durationMs: number;
  tenant?: string;
  priority?: number;
  graceMs?: number;
  timeoutMs?: number;
}

export interface Told {
  at: number;
  id: string;
  event: { type: string } & Record<string, unknown>;
}

export class World {
  state: QueueState | undefined;
  readonly told: Told[] = [];
  readonly events: QueueEvent[] = [];
  /** Work that each one has lost by being preempted, each time. */
  readonly lostMs: number[] = [];
  now = 0;
  readonly #left = new Map<string, Job & { leftMs: number }>();
  readonly #ends: { at: number; id: string; since: number; isAsked: boolean }[] = [];

  constructor(nodes: QueueNode[], settings: Partial<QueueSettings> = {}) {
    this.send({ type: 'configured', at: 0, settings });
    this.send({ type: 'capacity', at: 0, nodes });
  }

  send(event: QueueEvent): void {
    this.events.push(event);
    const step = reduceQueue(this.state, event);
    this.state = step.state;
    for (const { to, event: told } of step.commands) {
      this.told.push({ at: event.at, id: to.id, event: told });
      if (told.type === 'admitted') {
        const { leftMs } = this.#left.get(to.id)!;
        this.#ends.push({ at: event.at + leftMs, id: to.id, since: event.at, isAsked: false });
      } else if (told.type === 'preempted') {
        const end = this.#ends.find(({ id }) => id === to.id)!;
        const { graceMs } = this.#left.get(to.id)!;
        if (event.at + graceMs! < end.at) Object.assign(end, { at: event.at + graceMs!, isAsked: true });
      }
    }
    this.#ends.sort((a, b) => a.at - b.at);
  }

  submit(job: Job): void {
    this.runUntil(job.at);
    this.#left.set(job.id, { ...job, leftMs: job.durationMs });
    this.#submit(job, job.at);
  }

  /** Lets everything end that ends until then. */
  runUntil(at: number): void {
    while (this.#ends.length > 0 && this.#ends[0]!.at <= at) {
      const { at: end, id, since, isAsked } = this.#ends.shift()!;
      this.now = end;
      this.send({ type: 'released', at: end, id, hasCompleted: !isAsked });
      if (!isAsked) continue;
      const job = this.#left.get(id)!;
      // Its checkpoint is written when it is asked: what it does in its grace time is lost.
      const kept = Math.max(0, end - since - job.graceMs!);
      this.lostMs.push(end - since - kept);
      job.leftMs -= kept;
      this.#submit(job, end, job.at);
    }
    this.now = at;
  }

  #submit({ id, request, tenant, priority = 0, graceMs, timeoutMs }: Job, at: number, since?: number): void {
    this.send({ type: 'submitted', at, since, id, request, tenant, priority, graceMs, timeoutMs });
  }

  startOf(id: string): number | undefined {
    return this.told.find((one) => one.id === id && one.event.type === 'admitted')?.at;
  }

  lastTold(id: string, type: string): Told['event'] | undefined {
    return this.told.findLast((one) => one.id === id && one.event.type === type)?.event;
  }

  holds(id: string): boolean {
    return id in holdersOf(this.state!);
  }
}
