import assert from 'node:assert/strict';
import { type AnalysisRules, judge } from '../../../../server/domain/rollout/analysis.ts';
import type { Counters } from '../../../../server/domain/rollout/counters.ts';
import { BUCKET_COUNT, bucketOf } from '../../../../server/domain/rollout/histogram.ts';
import { testShare } from '../../../../server/domain/rollout/sequentialTest.ts';

const RULES: AnalysisRules = {
  maxErrorRate: 0.01,
  maxP95Ratio: 1.5,
  minRequests: 200,
  maxQualityDrop: null,
  minLabels: 1000,
  onInconclusive: 'wait',
  maxWaitMs: 3_600_000,
};

function counters(requests: number, errors: number, latencyMs: number): Counters {
  const latency = new Array<number>(BUCKET_COUNT).fill(0);
  latency[bucketOf(latencyMs)] = requests;
  return { requests, errors, latency };
}

describe('analysis of a rollout step', () => {
  it('passes a clean canary with exactly the minimum of requests, and not with one less', () => {
    assert.equal(judge(counters(200, 0, 10), counters(3000, 0, 10), RULES, 4).verdict, 'passed');
    const before = judge(counters(199, 0, 10), counters(3000, 0, 10), RULES, 4);
    assert.equal(before.verdict, 'inconclusive');
    assert.match(before.reason, /199 of at least 200 requests/);
  });

  it('fails a canary whose errors are clearly above the limit, before the minimum of requests', () => {
    const judgement = judge(counters(60, 12, 10), counters(1000, 0, 10), RULES, 4);
    assert.equal(judgement.verdict, 'failed');
    assert.match(judgement.reason, /12 of 60 requests failed \(20 %\); the limit is 1 %/);
  });

  it('does not decide when the errors are near the limit', () => {
    assert.equal(judge(counters(300, 5, 10), counters(3000, 0, 10), RULES, 4).verdict, 'inconclusive');
  });

  it('fails a canary that is twice as slow where one and a half times is allowed', () => {
    const judgement = judge(counters(60, 0, 25), counters(1000, 0, 10), RULES, 4);
    assert.equal(judgement.verdict, 'failed');
    assert.match(judgement.reason, /1\.5 × the stable revision's p95/);
  });

  it('does not take a moment in which the machine was busy for a slow canary', () => {
    const canary = counters(8, 0, 10);
    canary.latency = counters(6, 0, 40).latency.map((slow, bucket) => slow + counters(2, 0, 10).latency[bucket]!);
    assert.equal(judge(canary, counters(1000, 0, 10), RULES, 4).verdict, 'inconclusive');
  });

  it('passes a canary that is a little slower', () => {
    assert.equal(judge(counters(400, 0, 12), counters(1000, 0, 10), RULES, 4).verdict, 'passed');
  });

  it('judges by the absolute rule alone without a stable revision or its traffic', () => {
    for (const stable of [null, counters(0, 0, 10)]) {
      const judgement = judge(counters(200, 0, 60_000), stable, RULES, 1);
      assert.equal(judgement.verdict, 'passed');
      assert.equal(judgement.stable, null);
    }
  });

  it('waits for the p95 of a stable revision with too few requests', () => {
    const judgement = judge(counters(400, 0, 10), counters(50, 0, 10), RULES, 4);
    assert.equal(judgement.verdict, 'inconclusive');
    assert.match(judgement.reason, /too few to know its p95/);
  });

  it('fails at the first error where none is allowed, and never where all are', () => {
    assert.equal(judge(counters(5, 1, 10), null, { ...RULES, maxErrorRate: 0 }, 4).verdict, 'failed');
    assert.equal(judge(counters(200, 0, 10), null, { ...RULES, maxErrorRate: 0 }, 4).verdict, 'passed');
    assert.equal(judge(counters(200, 200, 10), null, { ...RULES, maxErrorRate: 1 }, 4).verdict, 'passed');
  });

  describe('with a rule on quality', () => {
    const rules = { ...RULES, maxQualityDrop: 0.01, minLabels: 1000 };
    const look = (canary: [number, number], stable: [number, number]) => {
      const [a, b] = [canary, stable].map(([labels, wrong]) => ({ labels, wrong }));
      return judge(counters(20_000, 0, 10), counters(300_000, 0, 10), rules, 4, { canary: a!, stable: b! });
    };

    it('passes only on evidence: first enough labels for both, then enough of them right', () => {
      const few = look([900, 20], [20_000, 600]);
      assert.equal(few.verdict, 'inconclusive');
      assert.match(few.reason, /900 of at least 1000 labels have come back/);
      assert.match(look([5000, 100], [900, 30]).reason, /900 of at least 1000 labels for the stable revision/);
      assert.equal(look([6000, 180], [20_000, 600]).verdict, 'passed');
    });

    it('fails a canary that is clearly worse, and says how much', () => {
      const judgement = look([2000, 200], [20_000, 600]);
      assert.equal(judgement.verdict, 'failed');
      assert.match(judgement.reason, /10 % of 2000 labelled predictions are wrong; the stable revision has 3\.0 %/);
    });

    it('does not ask for labels where no drop is set', () => {
      const quality = { canary: { labels: 0, wrong: 0 }, stable: { labels: 0, wrong: 0 } };
      assert.equal(judge(counters(400, 0, 10), counters(3000, 0, 10), RULES, 4, quality).rules.quality, null);
    });
  });

  it('names the share of errors that it would hardly miss', () => {
    const { detectable } = testShare(0, 0, { limit: 0.01, minRequests: 200, alpha: 0.001 });
    assert.ok(detectable > 0.03 && detectable < 0.035);
  });
});
