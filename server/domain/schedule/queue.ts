/**
 * The queue, one reducer for the slots of a laptop and for a cluster: who gets room, where, in which order, and why the
 * others wait. `line.ts` says whose turn it is, `place.ts` where it goes, `reservation.ts` who may pass the head,
 * `preemption.ts` who makes room for it, `forecast.ts` until when the others wait.
 */
import { type Reduction, type Send, send } from '../reducer.ts';
import { Generator } from '../sweep/generator.ts';
import { joinShares, type Ledger, ledgerOf, Nodes, type Room } from './cluster.ts';
import { remember } from './durations.ts';
import { allowedPriority, before, inserted, Turns } from './line.ts';
import { type Allowed, place } from './place.ts';
import { policyOf } from './placement/index.ts';
import { planPreemption } from './preemption.ts';
import { isAtLeast, refuse, requestKey } from './refusal.ts';
import { besideHead, reserve } from './reservation.ts';
import type { QueueNode } from './resources.ts';
import {
  defaultSettings,
  type Entry,
  type Held,
  type NodeState,
  onlyTenant,
  type Place,
  type QueueEvent,
  type QueueState,
  type Submitted,
} from './state.ts';
import { tellWaiting } from './tell.ts';
import { overQuota, productQuota } from './tenants.ts';
import { askedFor } from './typical.ts';

/** How often, in the time after which one is overdue, the line is looked through for such. */
const overdueBatches = 100;

export type { QueueEvent, QueueState } from './state.ts';

export function newQueue(): QueueState {
  return {
    nodes: [],
    seenAt: 0,
    lines: {},
    sizes: {},
    arrivals: 0,
    settings: defaultSettings,
    typical: [],
    asked: { total: 0, next: 1, counts: {} },
    durations: {},
    spent: {},
    random: Generator.seeded(0).snapshot(),
  };
}

export function reduceQueue(state: QueueState | undefined, event: QueueEvent): Reduction<QueueState, Send> {
  const desk = new Desk(state ?? newQueue(), event.at);
  desk.endWaits();
  switch (event.type) {
    case 'capacity':
      if (!desk.setNodes(event.nodes)) return desk.nothingElse();
      break;
    case 'configured':
      desk.change({
        settings: { ...desk.state.settings, ...event.settings },
        ...desk.typicalOf(event.typical),
        ...(event.policy !== undefined && { policy: event.policy }),
      });
      break;
    case 'submitted':
      if (!desk.submit(event, event.since)) return desk.nothingElse();
      return desk.startOne(event.id);
    case 'released':
      if (!desk.release(event.id, event.hasCompleted ?? false)) return desk.nothingElse();
      break;
    case 'slotTaken':
      if (!desk.giveBack(event.id, event.node, event.gpus)) return desk.nothingElse();
      break;
    case 'tick':
      return desk.nothingElse();
  }
  return desk.startAll();
}

/** One reduction at work. */
class Desk {
  /** A copy of the state before, of which no more than the first level is changed. */
  readonly state: QueueState;
  hasChanged = false;
  readonly #before: QueueState;
  readonly #at: number;
  readonly #nodes: Nodes;
  readonly #commands: Send[] = [];
  readonly #dice: Generator;
  readonly #started = new Set<string>();

  constructor(state: QueueState, at: number) {
    this.#before = state;
    this.state = { ...state };
    this.#at = at;
    this.#nodes = new Nodes(state.nodes);
    this.#dice = Generator.restore(state.random);
  }

