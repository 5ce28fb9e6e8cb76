/**
 * The judgement of one step of a rollout: passed, failed or inconclusive, with the numbers it rests on. Three rules:
 * the canary's share of errors, its 95th percentile of latency against that of the stable revision, and, where asked
 * for, its share of wrong predictions against the stable revision's, from the labels that came back. All hold however
 * often one looks, so a good canary is rarely taken back because somebody looked at an unlucky moment.
 */
import type { Counters, Labelled } from './counters.ts';
import { bucketOfRank, countAbove, lowerEdgeMs, quantileMs, total, upperEdgeMs } from './histogram.ts';
import { type ShareResult, testShare } from './sequentialTest.ts';

export interface AnalysisRules {
  /** Largest share of the canary's requests that may end in an error, 0 to 1. */
  maxErrorRate: number;
  /** Largest p95 latency of the canary as a multiple of the stable revision's. */
  maxP95Ratio: number;
  /** Requests the canary gets in each step before it can pass. */
  minRequests: number;
  /** How much larger the canary's share of wrong predictions may be than the stable revision's, 0 to 1; null: not asked. */
  maxQualityDrop: number | null;
  /** Labels the canary gets before it can pass, where `maxQualityDrop` is set. */
  minLabels: number;
  /** What happens to a step that is still undecided after `maxWaitMs`: a person is asked, or it passes. */
  onInconclusive: 'wait' | 'pass';
  maxWaitMs: number;
}

/** The numbers of one revision in a step. */
export interface Evidence {
  requests: number;
  errors: number;
  errorRate: number | null;
  p95Ms: number | null;
  /** Distribution-free interval of the p95; a bound is null where there are too few requests for one. */
  p95IntervalMs: [number | null, number | null];
}

export interface Judgement {
  verdict: 'passed' | 'failed' | 'inconclusive';
  /** One sentence for people. */
  reason: string;
  canary: Evidence;
  /** Null without a stable revision, or when it gets no traffic. */
  stable: Evidence | null;
  rules: { errors: RuleResult; latency: RuleResult | null; quality: RuleResult | null };
}

/** What the labels say of both revisions, since the rollout began. */
export interface Quality {
  canary: Labelled;
  stable: Labelled;
}

export interface RuleResult {
  verdict: Judgement['verdict'];
  /** Requests that broke the rule: errors, those slower than `limitMs`, or wrong predictions. */
  hits: number;
  requests: number;
  limit: number;
  limitMs?: number;
  reason: string;
}

/** A good rollout is taken back with a probability of at most this, over all its steps and rules. */
const FALSE_ROLLBACK = 0.01;
/** Normal quantile of the bounds of what the stable revision does: 99.9 % on each side. */
const STABLE_Z = 3.09;
const QUANTILE = 0.95;

/**
 * Judges a step.
 * @param canary what the new revision did in this step
 * @param stable what the old one did in the same time; null for the first revision of an endpoint
 * @param steps how many steps the rollout has: they share the probability of a false alarm
 * @param labels what the labels say since the rollout began; null for the first revision of an endpoint
 */
export function judge(
  canary: Counters,
  stable: Counters | null,
  rules: AnalysisRules,
  steps: number,
  labels: Quality | null = null,
): Judgement {
  const alpha = FALSE_ROLLBACK / 3 / Math.max(steps, 1);
  const compared = stable !== null && stable.requests > 0 ? stable : null;
  const errors = judgeErrors(canary, rules, alpha);
  const latency = compared === null ? null : judgeLatency(canary, compared, rules, alpha);
  const { maxQualityDrop } = rules;
  const quality =
    maxQualityDrop === null || labels === null ? null : judgeQuality(labels, maxQualityDrop, rules.minLabels, alpha);
  const all = [errors, latency, quality].filter((rule) => rule !== null);
  const decisive =
    all.find(({ verdict }) => verdict === 'failed') ?? all.find(({ verdict }) => verdict === 'inconclusive');
  return {
    verdict: decisive?.verdict ?? 'passed',
    reason: decisive?.reason ?? all.map(({ reason }) => reason).join(' '),
    canary: evidenceOf(canary),
    stable: compared === null ? null : evidenceOf(compared),
    rules: { errors, latency, quality },
  };
}

/** The numbers of one revision, for a receipt and for people. */
export function evidenceOf(counters: Counters): Evidence {
  const { requests, errors, latency } = counters;
  const { lowerMs, upperMs } = p95Bounds(latency);
  return {
    requests,
    errors,
    errorRate: requests === 0 ? null : errors / requests,
    p95Ms: quantileMs(latency, QUANTILE),
    p95IntervalMs: [lowerMs, upperMs],
  };
}

function judgeErrors({ requests, errors }: Counters, rules: AnalysisRules, alpha: number): RuleResult {
  const limit = rules.maxErrorRate;
  const result = testShare(errors, requests, { limit, minRequests: rules.minRequests, alpha });
  const share = `${errors} of ${requests} requests failed (${percent(errors, requests)}); the limit is ${limit * 100} %.`;
  return { verdict: verdictOf(result), hits: errors, requests, limit, reason: because(result, requests, rules, share) };
}

