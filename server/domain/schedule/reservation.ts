/**
 * Room that is kept for the head of the line until it starts, so that whoever is let past it never delays it: EASY
 * backfilling (D. Lifka, "The ANL/IBM SP Scheduling System", JSSPP 1995), but by place instead of by time, since how
 * long work takes is only an estimate. On the nodes that are kept nothing is started that takes what the head lacks.
 */
import { Generator } from '../sweep/generator.ts';
import type { Cluster, Ledger } from './cluster.ts';
import { expectedEnd } from './durations.ts';
import { type Allowed, place } from './place.ts';
import { first } from './placement/first.ts';
import { membersOf, type Need, needOf, type Request } from './resources.ts';
import type { Held, NodeState, QueueState, Reservation } from './state.ts';

const noDice = Generator.seeded(0);

/**
 * The nodes on which the head is expected to find room first.
 * @returns undefined if letting go of everything that is held makes no room, because foreign processes have it
 */
export function reserve(
  nodes: readonly NodeState[],
  ledger: Ledger,
  durations: QueueState['durations'],
  head: { id: string; request: Request },
  at: number,
  allowed: Allowed | undefined,
): Reservation | undefined {
  const trial = ledger.cluster.copy();
  const ends: { n: number; held: Held; end: number }[] = [];
  for (let n = 0; n < nodes.length; n++) {
    if (allowed && !allowed(n)) continue;
    const { held } = nodes[n]!;
    for (const id in held) ends.push({ n, held: held[id]!, end: expectedEnd(durations, held[id]!, at, 0.5) });
  }
  // Of those of which nothing is known, the ones that run longest are expected to end first.
  ends.sort((a, b) => (a.end === b.end ? a.held.at - b.held.at || a.n - b.n : a.end - b.end));
  const need = needOf(head.request);
  if (membersOf(head.request) === 1) {
    for (const { n, held } of ends) {
      trial.give(n, held.share);
      if (trial.fits(n, need)) return { id: head.id, nodes: [trial.node(n).name] };
    }
    return undefined;
  }
  return reserveGang(trial, ends, head, allowed);
}

/** The fewest that must have ended, the first ones first, until all members fit: found by halving. */
function reserveGang(
  trial: Cluster,
  ends: readonly { n: number; held: Held }[],
  head: { id: string; request: Request },
  allowed: Allowed | undefined,
): Reservation | undefined {
  let gone = 0;
  const roomsAfter = (count: number) => {
    for (; gone < count; gone++) trial.give(ends[gone]!.n, ends[gone]!.held.share);
    for (; gone > count; gone--) trial.take(ends[gone - 1]!.n, ends[gone - 1]!.held.share);
    return place(trial, head.request, first, noDice, allowed);
  };
  let enough = ends.length;
  let rooms = roomsAfter(enough);
  if (!rooms) return undefined;
  let tooFew = -1;
  while (enough - tooFew > 1) {
    const middle = (enough + tooFew) >> 1;
    const found = roomsAfter(middle);
    if (found) {
      rooms = found;
      enough = middle;
    } else tooFew = middle;
  }
  return { id: head.id, nodes: rooms.map(({ node }) => trial.node(node).name) };
}

/** Where another may be put without taking anything that the head has to wait for. */
export function besideHead(cluster: Cluster, reservation: Reservation, head: Request, other: Request): Allowed {
  const members = new Map<number, number>();
  for (const name of reservation.nodes) {
    const n = cluster.indexOf(name);
    if (n !== undefined) members.set(n, (members.get(n) ?? 0) + 1);
  }
  const kept = needOf(head);
  const wanted = needOf(other);
  return (n) => {
    const count = members.get(n);
    return count === undefined || leavesRoom(cluster, n, wanted, kept, count);
  };
}

/** Whether a node has, of everything that one need takes, still enough for so many members of another afterwards. */
function leavesRoom(cluster: Cluster, n: number, wanted: Need, kept: Need, members: number): boolean {
  const cpus = wanted.milliCpu === 0 || cluster.milliCpu[n]! - wanted.milliCpu >= members * kept.milliCpu;
  const memory = wanted.memoryBytes === 0 || cluster.memoryBytes[n]! - wanted.memoryBytes >= members * kept.memoryBytes;
  if (!cpus || !memory) return false;
  if (wanted.gpus === 0 || kept.gpus === 0) return true;
  const milliGpu = cluster.milliGpuOn(n, kept);
  if (milliGpu === undefined) return true;
  return cluster.suitable(n, kept, milliGpu).length - wanted.gpus >= members * kept.gpus;
}
