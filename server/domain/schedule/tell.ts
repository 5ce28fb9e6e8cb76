/** Why each one waits: reason, place in the line, who is ahead, what would let it start now, until about when. */
import type { Waiting } from '../../protocol/entities.ts';
import { type Send, send } from '../reducer.ts';
import { Generator } from '../sweep/generator.ts';
import { type Ledger, ledgerOf } from './cluster.ts';
import { expectedEnd } from './durations.ts';
import { type Forecast, forecast } from './forecast.ts';
import { Turns } from './line.ts';
import { place } from './place.ts';
import { first } from './placement/first.ts';
import { lacking, refuse } from './refusal.ts';
import { needOf } from './resources.ts';
import type { Entry, QueueState } from './state.ts';
import { overQuota, productQuota } from './tenants.ts';

const noDice = Generator.seeded(0);
/** How many of those ahead are named. */
const namedAhead = 10;
/** An estimate is told again when it has moved by more than a minute and a tenth of what is left. */
const estimateStepMs = 60_000;

/** Everything in the order in which it is expected to start, up to so many. */
export function lineOf(state: QueueState, limit = Number.POSITIVE_INFINITY): Entry[] {
  const turns = new Turns(state, ledgerOf(state.nodes), true);
  const order: Entry[] = [];
  for (let entry = turns.next(); entry && order.length < limit; entry = turns.next()) order.push(entry);
  return order;
}

/** Tells the first of the line what has changed for them, and those that are new. */
export function tellWaiting(state: QueueState, at: number): { state: QueueState; commands: Send[] } {
  const commands: Send[] = [];
  const order = state.settings.told > 0 ? lineOf(state, state.settings.told) : [];
  if (order.length === 0) return { state, commands };
  const told = new Map<string, Entry>();
  for (const [i, waiting] of explainAll(state, order, at).entries()) {
    const entry = order[i]!;
    const { reason, estimatedStart } = waiting;
    const position = i + 1;
    const isNews = entry.told?.reason !== reason || entry.told.position !== position;
    if (!isNews && !hasMoved(entry.told?.estimatedStart, estimatedStart, at)) continue;
    commands.push(send(entry.kind ?? 'run', entry.id, { type: 'waitingChanged', waiting }));
    told.set(entry.id, {
      ...entry,
      told: { reason, position, ...(estimatedStart !== undefined && { estimatedStart }) },
    });
  }
  if (told.size === 0) return { state, commands };
  const tenants = new Set([...told.values()].map(({ tenant }) => tenant));
  const lines = { ...state.lines };
  for (const tenant of tenants) lines[tenant] = lines[tenant]!.map((entry) => told.get(entry.id) ?? entry);
  return { state: { ...state, lines }, commands };
}

function hasMoved(before: number | undefined, now: number | undefined, at: number): boolean {
  if (before === undefined || now === undefined) return before !== now;
  return Math.abs(now - before) > Math.max(estimateStepMs, (now - at) / 10);
}

/** What can be said of the first of the line, in its order. */
export function explainAll(state: QueueState, order: readonly Entry[], at: number): Waiting[] {
  const ledger = ledgerOf(state.nodes);
  const obstacles = order.map((entry) => obstacleOf(state, ledger, entry));
  const able = order.filter((_, i) => obstacles[i] === undefined);
  const forecasts = forecast(state, able, at);
  const head = able[0];
  return order.map((entry, i): Waiting => {
    const obstacle = obstacles[i];
    const reason = obstacle ?? (entry === head ? headReason(state, ledger, entry) : behind(i));
    const startsNowIf = obstacle ? undefined : wouldStart(state, ledger, entry, head!, at);
    return {
      reason,
      position: i + 1,
      ahead: order.slice(0, Math.min(i, namedAhead)).map((other) => other.id),
      since: entry.at,
      ...(startsNowIf !== undefined && { startsNowIf }),
      ...estimate(obstacle ? undefined : forecasts.get(entry.id)),
    };
  });
}

