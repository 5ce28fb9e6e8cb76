/**
 * A sequential test of a share, such as that of failed requests: after every request it may say that the share is
 * above a limit, below a worse one, or that it cannot tell yet. Looking after each request costs nothing: by Ville's
 * inequality a likelihood ratio exceeds 1/alpha ever, with a probability of at most alpha (Wald, "Sequential Tests of
 * Statistical Hypotheses", Ann. Math. Stat. 16, 1945; Johari et al., "Always Valid Inference", Oper. Res. 70, 2022).
 */
export interface ShareTest {
  /** The largest share that is all right, 0 to 1. */
  limit: number;
  /** So many requests without a single hit suffice to call the share all right. */
  minRequests: number;
  /** Probability, at most, of calling a share above the limit that is not, however often one looks. */
  alpha: number;
}

export interface ShareResult {
  verdict: 'above' | 'within' | 'undecided';
  /** The share from which on the test may call it within the limit with a probability of `MISSED` only. */
  detectable: number;
  logLikelihoodRatio: number;
}

/** Probability, at most, of calling a share within the limit that is at or above the detectable one. */
export const MISSED = 0.01;

/**
 * Tests `hits` of `requests` against a limit. The alternative is chosen by `minRequests`: the share that so many
 * requests without a hit just exclude, p1 with ((1 - p1) / (1 - p0))^minRequests = MISSED.
 */
export function testShare(hits: number, requests: number, test: ShareTest): ShareResult {
  const { limit, minRequests, alpha } = test;
  if (limit >= 1) {
    return { verdict: requests >= minRequests ? 'within' : 'undecided', detectable: 1, logLikelihoodRatio: 0 };
  }
  const detectable = 1 - (1 - limit) * MISSED ** (1 / minRequests);
  const perMiss = Math.log((1 - detectable) / (1 - limit));
  const perHit = Math.log(detectable / limit);
  const logLikelihoodRatio = (hits === 0 ? 0 : hits * perHit) + (requests - hits) * perMiss;
  let verdict: ShareResult['verdict'] = 'undecided';
  if (logLikelihoodRatio >= Math.log(1 / alpha)) verdict = 'above';
  // The tolerance is that of a sum of floating-point logarithms: exactly minRequests misses must suffice.
  else if (requests >= minRequests && logLikelihoodRatio <= Math.log(MISSED) + 1e-9) verdict = 'within';
  return { verdict, detectable, logLikelihoodRatio };
}