  get #ledger(): Ledger {
    return this.#nodes.ledger;
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
    if (JSON.stringify(reported) === JSON.stringify(this.#nodes.all.map(({ node }) => node))) return false;
    const known = new Map(this.#nodes.all.map((one) => [one.node.name, one]));
    const nodes: NodeState[] = reported.map((node) => ({ node, held: known.get(node.name)?.held ?? {} }));
    const names = new Set(reported.map(({ name }) => name));
    for (const { node, held } of known.values())
      if (!names.has(node.name) && Object.keys(held).length > 0) nodes.push({ node: { ...node, lost: true }, held });
    this.#nodes.replace(nodes);
    this.change({ seenAt: this.#at });
    return true;
  }

  /** @returns false if there is nothing to start: it is known, or can never be met */
  submit(asked: Submitted, since: number | undefined): boolean {
    const { id, kind, request, maxWaitMs = this.state.settings.maxWaitMs, timeoutMs, graceMs, work } = asked;
    const tenant = asked.tenant ?? onlyTenant;
    const line = this.state.lines[tenant] ?? [];
    if (this.#nodes.holder(id) || line.some((entry) => entry.id === id)) return false;
    const priority = allowedPriority(this.state, tenant, asked.priority);
    const seq = this.state.arrivals + 1;
    const optional = Object.entries({ kind, maxWaitMs, timeoutMs, graceMs, work }).filter(([, it]) => it !== undefined);
    const entry: Entry = { id, request, tenant, priority, at: since ?? this.#at, seq, ...Object.fromEntries(optional) };
    const refusal = refuse(this.#ledger, request);
    if (refusal) {
      this.#tell(entry, { type: 'refused', reason: refusal });
      return false;
    }
    this.change({ arrivals: seq, ...askedFor(this.state, request) });
    this.#enter(entry);
    return true;
  }

  /** @returns false if nobody of this name holds or waits */
  release(id: string, hasCompleted: boolean): boolean {
    const held = this.#nodes.holder(id);
    if (!held) {
      const line = Object.values(this.state.lines).find((entries) => entries.some((entry) => entry.id === id));
      if (line) this.#leave(line.find((entry) => entry.id === id)!);
      return line !== undefined;
    }
    const hours = (this.#at - held.at) / 3600_000;
    const nodes = this.#ledger.nodesOf.get(id)!.map((n) => this.#nodes.all[n]!.held[id]!.share);
    const spent = this.state.spent[held.entry.tenant] ?? { gpuHours: 0, cpuHours: 0 };
    const gpuHours = nodes.reduce((sum, share) => sum + (share.gpus.length * share.milliGpu * hours) / 1000, 0);
    const cpuHours = nodes.reduce((sum, share) => sum + (share.members * share.milliCpu * hours) / 1000, 0);
    this.#nodes.drop(id);
    this.change({
      spent: {
        ...this.state.spent,
        [held.entry.tenant]: { gpuHours: spent.gpuHours + gpuHours, cpuHours: spent.cpuHours + cpuHours },
      },
      ...(hasCompleted && { durations: remember(this.state.durations, held.entry.work, this.#at - held.at) }),
    });
    return true;
  }

  /** An admission that came to nothing, because somebody else has these GPUs now: back to its old place. */
  giveBack(id: string, node: string, gpus: readonly number[]): boolean {
    const held = this.#nodes.drop(id);
    if (!held) return false;
    const isTaken = (one: QueueNode) => ({
      ...one,
      gpus: one.gpus.map((gpu) => (gpus.includes(gpu.index) ? { ...gpu, busy: true } : gpu)),
    });
    this.#nodes.replace(
      this.#nodes.all.map((one) => (one.node.name === node ? { ...one, node: isTaken(one.node) } : one)),
    );
    const { told: _, ...entry } = held.entry;
    this.#enter(entry);
    return true;
  }

  #enter(entry: Entry): void {
    const key = requestKey(entry.request);
    const { lines, sizes } = this.state;
    const line = inserted(lines[entry.tenant] ?? [], entry);
    const size = { request: entry.request, count: (sizes[key]?.count ?? 0) + 1 };
    this.change({ lines: { ...lines, [entry.tenant]: line }, sizes: { ...sizes, [key]: size } });
    this.#alarm(entry);
  }

  #leave(entry: Entry): void {
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
    if (this.state.alarmAt === undefined || this.#at < this.state.alarmAt) return;
    this.change({ alarmAt: undefined });
    for (const tenant of Object.keys(this.state.lines)) {
      for (const entry of this.state.lines[tenant]!) {
        if (entry.maxWaitMs === undefined || this.#at - entry.at < entry.maxWaitMs) continue;
        this.#tell(entry, { type: 'refused', reason: outWaited(entry) });
        this.#leave(entry);
      }
      const { overdueMs } = this.state.settings;
      const line = this.state.lines[tenant]!.map(
        (entry): Entry => (this.#at - entry.at >= overdueMs ? { ...entry, isOverdue: true } : entry),
      );
      for (const entry of line) this.#alarm(entry);
      this.change({ lines: { ...this.state.lines, [tenant]: line.sort(before) } });
    }
  }

  /** Something may have become free: everybody is asked in turn. */
  startAll(): Reduction<QueueState, Send> {
    this.#startInTurn(undefined);
    return this.#done();
  }

  /** Nothing has become free: only the one that is new can start, unless it is the head now. */
  startOne(id: string): Reduction<QueueState, Send> {
    this.#startInTurn(id);
    return this.#done();
  }

  /** What has changed without anybody being able to start. */
  nothingElse(): Reduction<QueueState, Send> {
    if (this.hasChanged) return this.startAll();
    this.#nodes.done();
    return { state: this.#before, commands: this.#commands, receipts: [] };
  }

  /**
   * In the order of the line until one does not fit; that is the head, and room is kept for it. The others may pass it
   * where they take nothing that it lacks.
   * @param only of those behind the head, nobody else is tried
   */
  #startInTurn(only: string | undefined): void {
    const turns = new Turns(this.state, this.#ledger);
    const keptBefore = this.state.reservation;
    let head: Entry | undefined;
    for (let entry = turns.next(); entry && !head; entry = turns.next()) {
      if (this.#isHeldUp(entry)) {
        if (entry.maxWaitMs === 0) this.#refuseWait(entry);
        continue;
      }
      const quota = this.#productQuota(entry);
      if (this.#start(entry, quota)) turns.hasStarted(entry.tenant);
      else if (entry.maxWaitMs === 0) this.#refuseWait(entry);
      // Held up by its own quota, it holds nobody else up.
      else if (!quota || !place(this.#ledger.cluster, entry.request, this.#policy, this.#dice)) {
        head = entry;
        this.#keepRoom(head, quota);
        // With the same room kept for the same head, those that did not fit beside it still do not.
        if (only === undefined || only === head.id || this.state.reservation !== keptBefore) this.#pass(turns, head);
        else if (!this.#started.has(only)) this.#passOne(only, head);
        break;
      }
    }
    if (!head && this.state.reservation) this.change({ reservation: undefined });
  }

  /** Those behind the head that fit beside it start. */
  #pass(turns: Turns, head: Entry): void {
    const { backfill, backfillDepth } = this.state.settings;
    /** Sizes that are found not to fit, and how many sizes wait. */
    const tooLarge = new Set<string>();
    const sizes = Object.entries(this.state.sizes);
    let left = backfill ? backfillDepth : 0;
    for (let entry = turns.next(); entry && left-- > 0 && tooLarge.size < sizes.length; entry = turns.next()) {
      const size = requestKey(entry.request);
      if (tooLarge.has(size) || this.#isHeldUp(entry)) continue;
      const quota = this.#productQuota(entry);
      if (this.#start(entry, this.#beside(head, entry, quota))) turns.hasStarted(entry.tenant);
      else if (!quota) for (const [key, { request }] of sizes) if (isAtLeast(request, entry.request)) tooLarge.add(key);
    }
  }

  #passOne(id: string, head: Entry): void {
    if (!this.state.settings.backfill) return;
    for (const line of Object.values(this.state.lines)) {
      const entry = line.find((one) => one.id === id);
      if (!entry) continue;
      const isStarted =
        !this.#isHeldUp(entry) && this.#start(entry, this.#beside(head, entry, this.#productQuota(entry)));
      if (!isStarted && entry.maxWaitMs === 0) this.#refuseWait(entry);
    }
  }

  /** Too large for the nodes of now, or for its tenant: it holds nobody up. */
  #isHeldUp({ tenant, request }: Entry): boolean {
    if (refuse(this.#ledger, request) !== undefined) return true;
    return overQuota(this.state, this.#ledger, tenant, request) !== undefined;
  }

  #productQuota({ tenant, request }: Entry): Allowed | undefined {
    return productQuota(this.state.settings, this.#ledger, tenant, request);
  }

  #beside(head: Entry, entry: Entry, quota: Allowed | undefined): Allowed | undefined {
    const { reservation } = this.state;
    const beside = reservation && besideHead(this.#ledger.cluster, reservation, head.request, entry.request);
    return beside && quota ? (n) => beside(n) && quota(n) : (beside ?? quota);
  }

  get #policy() {
    return policyOf(this.state.settings.placement, this.state.typical);
  }

  /** Starts one if it fits where it is allowed to go. */
  #start(entry: Entry, allowed: Allowed | undefined): boolean {
    const rooms = place(this.#ledger.cluster, entry.request, this.#policy, this.#dice, allowed);
    if (!rooms) return false;
    const { told: _, isOverdue: __, ...kept } = entry;
    for (const [n, share] of joinShares(rooms, entry.request))
      this.#nodes.hold(n, { entry: kept, share, at: this.#at });
    this.#leave(entry);
    this.#started.add(entry.id);
    const places = rooms.map((room) => this.#placeOf(room));
    const members = places.length > 1 ? { members: places } : {};
    this.#tell(entry, { type: 'admitted', ...places[0]!, ...members });
    if (this.state.reservation?.id === entry.id) this.change({ reservation: undefined });
    this.hasChanged = true;
    return true;
  }

  #placeOf({ node, gpus }: Room): Place {
    return { node: this.#ledger.cluster.node(node).name, gpus };
  }

  /** Keeps room for the head, and asks others to make it where they may be asked. */
  #keepRoom(head: Entry, allowed: Allowed | undefined): void {
    const { reservation } = this.state;
    const isKept =
      reservation?.id === head.id &&
      reservation.nodes.every((name) => {
        const n = this.#ledger.cluster.indexOf(name);
        return n !== undefined && !this.#ledger.cluster.node(n).lost;
      });
    const isLeaving = isKept && reservation.nodes.some((name) => this.#hasLeaving(name, head.id));
    if (isLeaving) return;
    const plan = planPreemption(this.state, this.#nodes.all, this.#ledger, head, this.#at, allowed);
    if (plan) {
      this.change({ reservation: { id: head.id, nodes: plan.nodes } });
      for (const { entry } of plan.victims) {
        const reason = `makes room for ${head.id}, which ${entry.tenant === head.tenant ? 'has a higher priority' : `belongs to ${head.tenant}, who is below its share`}`;
        this.#nodes.markLeaving(entry.id, { since: this.#at, for: head.id });
        this.#tell(entry, { type: 'preempted', by: head.id, graceMs: entry.graceMs!, reason });
      }
      return;
    }
    if (isKept) return;
    const kept = reserve(this.#nodes.all, this.#ledger, this.state.durations, head, this.#at, allowed);
    if (kept || reservation) this.change({ reservation: kept });
  }

  #hasLeaving(node: string, head: string): boolean {
    const { held } = this.#nodes.all[this.#ledger.cluster.indexOf(node)!]!;
    return Object.values(held).some((one) => one.leaving?.for === head);
  }

  /** One that starts at once or not at all, and has no room. */
  #refuseWait(entry: Entry): void {
    this.#leave(entry);
    this.#tell(entry, { type: 'refused', reason: 'There is no room for it now, and it does not wait.' });
  }

  /** A moment at which somebody must be looked at again. */
  #alarm({ at, maxWaitMs = Number.POSITIVE_INFINITY, isOverdue }: Entry): void {
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

  #tell(entry: Entry, event: { type: string } & Record<string, unknown>): void {
    this.#commands.push(send(entry.kind ?? 'run', entry.id, event));
  }

  #done(): Reduction<QueueState, Send> {
    const nodes = this.#nodes.done();
    if (nodes !== this.state.nodes) this.change({ nodes });
    if (this.state.settings.placement === 'random') this.change({ random: this.#dice.snapshot() });
    const told = tellWaiting(this.state, this.#at);
    return { state: told.state, commands: [...this.#commands, ...told.commands], receipts: [] };
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

/** What is used of a node of the state, foreign use included. */
export function usedOf(state: QueueState, name: string): { cpus: number; memoryBytes: number } {
  const { cluster } = ledgerOf(state.nodes);
  const n = cluster.indexOf(name)!;
  const { cpus, memoryBytes, lost } = cluster.node(n);
  return {
    cpus: (lost ? 0 : cpus) - cluster.milliCpu[n]! / 1000,
    memoryBytes: (lost ? 0 : memoryBytes) - cluster.memoryBytes[n]!,
  };
}

/** Everything that waits, tenant by tenant. */
export function waitingOf(state: QueueState): Entry[] {
  return Object.values(state.lines).flat();
}

/** Everything that holds room, by id, with its share of each node. */
export function holdersOf(state: QueueState): Record<string, { node: string; held: Held }[]> {
  const holders: Record<string, { node: string; held: Held }[]> = {};
  for (const { node, held } of state.nodes)
    for (const [id, one] of Object.entries(held))
      holders[id] = [...(holders[id] ?? []), { node: node.name, held: one }];
  return holders;
}
