/** How long work takes, from how long its like took. */
import { counted } from './resources.ts';
import type { Entry, Held, QueueState } from './state.ts';

/** Durations kept of each kind of work. */
const kept = 20;
/** Stands for every kind of work. */
const anyWork = '*';

export function remember(
  durations: QueueState['durations'],
  work: string | undefined,
  durationMs: number,
): QueueState['durations'] {
  const after = { ...durations };
  for (const key of work === undefined ? [anyWork] : [work, anyWork])
    after[key] = [...(durations[key] ?? []).slice(1 - kept), durationMs];
  return after;
}

export interface Expected {
  /** Ascending. */
  sortedMs: number[];
  /** What the expectation rests on. */
  basis: string;
}

const sorted = new WeakMap<number[], number[]>();

/** What is known of how long an entry will run; undefined: nothing. */
export function expected(durations: QueueState['durations'], entry: Entry): Expected | undefined {
  const own = entry.work === undefined ? undefined : durations[entry.work];
  const past = own ?? durations[anyWork];
  if (past) {
    const of = own ? `of ${entry.work}` : 'of any kind, as none like it has ended yet';
    return { sortedMs: sortedOf(past), basis: `the last ${counted(past.length, 'duration')} ${of}` };
  }
  return entry.timeoutMs === undefined ? undefined : { sortedMs: [entry.timeoutMs], basis: 'its timeout' };
}

function sortedOf(past: number[]): number[] {
  let known = sorted.get(past);
  if (!known) {
    known = past.toSorted((a, b) => a - b);
    sorted.set(past, known);
  }
  return known;
}

/** @param q 0…1 */
export function quantile(sortedMs: readonly number[], q: number): number {
  const place = q * (sortedMs.length - 1);
  const low = sortedMs[Math.floor(place)]!;
  const high = sortedMs[Math.ceil(place)]!;
  return low + (high - low) * (place - Math.floor(place));
}

/**
 * When a holder is expected to have let go: the quantile of those past durations that are longer than it has run, and
 * a tenth more than it has run if it is already the longest; infinity where nothing is known.
 */
export function expectedEnd(durations: QueueState['durations'], held: Held, at: number, q: number): number {
  const { entry, leaving } = held;
  if (leaving) return Math.max(at, leaving.since + (entry.graceMs ?? 0));
  const known = expected(durations, entry);
  if (!known) return Number.POSITIVE_INFINITY;
  const elapsedMs = at - held.at;
  const longer = known.sortedMs.filter((duration) => duration > elapsedMs);
  const end = longer.length > 0 ? held.at + quantile(longer, q) : at + Math.max(1000, elapsedMs / 10);
  return entry.timeoutMs === undefined ? end : Math.min(end, Math.max(at, held.at + entry.timeoutMs));
}
