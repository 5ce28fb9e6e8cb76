/**
 * The queue, one reducer for the slots of a laptop and for a cluster: who gets room, where, in which order, and why the
 * others wait. `line.ts` says whose turn it is, `place.ts` where it goes, `reservation.ts` who may pass the head,
 * `preemption.ts` who makes room for it, `forecast.ts` until when the others wait.
 */
import type { Reduction, Send } from '../reducer.ts';
import { Generator } from '../sweep/generator.ts';
import { ledgerOf } from './cluster.ts';
import { Desk } from './desk.ts';
import { startInTurn } from './start.ts';
import { defaultSettings, type Entry, type Held, type QueueEvent, type QueueState } from './state.ts';
import { tellWaiting } from './tell.ts';

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
      if (!desk.setNodes(event.nodes)) return finish(desk, { isQuiet: true });
      break;
    case 'configured':
      desk.change({
        settings: { ...desk.state.settings, ...event.settings },
        ...desk.typicalOf(event.typical),
        ...(event.policy !== undefined && { policy: event.policy }),
      });
      break;
    case 'submitted':
      if (!desk.submit(event, event.since)) return finish(desk, { isQuiet: true });
      return finish(desk, { only: event.id });
    case 'released':
      if (!desk.release(event.id, event.hasCompleted ?? false)) return finish(desk, { isQuiet: true });
      break;
    case 'slotTaken':
      if (!desk.giveBack(event.id, event.node, event.gpus)) return finish(desk, { isQuiet: true });
      break;
    case 'tick':
      return finish(desk, { isQuiet: true });
  }
  return finish(desk);
}

/**
 * Starts whoever can start, and tells the others.
 * @param news `only`: nothing has become free, and only this one is new; `isQuiet`: nothing has happened but what the
 * passing of time has brought
 */
function finish(desk: Desk, news: { only?: string; isQuiet?: boolean } = {}): Reduction<QueueState, Send> {
  const isIdle = news.isQuiet === true && !desk.hasChanged;
  if (!isIdle) startInTurn(desk, news.only);
  const nodes = desk.nodes.done();
  if (isIdle) return { state: desk.before, commands: desk.commands, receipts: [] };
  if (nodes !== desk.state.nodes) desk.change({ nodes });
  if (desk.state.settings.placement === 'random') desk.change({ random: desk.dice.snapshot() });
  const told = tellWaiting(desk.state, desk.at);
  return { state: told.state, commands: [...desk.commands, ...told.commands], receipts: [] };
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
