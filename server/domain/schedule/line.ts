/**
 * The line: whose turn it is. The overdue first, by arrival; then, tenant by tenant, whoever holds least by its share;
 * of one tenant the higher priority, then arrival.
 */
import type { Ledger } from './cluster.ts';
import type { Entry, QueueState } from './state.ts';
import { partOf, standing, tenantOf } from './tenants.ts';

/** The order within a tenant's line. */
export function before(a: Entry, b: Entry): number {
  if (a.isOverdue !== b.isOverdue) return a.isOverdue ? -1 : 1;
  if (!a.isOverdue && a.priority !== b.priority) return b.priority - a.priority;
  return a.at - b.at || a.seq - b.seq;
}

/** A line with one more; the same objects otherwise. */
export function inserted(line: readonly Entry[], entry: Entry): Entry[] {
  let low = 0;
  let high = line.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (before(line[middle]!, entry) <= 0) low = middle + 1;
    else high = middle;
  }
  return [...line.slice(0, low), entry, ...line.slice(low)];
}

/** Goes through what waits in the order in which it should start. */
export class Turns {
  readonly #state: QueueState;
  readonly #ledger: Ledger;
  readonly #foresees: boolean;
  readonly #next = new Map<string, { line: readonly Entry[]; place: number; standing: number }>();

  /** @param foresees whether each one counts as started once it had its turn, as for telling places in the line */
  constructor(state: QueueState, ledger: Ledger, foresees = false) {
    this.#state = state;
    this.#ledger = ledger;
    this.#foresees = foresees;
    for (const [tenant, line] of Object.entries(state.lines))
      if (line.length > 0) this.#next.set(tenant, { line, place: 0, standing: this.#standing(tenant) });
  }

  /** Whose turn it is, undefined when all have been asked. */
  next(): Entry | undefined {
    let best: Entry | undefined;
    let standing = 0;
    for (const { line, place, standing: other } of this.#next.values()) {
      const entry = line[place]!;
      if (best && !isSooner(entry, other, best, standing)) continue;
      best = entry;
      standing = other;
    }
    if (!best) return undefined;
    const turn = this.#next.get(best.tenant)!;
    if (++turn.place === turn.line.length) this.#next.delete(best.tenant);
    if (this.#foresees && this.#next.size > 1) {
      const { share } = tenantOf(this.#state.settings, best.tenant);
      turn.standing += partOf(this.#ledger, best.request) / share;
    }
    return best;
  }

  /** Somebody of this tenant has started. */
  hasStarted(tenant: string): void {
    const turn = this.#next.get(tenant);
    if (turn) turn.standing = this.#standing(tenant);
  }

  #standing(tenant: string): number {
    return standing(this.#ledger, this.#state.settings, tenant);
  }
}

function isSooner(a: Entry, aStands: number, b: Entry, bStands: number): boolean {
  if (a.isOverdue !== b.isOverdue) return a.isOverdue === true;
  if (!a.isOverdue && aStands !== bStands) return aStands < bStands;
  return a.at < b.at || (a.at === b.at && a.seq < b.seq);
}

/** A priority within what the tenant may claim. */
export function allowedPriority(state: QueueState, tenant: string, priority: number): number {
  const { maxPriority } = tenantOf(state.settings, tenant);
  return maxPriority === undefined ? priority : Math.min(priority, maxPriority);
}
