/** What comes in and what goes out of the queue: nodes, requests, ends, waits that are over. Nobody is started here. */
import { type Send, send } from '../reducer.ts';
import { Generator } from '../sweep/generator.ts';
import { type Ledger, Nodes } from './cluster.ts';
import { remember } from './durations.ts';
import { allowedPriority, before, inserted } from './line.ts';
import { refuse, requestKey } from './refusal.ts';
import type { QueueNode } from './resources.ts';
import { type Entry, type NodeState, onlyTenant, type QueueState, type Submitted } from './state.ts';
import { askedFor } from './typical.ts';

/** How often, in the time after which one is overdue, the line is looked through for such. */
const overdueBatches = 100;

/** What lies before one reduction: a copy of the state, of which no more than the first level is changed. */
export class Desk {
  /** A copy of the state before, of which no more than the first level is changed. */
  readonly state: QueueState;
  hasChanged = false;
  readonly before: QueueState;
  readonly at: number;
  readonly nodes: Nodes;
  readonly commands: Send[] = [];
  readonly dice: Generator;
  readonly started = new Set<string>();

  constructor(state: QueueState, at: number) {
    this.before = state;
    this.state = { ...state };
    this.at = at;
    this.nodes = new Nodes(state.nodes);
    this.dice = Generator.restore(state.random);
  }

  get ledger(): Ledger {
    return this.nodes.ledger;
  }

  change(changes: Partial<QueueState>): void {
    Object.assign(this.state, changes);
    this.hasChanged = true;
  }

  typicalOf(typical: QueueState['typical'] | undefined): Partial<QueueState> {
    return typical ? { typical, asked: undefined } : {};
  }

  /** Nodes as they are reported now; one that is no longer reported stays as long as somebody holds a part of it. */
  setNodes(reported: QueueNode[]): boolean {
    if (JSON.stringify(reported) === JSON.stringify(this.nodes.all.map(({ node }) => node))) return false;
    const known = new Map(this.nodes.all.map((one) => [one.node.name, one]));
    const nodes: NodeState[] = reported.map((node) => ({ node, held: known.get(node.name)?.held ?? {} }));
    const names = new Set(reported.map(({ name }) => name));
    for (const { node, held } of known.values())
      if (!names.has(node.name) && Object.keys(held).length > 0) nodes.push({ node: { ...node, lost: true }, held });
    this.nodes.replace(nodes);
    this.change({ seenAt: this.at });
    return true;
  }

  /** @returns false if there is nothing to start: it is known, or can never be met */
  submit(asked: Submitted, since: number | undefined): boolean {
    const { id, kind, request, maxWaitMs = this.state.settings.maxWaitMs, timeoutMs, graceMs, work } = asked;
    const tenant = asked.tenant ?? onlyTenant;
    const line = this.state.lines[tenant] ?? [];
    if (this.nodes.holder(id) || line.some((entry) => entry.id === id)) return false;
    const priority = allowedPriority(this.state, tenant, asked.priority);
    const seq = this.state.arrivals + 1;
    const optional = Object.entries({ kind, maxWaitMs, timeoutMs, graceMs, work }).filter(([, it]) => it !== undefined);
    const entry: Entry = { id, request, tenant, priority, at: since ?? this.at, seq, ...Object.fromEntries(optional) };
    const refusal = refuse(this.ledger, request);
    if (refusal) {
      this.tell(entry, { type: 'refused', reason: refusal });
      return false;
    }
    this.change({ arrivals: seq, ...askedFor(this.state, request) });
    this.enter(entry);
    return true;
  }

  /** @returns false if nobody of this name holds or waits */
  release(id: string, hasCompleted: boolean): boolean {
    const held = this.nodes.holder(id);
    if (!held) {
      const entry = this.waiting(id);
      if (entry) this.leave(entry);
      return entry !== undefined;
    }
    const hours = (this.at - held.at) / 3600_000;
    const nodes = this.ledger.nodesOf.get(id)!.map((n) => this.nodes.all[n]!.held[id]!.share);
    const spent = this.state.spent[held.entry.tenant] ?? { gpuHours: 0, cpuHours: 0 };
    const gpuHours = nodes.reduce((sum, share) => sum + (share.gpus.length * share.milliGpu * hours) / 1000, 0);
    const cpuHours = nodes.reduce((sum, share) => sum + (share.members * share.milliCpu * hours) / 1000, 0);
    this.nodes.drop(id);
    this.change({
      spent: {
        ...this.state.spent,
        [held.entry.tenant]: { gpuHours: spent.gpuHours + gpuHours, cpuHours: spent.cpuHours + cpuHours },
      },
      ...(hasCompleted && { durations: remember(this.state.durations, held.entry.work, this.at - held.at) }),
    });
    return true;
  }

