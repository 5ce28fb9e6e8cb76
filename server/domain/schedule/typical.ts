/** What is usually asked for, learned from what was asked for. */
import { needOf, type Request } from './resources.ts';
import type { QueueState, TypicalNeed } from './state.ts';

/** Part of all requests that the typical ones make up; the rest are rare sizes (Weng et al. 2023, artifact). */
const popular = 0.95;
/** Requests after which the typical ones are made anew at the latest. */
const longest = 4096;
/** Sizes that are counted at most; others of a queue with more are rare by definition. */
const mostSizes = 512;

/**
 * Notes one request. The typical needs change only when as many were noted as before, so that what depends on them can be
 * kept in between.
 */
export function askedFor(state: QueueState, request: Request): Partial<QueueState> {
  if (!state.asked) return {};
  const { total, next, counts } = state.asked;
  const { milliCpu, gpus, milliGpu, products } = needOf(request);
  const key = `${milliCpu}/${gpus}×${milliGpu}/${products?.join('|') ?? ''}`;
  const known = counts[key];
  const isCounted = known !== undefined || Object.keys(counts).length < mostSizes;
  const one: TypicalNeed = known
    ? { ...known, weight: known.weight + 1 }
    : { milliCpu, gpus, milliGpu, ...(products && { products: [...products] }), weight: 1 };
  const after = isCounted ? { ...counts, [key]: one } : counts;
  if (total + 1 < next) return { asked: { total: total + 1, next, counts: after } };
  const asked = { total: total + 1, next: total + 1 + Math.min(total + 1, longest), counts: after };
  return { asked, typical: typicalOf(Object.values(after)) };
}

/** The most frequent needs that make up 95 % of all, with weights that sum to 1. */
export function typicalOf(counted: readonly TypicalNeed[]): TypicalNeed[] {
  const sorted = counted.toSorted((a, b) => b.weight - a.weight);
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
  let taken = 0;
  const typical: TypicalNeed[] = [];
  for (const one of sorted) {
    if (taken >= popular * total) break;
    taken += one.weight;
    typical.push(one);
  }
  return typical.map((one) => ({ ...one, weight: one.weight / taken }));
}