/**
 * The canary's p95 is above the limit when more than 5 % of its requests are slower than it. The limit is the ratio
 * times the upper bound of the stable revision's p95, an interval between order statistics that supposes no
 * distribution (David & Nagaraja, "Order Statistics", 3rd ed., 7.1), rounded up to an edge of the histogram.
 */
function judgeLatency(canary: Counters, stable: Counters, rules: AnalysisRules, alpha: number): RuleResult {
  const requests = total(canary.latency);
  const limit = 1 - QUANTILE;
  const { upperMs } = p95Bounds(stable.latency);
  if (upperMs === null) {
    const reason = `${stable.requests} requests of the stable revision are too few to know its p95.`;
    return { verdict: 'inconclusive', hits: 0, requests, limit, reason };
  }
  const aimMs = upperMs * rules.maxP95Ratio;
  let bucket = 0;
  while (upperEdgeMs(bucket) < aimMs) bucket++;
  const limitMs = upperEdgeMs(bucket);
  const hits = countAbove(canary.latency, bucket);
  const result = testShare(hits, requests, { limit, minRequests: rules.minRequests, alpha, comesInRuns: true });
  const share =
    `${percent(hits, requests)} of ${requests} requests took longer than ${duration(limitMs)} ` +
    `(${rules.maxP95Ratio} × the stable revision's p95); up to 5 % may.`;
  const verdict = verdictOf(result);
  return { verdict, hits, requests, limit, limitMs, reason: because(result, requests, rules, share) };
}

/**
 * The canary predicts too often wrong when its share of wrong predictions is above the stable revision's by more than
 * `maxDrop`. The stable share is taken at its upper bound (E. B. Wilson, JASA 22, 1927): its own chance must not count
 * against the canary.
 */
function judgeQuality({ canary, stable }: Quality, maxDrop: number, minLabels: number, alpha: number): RuleResult {
  const { labels, wrong } = canary;
  if (stable.labels < minLabels) {
    const reason = `${stable.labels} of at least ${minLabels} labels for the stable revision have come back.`;
    return { verdict: 'inconclusive', hits: wrong, requests: labels, limit: maxDrop, reason };
  }
  const limit = Math.min(1, wilsonUpper(stable.wrong, stable.labels) + maxDrop);
  const result = testShare(wrong, labels, { limit, minRequests: minLabels, alpha });
  const share =
    `${percent(wrong, labels)} of ${labels} labelled predictions are wrong; the stable revision has ` +
    `${percent(stable.wrong, stable.labels)} of ${stable.labels}, and ${maxDrop * 100} % more are allowed.`;
  const verdict = verdictOf(result);
  const few = `${labels} of at least ${minLabels} labels have come back. ${share}`;
  const near = `That is too near to the limit to decide yet: ${share}`;
  const reason = verdict !== 'inconclusive' ? share : labels < minLabels ? few : near;
  return { verdict, hits: wrong, requests: labels, limit, reason };
}

function wilsonUpper(hits: number, count: number): number {
  const share = hits / count;
  const square = STABLE_Z ** 2;
  const spread = STABLE_Z * Math.sqrt((share * (1 - share)) / count + square / (4 * count ** 2));
  return (share + square / (2 * count) + spread) / (1 + square / count);
}

function verdictOf({ verdict }: ShareResult): Judgement['verdict'] {
  return verdict === 'above' ? 'failed' : verdict === 'within' ? 'passed' : 'inconclusive';
}

function because({ verdict }: ShareResult, requests: number, { minRequests }: AnalysisRules, share: string): string {
  if (verdict !== 'undecided') return share;
  if (requests < minRequests) return `${requests} of at least ${minRequests} requests have been served. ${share}`;
  return `That is too near to the limit to decide yet: ${share}`;
}

/** Bounds of the 95th percentile between two order statistics, as the histogram's edges outside of them. */
function p95Bounds(latency: readonly number[]): { lowerMs: number | null; upperMs: number | null } {
  const count = total(latency);
  const spread = STABLE_Z * Math.sqrt(count * QUANTILE * (1 - QUANTILE));
  const lower = bucketOfRank(latency, Math.floor(count * QUANTILE - spread));
  const upper = bucketOfRank(latency, Math.ceil(count * QUANTILE + spread) + 1);
  const upperMs = upper === null ? null : upperEdgeMs(upper);
  return {
    lowerMs: lower === null ? null : lowerEdgeMs(lower),
    upperMs: upperMs !== null && Number.isFinite(upperMs) ? upperMs : null,
  };
}

function duration(ms: number): string {
  return ms < 1000 ? `${ms.toPrecision(3)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '0 %' : `${((100 * part) / whole).toPrecision(2)} %`;
}