  /** An admission that came to nothing, because somebody else has these GPUs now: back to its old place. */
  giveBack(id: string, node: string, gpus: readonly number[]): boolean {
    const held = this.nodes.drop(id);
    if (!held) return false;
    const isTaken = (one: QueueNode) => ({
      ...one,
      gpus: one.gpus.map((gpu) => (gpus.includes(gpu.index) ? { ...gpu, busy: true } : gpu)),
    });
    this.nodes.replace(
      this.nodes.all.map((one) => (one.node.name === node ? { ...one, node: isTaken(one.node) } : one)),
    );
    const { told: _, ...entry } = held.entry;
    this.enter(entry);
    return true;
  }

  enter(entry: Entry): void {
    const key = requestKey(entry.request);
    const { lines, sizes } = this.state;
    const line = inserted(lines[entry.tenant] ?? [], entry);
    const size = { request: entry.request, count: (sizes[key]?.count ?? 0) + 1 };
    this.change({ lines: { ...lines, [entry.tenant]: line }, sizes: { ...sizes, [key]: size } });
    this.alarm(entry);
  }

  leave(entry: Entry): void {
    const { lines, sizes } = this.state;
    const line = lines[entry.tenant]!;
    const key = requestKey(entry.request);
    const { [key]: size, ...others } = sizes;
    const left = size!.count > 1 ? { ...sizes, [key]: { ...size!, count: size!.count - 1 } } : others;
    const kept = line.filter((one) => one !== entry);
    this.change({ lines: { ...lines, [entry.tenant]: kept }, sizes: left });
  }

  /** Those whose longest wait is over leave; those that have waited too long go before the others. */
  endWaits(): void {
    if (this.state.alarmAt === undefined || this.at < this.state.alarmAt) return;
    this.change({ alarmAt: undefined });
    for (const tenant of Object.keys(this.state.lines)) {
      for (const entry of this.state.lines[tenant]!) {
        if (entry.maxWaitMs === undefined || this.at - entry.at < entry.maxWaitMs) continue;
        this.tell(entry, { type: 'refused', reason: outWaited(entry) });
        this.leave(entry);
      }
      const { overdueMs } = this.state.settings;
      const line = this.state.lines[tenant]!.map(
        (entry): Entry => (this.at - entry.at >= overdueMs ? { ...entry, isOverdue: true } : entry),
      );
      for (const entry of line) this.alarm(entry);
      this.change({ lines: { ...this.state.lines, [tenant]: line.sort(before) } });
    }
  }

  /** One that starts at once or not at all leaves the line if it has not started. */
  refuseWait(id: string): void {
    const entry = this.waiting(id);
    if (entry?.maxWaitMs !== 0) return;
    this.leave(entry);
    this.tell(entry, { type: 'refused', reason: 'There is no room for it now, and it does not wait.' });
  }

  waiting(id: string): Entry | undefined {
    for (const line of Object.values(this.state.lines)) {
      const entry = line.find((one) => one.id === id);
      if (entry) return entry;
    }
    return undefined;
  }

  /** A moment at which somebody must be looked at again. */
  alarm({ at, maxWaitMs = Number.POSITIVE_INFINITY, isOverdue }: Entry): void {
    const { overdueMs } = this.state.settings;
    const batchMs = Math.max(1, overdueMs / overdueBatches);
    const overdue = isOverdue ? Number.POSITIVE_INFINITY : Math.ceil((at + overdueMs) / batchMs) * batchMs;
    const next = Math.min(
      at + (maxWaitMs || Number.POSITIVE_INFINITY),
      overdue,
      this.state.alarmAt ?? Number.POSITIVE_INFINITY,
    );
    // Being overdue is looked at in batches, not for each one.
    if (Number.isFinite(next)) this.state.alarmAt = next;
  }

  tell(entry: Entry, event: { type: string } & Record<string, unknown>): void {
    this.commands.push(send(entry.kind ?? 'run', entry.id, event));
  }
}

function outWaited({ maxWaitMs }: Entry): string {
  const seconds = Math.round(maxWaitMs! / 1000);
  const long =
    seconds < 120
      ? `${seconds} s`
      : seconds < 7200
        ? `${Math.round(seconds / 60)} min`
        : `${Math.round(seconds / 3600)} h`;
  return `It waited for ${long}, which is the longest it may wait.`;
}