/** What can be said of one that waits, wherever it stands. */
export function explain(state: QueueState, id: string, at: number): Waiting | undefined {
  const order = lineOf(state);
  const place = order.findIndex((entry) => entry.id === id);
  return place < 0 ? undefined : explainAll(state, order.slice(0, place + 1), at)[place];
}

function estimate(found: Forecast | undefined): Partial<Waiting> {
  if (!found) return {};
  const { startAt, earliestAt, latestAt, basis } = found;
  return {
    estimatedStart: Math.round(startAt),
    earliestStart: Math.round(earliestAt),
    latestStart: Math.round(latestAt),
    basis,
  };
}

/** Why it could not start even if it were alone: too large for the nodes of now, or for its tenant. */
function obstacleOf(state: QueueState, ledger: Ledger, { tenant, request }: Entry): string | undefined {
  const refusal = refuse(ledger, request);
  if (refusal) return refusal;
  const over = overQuota(state, ledger, tenant, request);
  if (over) return `waits for its tenant: ${over}`;
  const quota = productQuota(state.settings, ledger, tenant, request);
  const { cluster } = ledger;
  if (quota && place(cluster, request, first, noDice) && !place(cluster, request, first, noDice, quota))
    return `waits for its tenant: the quota of ${tenant} for the GPUs that are free is used up`;
  return undefined;
}

function headReason(state: QueueState, ledger: Ledger, head: Entry): string {
  if (ledger.cluster.count === 0) return 'waits until the nodes are known';
  const leaving = leavingFor(state, ledger, head.id);
  const note =
    leaving.length > 0 ? `; ${leaving.join(', ')} ${leaving.length === 1 ? 'makes' : 'make'} room for it` : '';
  return `waits for ${lacking(ledger, head.request)} to become free${note}`;
}

function leavingFor(state: QueueState, ledger: Ledger, head: string): string[] {
  const ids: string[] = [];
  for (const [id, [n]] of ledger.nodesOf) if (state.nodes[n!]!.held[id]!.leaving?.for === head) ids.push(id);
  return ids;
}

function behind(ahead: number): string {
  return `waits behind ${ahead === 1 ? 'one other' : `${ahead} others`}`;
}

/** What would have to be otherwise for it to start at this moment. */
function wouldStart(state: QueueState, ledger: Ledger, entry: Entry, head: Entry, at: number): string | undefined {
  const { cluster } = ledger;
  if (cluster.count === 0) return undefined;
  if (place(cluster, entry.request, first, noDice))
    return entry === head
      ? undefined
      : `there is room for it, which ${head.id} ahead of it waits for: ahead of ${head.id} it would start now`;
  const ending = enoughEnds(state, ledger, entry, at);
  const lacks = lacking(ledger, entry.request);
  if (ending.length === 0) return `${lacks} would have to be given back by programs that Slipway did not start`;
  const names = ending.slice(0, 5).join(', ');
  const others = ending.length > 5 ? ` and ${ending.length - 5} others` : '';
  const first_ = entry === head ? '' : ` and it were ahead of ${head.id}`;
  return `it would start now if ${names}${others} ended${first_}`;
}

/** Holders whose end makes room, on the node where that is expected first. */
function enoughEnds(state: QueueState, ledger: Ledger, { request }: Entry, at: number): string[] {
  const need = needOf(request);
  const trial = ledger.cluster.copy();
  const ends = state.nodes.flatMap(({ held }, n) =>
    Object.values(held).map((one) => ({ n, one, end: expectedEnd(state.durations, one, at, 0.5) })),
  );
  ends.sort((a, b) => (a.end === b.end ? a.one.at - b.one.at : a.end - b.end));
  const gone = new Map<number, string[]>();
  for (const { n, one } of ends) {
    trial.give(n, one.share);
    gone.set(n, [...(gone.get(n) ?? []), one.entry.id]);
    if (request.members === undefined || request.members === 1) {
      if (trial.fits(n, need)) return gone.get(n)!;
    } else if (place(trial, request, first, noDice)) return [...new Set([...gone.values()].flat())];
  }
  return [];
}
