import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ashaStopper, rungResource } from '../../../../server/domain/sweep/stoppers/asha.ts';
import { bracketSequence, hyperbandStopper } from '../../../../server/domain/sweep/stoppers/hyperband.ts';
import { medianStopper } from '../../../../server/domain/sweep/stoppers/median.ts';
import { patienceStopper } from '../../../../server/domain/sweep/stoppers/patience.ts';
import type { Stopper } from '../../../../server/domain/sweep/stoppers/stopper.ts';

type Report = readonly [trial: number, step: number, loss: number];

/** The verdicts over a list of reports; the memory goes through JSON between any two. */
function verdicts<Memory>(stopper: Stopper<Memory>, reports: readonly Report[]): boolean[] {
  let memory = stopper.start();
  return reports.map(([trial, step, loss]) => {
    const verdict = stopper.report(memory, trial, step, loss);
    memory = JSON.parse(JSON.stringify(verdict.memory)) as Memory;
    return verdict.stop;
  });
}

describe('ASHA', () => {
  // The bracket of figure 1 in arXiv:1810.05834: r = 1, R = 9, η = 3, rungs at 1 and 3.
  const options = { reduction: 3, minResource: 1, maxResource: 9 };

  it('has its rungs at r·η^k below R', () => {
    assert.deepEqual(
      [0, 1, 2].map((rung) => rungResource(options, rung)),
      [1, 3, Number.POSITIVE_INFINITY],
    );
    const imagenet = { reduction: 4, minResource: 1, maxResource: 256 };
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((rung) => rungResource(imagenet, rung)),
      [1, 4, 16, 64, Number.POSITIVE_INFINITY],
    );
  });

  it('lets nine trials go on exactly while they are among the best third so far', () => {
    const losses = [0.5, 0.7, 0.4, 0.6, 0.8, 0.45, 0.9, 0.3, 0.42];
    const stops = verdicts(
      ashaStopper(options),
      losses.map((loss, trial) => [trial, 1, loss]),
    );
    // 0: first. 2: best of 3. 5: 2nd of 6. 7: best of 8. 8: 3rd of 9.
    assert.deepEqual(stops, [false, true, false, true, true, false, true, false, false]);
  });

  it('judges the survivors again at the next rung and nobody at R', () => {
    const reports: Report[] = [
      [0, 1, 0.5],
      [2, 1, 0.4],
      [0, 2, 0.9],
      [0, 3, 0.35],
      [2, 3, 0.36],
      [0, 9, 0.9],
    ];
    assert.deepEqual(verdicts(ashaStopper(options), reports), [false, false, false, false, true, false]);
  });

  it('counts a trial once at each rung that one report passes', () => {
    const stopper = ashaStopper(options);
    const { memory } = stopper.report(stopper.start(), 0, 5, 0.5);
    assert.deepEqual(memory.rungs, [
      { losses: [0.5], count: 1 },
      { losses: [0.5], count: 1 },
    ]);
    assert.deepEqual(stopper.report(memory, 0, 6, 0.1), { memory, stop: false });
  });

  it('never lets a loss that is not finite go on, and counts it', () => {
    const reports: Report[] = [
      [0, 1, Number.NaN],
      [1, 1, 0.5],
      [2, 1, Number.POSITIVE_INFINITY],
      [3, 1, 0.6],
      [4, 1, 0.7],
      [5, 1, 0.55],
    ];
    assert.deepEqual(verdicts(ashaStopper(options), reports), [true, false, true, true, true, false]);
  });

  it('forgets what it keeps for a trial that has ended', () => {
    const stopper = ashaStopper(options);
    const { memory } = stopper.report(stopper.start(), 0, 1, 0.5);
    assert.deepEqual(stopper.end(memory, 0).next, {});
  });

  it('lets only the first go on when each that comes is worse than all before', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer(), { minLength: 1, maxLength: 40 }), (losses) => {
        const worse = losses.toSorted((a, b) => a - b).map((loss, trial): Report => [trial, 1, loss]);
        const passed = verdicts(ashaStopper(options), worse).filter((stop) => !stop).length;
        assert.equal(passed, 1);
      }),
    );
  });
});

describe('Hyperband', () => {
  it('deals the trials to its brackets in the shares of the paper’s table for R = 81, η = 3', () => {
    const deal = bracketSequence(4, 3);
    const shares = [0, 1, 2, 3, 4].map((bracket) => deal.filter((dealt) => dealt === bracket).length);
    assert.deepEqual(shares, [81, 34, 15, 8, 5]);
  });

  it('never stops a trial of the last bracket, and stops others as ASHA does', () => {
    const stopper = hyperbandStopper({ reduction: 3, minResource: 1, maxResource: 9 });
    const deal = bracketSequence(2, 3);
    const reports: Report[] = deal.map((_, trial) => [trial, 8, trial]);
    const stops = verdicts(stopper, reports);
    assert.ok(deal.every((bracket, trial) => bracket !== 2 || !stops[trial]));
    assert.ok(deal.some((bracket, trial) => bracket === 0 && stops[trial]));
  });
});

describe('the median rule', () => {
  const stopper = medianStopper({ minTrials: 3, minStep: 2 });
  const others: Report[] = [
    [0, 1, 5],
    [0, 2, 1],
    [1, 1, 5],
    [1, 2, 3],
    [2, 1, 5],
    [2, 2, 5],
  ];

  it('stops a trial whose best is worse than the median of the running means', () => {
    // Running means at step 2: 3, 4, 5.
    assert.deepEqual(verdicts(stopper, [...others, [3, 1, 9], [3, 2, 4.1]]).slice(-2), [false, true]);
    assert.deepEqual(verdicts(stopper, [...others, [3, 1, 9], [3, 2, 4]]).slice(-2), [false, false]);
    assert.deepEqual(verdicts(stopper, [...others, [3, 1, 2], [3, 2, 99]]).slice(-2), [false, false]);
  });

  it('stops nobody before enough others came to the step', () => {
    assert.ok(verdicts(stopper, others).every((stop) => !stop));
  });

  it('stops a trial that never had a finite loss', () => {
    assert.equal(verdicts(stopper, [...others, [3, 2, Number.NaN]]).at(-1), true);
  });
});

describe('patience', () => {
  it('stops after so many reports without an improvement of more than minDelta', () => {
    const stopper = patienceStopper({ patience: 2, minDelta: 0.1 });
    const reports: Report[] = [
      [0, 1, 1],
      [0, 2, 0.95],
      [0, 3, 0.8],
      [0, 4, 0.75],
      [0, 5, Number.NaN],
    ];
    assert.deepEqual(verdicts(stopper, reports), [false, false, false, false, true]);
  });
});
