/** Finds room for a whole entry: one node for each member, all or none. */
import type { Generator } from '../sweep/generator.ts';
import { type Cluster, type Room, shareOf } from './cluster.ts';
import type { Policy } from './placement/policy.ts';
import { membersOf, type Need, needOf, type Request } from './resources.ts';

/** Where a member may go; a node is left out where this is false. */
export type Allowed = (n: number) => boolean;

/**
 * Room for every member, or undefined if not all of them fit; the cluster is as before. Members are alike, so that one
 * after the other finds room for all whenever there is room for all.
 */
export function place(
  cluster: Cluster,
  request: Request,
  policy: Policy,
  random: Generator,
  allowed?: Allowed,
): Room[] | undefined {
  const need = needOf(request);
  const members = membersOf(request);
  if (members === 1) {
    const room = placeOne(cluster, need, policy, random, allowed);
    return room && [room];
  }
  if (request.together === undefined) return placeAll(cluster, need, members, policy, random, allowed);
  for (const group of groupsOf(cluster, request.together)) {
    const rooms = placeAll(cluster, need, members, policy, random, (n) => group.has(n) && (allowed?.(n) ?? true));
    if (rooms) return rooms;
  }
  return undefined;
}

function placeAll(
  cluster: Cluster,
  need: Need,
  members: number,
  policy: Policy,
  random: Generator,
  allowed: Allowed | undefined,
): Room[] | undefined {
  const rooms: Room[] = [];
  while (rooms.length < members) {
    const room = placeOne(cluster, need, policy, random, allowed);
    if (!room) break;
    rooms.push(room);
    cluster.take(room.node, shareOf(need, room));
  }
  for (const room of rooms) cluster.give(room.node, shareOf(need, room));
  return rooms.length === members ? rooms : undefined;
}

function placeOne(
  cluster: Cluster,
  need: Need,
  policy: Policy,
  random: Generator,
  allowed: Allowed | undefined,
): Room | undefined {
  const scores = cluster.scores(need, policy, (n) => policy.score(cluster, n, need));
  let best = -1;
  let highest = Number.NEGATIVE_INFINITY;
  let alike = 0;
  for (let n = 0; n < scores.length; n++) {
    const score = scores[n]!;
    if (score < highest || score === Number.NEGATIVE_INFINITY || (allowed && !allowed(n))) continue;
    if (score > highest) {
      highest = score;
      best = n;
      alike = 1;
    } else if (policy.ties === 'random' && random.integer(++alike) === 0) best = n;
  }
  return best < 0 ? undefined : roomOn(cluster, best, need, policy, random);
}

/** Which GPUs of a node, where the need fits, a member gets: whole ones with the least memory that suffices. */
function roomOn(cluster: Cluster, n: number, need: Need, policy: Policy, random: Generator): Room {
  if (need.gpus === 0) return { node: n, gpus: [], milliGpu: 0 };
  const milliGpu = cluster.milliGpuOn(n, need)!;
  const among = cluster.suitable(n, need, milliGpu);
  const places =
    milliGpu < 1000
      ? [policy.gpuOf(cluster, n, need, among, random)]
      : among.toSorted((a, b) => cluster.gpuMemory(n, a) - cluster.gpuMemory(n, b)).slice(0, need.gpus);
  return { node: n, gpus: places.map((g) => cluster.node(n).gpus[g]!.index), milliGpu };
}

/** Nodes that lie together, by the value of a label; those with the fewest first, so that large groups stay whole. */
function groupsOf(cluster: Cluster, label: string): Set<number>[] {
  const groups = new Map<string, Set<number>>();
  for (let n = 0; n < cluster.count; n++) {
    const { name, labels } = cluster.node(n);
    const value = label === 'host' ? name : labels?.[label];
    if (value === undefined) continue;
    groups.set(value, (groups.get(value) ?? new Set()).add(n));
  }
  return [...groups.values()].sort((a, b) => a.size - b.size);
}
