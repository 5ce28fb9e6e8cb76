/**
 * Until when others wait: the line is played forward, each in its turn, as room is expected to become free. Three times:
 * with the median of what is known of durations, and with short and long ones for the error band.
 */
import { Generator } from '../sweep/generator.ts';
import { ledgerOf, shareOf } from './cluster.ts';
import { expected, expectedEnd, quantile } from './durations.ts';
import { place } from './place.ts';
import { first } from './placement/first.ts';
import { needOf, type Share } from './resources.ts';
import type { Entry, QueueState } from './state.ts';

const noDice = Generator.seeded(0);

/** The error band reaches from here to there, of past durations. */
const short = 0.2;
const long = 0.8;

export interface Forecast {
  startAt: number;
  earliestAt: number;
  latestAt: number;
  basis: string;
}

/**
 * @param order what waits, in the order of the line, as far as it is of interest
 * @returns by id; without those of which nothing can be said
 */
export function forecast(state: QueueState, order: readonly Entry[], at: number): Map<string, Forecast> {
  const found = new Map<string, Forecast>();
  const median = play(state, order, at, 0.5);
  if (median.size === 0) return found;
  const early = play(state, order, at, short);
  const late = play(state, order, at, long);
  for (const [id, { at: startAt, basis }] of median) {
    const earliestAt = Math.min(startAt, early.get(id)?.at ?? startAt);
    const latestAt = Math.max(startAt, late.get(id)?.at ?? startAt);
    found.set(id, { startAt, earliestAt, latestAt, basis });
  }
  return found;
}

interface End {
  at: number;
  shares: [n: number, share: Share][];
  basis: string;
}

function play(state: QueueState, order: readonly Entry[], at: number, q: number) {
  const ledger = ledgerOf(state.nodes);
  const trial = ledger.cluster.copy();
  const ends: End[] = [];
  for (const [id, on] of ledger.nodesOf) {
    const held = state.nodes[on[0]!]!.held[id]!;
    const end = expectedEnd(state.durations, held, at, q);
    if (!Number.isFinite(end)) continue;
    const basis = held.leaving ? 'the grace time of what makes room' : expected(state.durations, held.entry)!.basis;
    ends.push({ at: end, shares: on.map((n) => [n, state.nodes[n]!.held[id]!.share]), basis });
  }
  // The soonest last, to be taken off the end.
  ends.sort((a, b) => b.at - a.at);
  const starts = new Map<string, { at: number; basis: string }>();
  let now = at;
  let basis = 'room that is free now';
  for (const entry of order) {
    let rooms = place(trial, entry.request, first, noDice);
    while (!rooms && ends.length > 0) {
      const end = ends.pop()!;
      now = Math.max(now, end.at);
      basis = end.basis;
      for (const [n, share] of end.shares) trial.give(n, share);
      rooms = place(trial, entry.request, first, noDice);
    }
    if (!rooms) break;
    starts.set(entry.id, { at: now, basis });
    const need = needOf(entry.request);
    const shares = rooms.map((room): [number, Share] => [room.node, shareOf(need, room)]);
    for (const [n, share] of shares) trial.take(n, share);
    const known = expected(state.durations, entry);
    if (known) insertEnd(ends, { at: now + quantile(known.sortedMs, q), shares, basis: known.basis });
  }
  return starts;
}

function insertEnd(ends: End[], end: End): void {
  const place = ends.findIndex((other) => other.at <= end.at);
  ends.splice(place < 0 ? ends.length : place, 0, end);
}
