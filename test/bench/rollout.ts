// How often a good revision is taken back, and how soon a bad one is: simulated rollouts through the very reducer that
// decides in production, one reading of the gateway a second. Beside it a rule with fixed thresholds, as canary
// controllers use it: after each minute of a step the interval's error rate and p95 are held against the limits.

import { type Counters, type Labelled, noCounters } from '../../server/domain/rollout/counters.ts';
import { bucketOf, quantileMs } from '../../server/domain/rollout/histogram.ts';
import { isEnded, type RolloutSpec, type RolloutState, reduceRollout } from '../../server/domain/rollout/rollout.ts';
import { Generator } from '../../server/domain/sweep/generator.ts';
import type { BenchRow } from './run.ts';

/** What a revision does: shares between 0 and 1, latency as a factor on the log-normal one of the stable revision. */
interface Behaviour {
  errorRate: number;
  latencyFactor: number;
  wrong: number;
}

const requestsPerSecond = 200;
const labelShare = 0.5;
const stable: Behaviour = { errorRate: 0.002, latencyFactor: 1, wrong: 0.03 };
const analysis: RolloutSpec['analysis'] = {
  ...{ maxErrorRate: 0.01, maxP95Ratio: 1.5, minRequests: 200, maxQualityDrop: null, minLabels: 1000 },
  ...{ onInconclusive: 'wait', maxWaitMs: 4 * 3_600_000 },
};
const intervalSeconds = 60;

export default async function rollout([rolloutsText = '500']: string[]): Promise<BenchRow[]> {
  const rollouts = Number(rolloutsText);
  const rows: BenchRow[] = [];
  const scenario = (name: string, canary: Behaviour, quality: boolean, count: number) => {
    const ends = Array.from({ length: count }, (_, index) => simulate(canary, quality, index + 1));
    const peers = quality ? [] : ends.map((_, index) => fixedThresholds(canary, index + 1));
    return { name, ends, peers };
  };
  for (const quality of [false, true]) {
    const { ends, peers } = scenario(
      'good',
      { ...stable, errorRate: 0.002 },
      quality,
      quality ? rollouts / 5 : rollouts,
    );
    const share = (all: { isTakenBack: boolean }[]) => (100 * all.filter((end) => end.isTakenBack).length) / all.length;
    const name = `a good revision${quality ? ', labels asked for' : ''}: taken back`;
    const peer = peers.length > 0 ? { peer: share(peers) } : {};
    rows.push({ name, value: share(ends), unit: '% of rollouts', ...peer, goal: '≤ 1', met: share(ends) <= 1 });
    const through = ends.filter((end) => end.state.status === 'completed').length;
    const goal = `= ${ends.length - Math.round((share(ends) * ends.length) / 100)}`;
    rows.push({
      name: name.replace('taken back', 'gone through'),
      value: through,
      unit: 'rollouts',
      goal,
      met: `= ${through}` === goal,
    });
    rows.push({
      name: name.replace('taken back', 'median time'),
      value: median(ends.map((end) => end.seconds)),
      unit: 's',
    });
  }
  const bad: [string, Behaviour, boolean][] = [
    ['5 % errors', { ...stable, errorRate: 0.05 }, false],
    ['2 × as slow', { ...stable, latencyFactor: 2 }, false],
    ['10 % wrong instead of 3 %', { ...stable, wrong: 0.1 }, true],
    ['6 % wrong instead of 3 %', { ...stable, wrong: 0.06 }, true],
  ];
  for (const [what, canary, quality] of bad) {
    const { ends, peers } = scenario(what, canary, quality, Math.ceil(rollouts / 5));
    const first = ends.filter((end) => end.isTakenBack && end.state.weight === 0 && end.stepIndex === 0).length;
    rows.push({
      ...{ name: `${what}: taken back in the first step`, value: (100 * first) / ends.length, unit: '% of rollouts' },
      ...(peers.length > 0
        ? { peer: (100 * peers.filter((end) => end.isTakenBack && end.stepIndex === 0).length) / peers.length }
        : {}),
      ...{ goal: '= 100', met: first === ends.length },
    });
    const peer = peers.length > 0 ? { peer: median(peers.map((end) => end.seconds)) } : {};
    rows.push({
      name: `${what}: median time to detection`,
      value: median(ends.map((end) => end.seconds)),
      unit: 's',
      ...peer,
    });
    rows.push({
      name: `${what}: canary requests until then`,
      value: median(ends.map((end) => end.requests)),
      unit: 'requests',
    });
  }
  return rows;
}

