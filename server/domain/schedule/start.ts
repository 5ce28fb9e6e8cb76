/** Who starts now: the line in turn until one has no room, and then those that fit beside it. */
import { joinShares, type Room } from './cluster.ts';
import type { Desk } from './desk.ts';
import { Turns } from './line.ts';
import { type Allowed, place } from './place.ts';
import { policyOf } from './placement/index.ts';
import { planPreemption } from './preemption.ts';
import { isAtLeast, refuse, requestKey } from './refusal.ts';
import { besideHead, reserve } from './reservation.ts';
import type { Entry, Place } from './state.ts';
import { overQuota, productQuota } from './tenants.ts';

/**
 * In the order of the line until one does not fit; that is the head, and room is kept for it. The others may pass it
 * where they take nothing that it lacks.
 * @param only of those behind the head, nobody else is tried
 */
export function startInTurn(desk: Desk, only: string | undefined): void {
  const turns = new Turns(desk.state, desk.ledger);
  const keptBefore = desk.state.reservation;
  let head: Entry | undefined;
  for (let entry = turns.next(); entry && !head; entry = turns.next()) {
    if (isHeldUp(desk, entry)) continue;
    const quota = quotaOf(desk, entry);
    if (start(desk, entry, quota)) turns.hasStarted(entry.tenant);
    // Held up by its own quota, it holds nobody else up; nor does one that does not wait.
    else if (
      entry.maxWaitMs !== 0 &&
      (!quota || !place(desk.ledger.cluster, entry.request, policyFor(desk), desk.dice))
    ) {
      head = entry;
      keepRoom(desk, head, quota);
      // With the same room kept for the same head, those that did not fit beside it still do not.
      if (only === undefined || only === head.id || desk.state.reservation !== keptBefore) pass(desk, turns, head);
      else if (!desk.started.has(only)) passOne(desk, only, head);
      break;
    }
  }
  if (!head && desk.state.reservation) desk.change({ reservation: undefined });
  if (only !== undefined) desk.refuseWait(only);
}

/** Those behind the head that fit beside it start. */
function pass(desk: Desk, turns: Turns, head: Entry): void {
  const { backfill, backfillDepth } = desk.state.settings;
  /** Sizes that are found not to fit, and how many sizes wait. */
  const tooLarge = new Set<string>();
  const sizes = Object.entries(desk.state.sizes);
  let left = backfill ? backfillDepth : 0;
  for (let entry = turns.next(); entry && left-- > 0 && tooLarge.size < sizes.length; entry = turns.next()) {
    const size = requestKey(entry.request);
    if (tooLarge.has(size) || isHeldUp(desk, entry)) continue;
    const quota = quotaOf(desk, entry);
    if (start(desk, entry, besideOf(desk, head, entry, quota))) turns.hasStarted(entry.tenant);
    else if (!quota) for (const [key, { request }] of sizes) if (isAtLeast(request, entry.request)) tooLarge.add(key);
  }
}

function passOne(desk: Desk, id: string, head: Entry): void {
  const entry = desk.waiting(id);
  if (!entry || !desk.state.settings.backfill || isHeldUp(desk, entry)) return;
  start(desk, entry, besideOf(desk, head, entry, quotaOf(desk, entry)));
}

/** Too large for the nodes of now, or for its tenant: it holds nobody up. */
function isHeldUp(desk: Desk, { tenant, request }: Entry): boolean {
  if (refuse(desk.ledger, request) !== undefined) return true;
  return overQuota(desk.state, desk.ledger, tenant, request) !== undefined;
}

function quotaOf(desk: Desk, { tenant, request }: Entry): Allowed | undefined {
  return productQuota(desk.state.settings, desk.ledger, tenant, request);
}

function besideOf(desk: Desk, head: Entry, entry: Entry, quota: Allowed | undefined): Allowed | undefined {
  const { reservation } = desk.state;
  const beside = reservation && besideHead(desk.ledger.cluster, reservation, head.request, entry.request);
  return beside && quota ? (n) => beside(n) && quota(n) : (beside ?? quota);
}

function policyFor(desk: Desk) {
  return policyOf(desk.state.settings.placement, desk.state.typical);
}

/** Starts one if it fits where it is allowed to go. */
function start(desk: Desk, entry: Entry, allowed: Allowed | undefined): boolean {
  const rooms = place(desk.ledger.cluster, entry.request, policyFor(desk), desk.dice, allowed);
  if (!rooms) return false;
  const { told: _, isOverdue: __, ...kept } = entry;
  for (const [n, share] of joinShares(rooms, entry.request)) desk.nodes.hold(n, { entry: kept, share, at: desk.at });
  desk.leave(entry);
  desk.started.add(entry.id);
  const places = rooms.map((room) => placeOf(desk, room));
  const members = places.length > 1 ? { members: places } : {};
  desk.tell(entry, { type: 'admitted', ...places[0]!, ...members });
  if (desk.state.reservation?.id === entry.id) desk.change({ reservation: undefined });
  desk.hasChanged = true;
  return true;
}

function placeOf(desk: Desk, { node, gpus }: Room): Place {
  return { node: desk.ledger.cluster.node(node).name, gpus };
}

/** Keeps room for the head, and asks others to make it where they may be asked. */
function keepRoom(desk: Desk, head: Entry, allowed: Allowed | undefined): void {
  const { reservation } = desk.state;
  const isKept =
    reservation?.id === head.id &&
    reservation.nodes.every((name) => {
      const n = desk.ledger.cluster.indexOf(name);
      return n !== undefined && !desk.ledger.cluster.node(n).lost;
    });
  const isLeaving = isKept && reservation.nodes.some((name) => hasLeaving(desk, name, head.id));
  if (isLeaving) return;
  const plan = planPreemption(desk.state, desk.nodes.all, desk.ledger, head, desk.at, allowed);
  if (plan) {
    desk.change({ reservation: { id: head.id, nodes: plan.nodes } });
    for (const { entry } of plan.victims) {
      const reason = `makes room for ${head.id}, which ${entry.tenant === head.tenant ? 'has a higher priority' : `belongs to ${head.tenant}, who is below its share`}`;
      desk.nodes.markLeaving(entry.id, { since: desk.at, for: head.id });
      desk.tell(entry, { type: 'preempted', by: head.id, graceMs: entry.graceMs!, reason });
    }
    return;
  }
  if (isKept) return;
  const kept = reserve(desk.nodes.all, desk.ledger, desk.state.durations, head, desk.at, allowed);
  if (kept || reservation) desk.change({ reservation: kept });
}

function hasLeaving(desk: Desk, node: string, head: string): boolean {
  const { held } = desk.nodes.all[desk.ledger.cluster.indexOf(node)!]!;
  return Object.values(held).some((one) => one.leaving?.for === head);
}
