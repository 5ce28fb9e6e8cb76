/** Who is asked to make room for the head of the line: the cheapest whose leaving is enough, on as few nodes as it needs. */

import { Generator } from '../sweep/generator.ts';
import type { Ledger } from './cluster.ts';
import { shareOf } from './cluster.ts';
import { type Allowed, place } from './place.ts';
import { first } from './placement/first.ts';
import { membersOf, needOf } from './resources.ts';
import type { Entry, Held, NodeState, QueueState } from './state.ts';
import { isAboveShare } from './tenants.ts';

const noDice = Generator.seeded(0);

export interface Plan {
  victims: Held[];
  /** One for each member of the head. */
  nodes: string[];
}

/**
 * @returns undefined if nobody may be asked, or their leaving is not enough
 */
export function planPreemption(
  state: QueueState,
  nodes: readonly NodeState[],
  ledger: Ledger,
  head: Entry,
  at: number,
  allowed: Allowed | undefined,
): Plan | undefined {
  const mayAsk = asker(state, ledger, head);
  if (!mayAsk) return undefined;
  const need = needOf(head.request);
  const trial = ledger.cluster.copy();
  const victims = new Map<string, Held>();
  const chosen: string[] = [];
  for (let member = 0; member < membersOf(head.request); member++) {
    let best: { n: number; victims: Held[]; cost: Cost } | undefined;
    for (let n = 0; n < nodes.length; n++) {
      if (allowed && !allowed(n)) continue;
      const found = cheapestOn(n);
      if (found && (!best || compare(found.cost, best.cost) < 0)) best = { n, ...found };
    }
    if (!best) return undefined;
    for (const victim of best.victims) letGo(victim);
    const room = place(trial, { ...head.request, members: 1 }, first, noDice, (n) => n === best.n)![0]!;
    trial.take(best.n, shareOf(need, room));
    chosen.push(trial.node(best.n).name);
  }
  if (head.request.together !== undefined && !areTogether(head.request.together)) return undefined;
  return victims.size > 0 ? { victims: [...victims.values()], nodes: chosen } : undefined;

  /** The cheapest of a node whose leaving makes room for one member there, none of them superfluous. */
  function cheapestOn(n: number): { victims: Held[]; cost: Cost } | undefined {
    if (trial.fits(n, need)) return { victims: [], cost: costOf([], at) };
    const asked = Object.values(nodes[n]!.held)
      .filter((held) => !victims.has(held.entry.id) && mayAsk!(held))
      .sort((a, b) => compare(costOf([a], at), costOf([b], at)) || a.entry.seq - b.entry.seq);
    const going: Held[] = [];
    for (const held of asked) {
      if (trial.fits(n, need)) break;
      trial.give(n, held.share);
      going.push(held);
    }
    const isEnough = trial.fits(n, need);
    const needed = going.filter((held) => {
      if (!isEnough) return false;
      trial.take(n, held.share);
      if (trial.fits(n, need)) return false;
      trial.give(n, held.share);
      return true;
    });
    for (const held of isEnough ? needed : going) trial.take(n, held.share);
    return isEnough ? { victims: needed, cost: costOf(needed, at) } : undefined;
  }

  /** A gang leaves with all its members. */
  function letGo(victim: Held): void {
    victims.set(victim.entry.id, victim);
    for (const n of ledger.nodesOf.get(victim.entry.id)!) trial.give(n, nodes[n]!.held[victim.entry.id]!.share);
  }

  function areTogether(label: string): boolean {
    const values = chosen.map((name) => {
      const { labels } = trial.node(trial.indexOf(name)!);
      return label === 'host' ? name : labels?.[label];
    });
    return values.every((value) => value !== undefined && value === values[0]);
  }
}

/** Whether somebody may be asked to leave for the head; undefined where nobody may. */
function asker(state: QueueState, ledger: Ledger, head: Entry): ((held: Held) => boolean) | undefined {
  const { byPriority, byShare } = state.settings.preemption;
  const reclaims = byShare && !isAboveShare(state, ledger, head.tenant, head.request);
  if (!byPriority && !reclaims) return undefined;
  return ({ entry, leaving }) => {
    if (entry.graceMs === undefined || leaving) return false;
    if (entry.tenant === head.tenant) return byPriority && entry.priority < head.priority;
    // Only what is borrowed is taken back: its tenant keeps what it is entitled to, so that nobody takes turns.
    return reclaims && isAboveShare(state, ledger, entry.tenant);
  };
}

/** The highest priority of those that leave, then what is interrupted. */
interface Cost {
  priority: number;
  /** GPUs and CPUs, each CPU as a 64th of a GPU, times how long they were at work. */
  interruptedMs: number;
}

/** What is lost of the interrupted work is at most the grace time, but it has to be started and loaded again. */
function costOf(victims: readonly Held[], at: number): Cost {
  const cost = { priority: Number.NEGATIVE_INFINITY, interruptedMs: 0 };
  for (const { entry, share, at: since } of victims) {
    const gpus = (share.gpus.length * share.milliGpu) / 1000;
    const size = gpus + (share.milliCpu * share.members) / 64_000;
    cost.priority = Math.max(cost.priority, entry.priority);
    cost.interruptedMs += size * (at - since + startMs);
  }
  return cost;
}

/** Starting again takes about this long, however short it has run. */
const startMs = 60_000;

function compare(a: Cost, b: Cost): number {
  if (a.priority !== b.priority) return a.priority < b.priority ? -1 : 1;
  return a.interruptedMs - b.interruptedMs;
}