interface End {
  state: RolloutState;
  isTakenBack: boolean;
  /** The step it ended in. */
  stepIndex: number;
  seconds: number;
  /** Of the canary, in all. */
  requests: number;
}

function simulate(canary: Behaviour, quality: boolean, seed: number): End {
  const random = Generator.seeded(seed);
  const spec: RolloutSpec = {
    ...{
      id: `${seed}`,
      endpoint: 'digits',
      model: 'digits',
      from: 'v1',
      to: 'v2',
      steps: [5, 25, 50, 100],
      inputs: [],
    },
    analysis: quality ? { ...analysis, maxQualityDrop: 0.01 } : analysis,
  };
  let state = reduceRollout(null, { type: 'created', at: 0, rollout: spec }).state!;
  state = reduceRollout(state, { type: 'ready', at: 0 }).state!;
  const counted = { v1: noCounters(), v2: noCounters() };
  const labelled = { v1: { labels: 0, wrong: 0 }, v2: { labels: 0, wrong: 0 } };
  let second = 0;
  let stepIndex = 0;
  for (; !isEnded(state) && second < 4 * 3600; second++) {
    const at = second * 1000 + 1000;
    const forCanary = share(random, requestsPerSecond, state.weight / 100);
    serve(random, counted.v2, forCanary, canary);
    serve(random, counted.v1, requestsPerSecond - forCanary, stable);
    stepIndex = state.stepIndex;
    const revisions = { v1: structuredClone(counted.v1), v2: structuredClone(counted.v2) };
    state = reduceRollout(state, { type: 'observed', at, instance: 'g', gatewayStartedAt: 0, revisions }).state!;
    if (!quality) continue;
    label(random, labelled.v2, forCanary, canary.wrong);
    label(random, labelled.v1, requestsPerSecond - forCanary, stable.wrong);
    state = reduceRollout(state, { type: 'labelled', at, revisions: structuredClone(labelled) }).state!;
  }
  const isTakenBack = state.status === 'rolledBack';
  return { state, isTakenBack, stepIndex, seconds: second, requests: counted.v2.requests };
}

/** The same rollout judged by point estimates after each interval: the first interval beyond a limit takes it back. */
function fixedThresholds(
  canary: Behaviour,
  seed: number,
): { isTakenBack: boolean; stepIndex: number; seconds: number } {
  const random = Generator.seeded(seed);
  for (const [stepIndex, weight] of [5, 25, 50, 100].entries()) {
    const [now, before] = [noCounters(), noCounters()];
    for (let second = 0; second < intervalSeconds; second++) {
      const forCanary = share(random, requestsPerSecond, weight / 100);
      serve(random, now, forCanary, canary);
      serve(random, before, requestsPerSecond - forCanary, stable);
    }
    const seconds = (stepIndex + 1) * intervalSeconds;
    const p95 = quantileMs(now.latency, 0.95)!;
    const p95Before = quantileMs(before.latency, 0.95);
    const isSlow = p95Before !== null && p95 > analysis.maxP95Ratio * p95Before;
    if (now.errors / now.requests > analysis.maxErrorRate || isSlow) return { isTakenBack: true, stepIndex, seconds };
  }
  return { isTakenBack: false, stepIndex: 3, seconds: 4 * intervalSeconds };
}

function serve(random: Generator, counters: Counters, requests: number, { errorRate, latencyFactor }: Behaviour): void {
  counters.requests += requests;
  counters.errors += share(random, requests, errorRate);
  for (let request = 0; request < requests; request++) {
    counters.latency[bucketOf(8 * latencyFactor * Math.exp(0.4 * random.normal()))]!++;
  }
}

function label(random: Generator, sum: Labelled, requests: number, wrong: number): void {
  const labels = share(random, requests, labelShare);
  sum.labels += labels;
  sum.wrong += share(random, labels, wrong);
}

/** How many of `count` independent trials with this probability succeed. */
function share(random: Generator, count: number, probability: number): number {
  let hits = 0;
  for (let trial = 0; trial < count; trial++) if (random.uniform() < probability) hits++;
  return hits;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
