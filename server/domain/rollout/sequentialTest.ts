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
  /**
   * Whether the hits come in runs, as slow answers do while a machine is busy for a moment: then what is far off is
   * not believed at once, but after as many requests as what is near to the limit.
   */
  comesInRuns?: boolean;
}

export interface ShareResult {
  verdict: 'above' | 'within' | 'undecided';
  /** The share from which on the test may call it within the limit with a probability of `MISSED` only. */
  detectable: number;
  /** Of the mixture against the limit. */
  logLikelihoodRatio: number;
}

/** Probability, at most, of calling a share within the limit that is at or above the detectable one. */
export const MISSED = 0.01;

/**
 * Tests `hits` of `requests` against a limit. The nearest alternative is chosen by `minRequests`: the share that so
 * many requests without a hit just exclude, p1 with ((1 - p1) / (1 - p0))^minRequests = MISSED. Below it the share is
 * within. Above is decided by the mean of the likelihood ratios of p1 and of alternatives ever farther from the limit
 * (a mixture is as safe as each of them: H. Robbins, Ann. Math. Stat. 41, 1970), so that what is far off shows at once.
 */
export function testShare(hits: number, requests: number, test: ShareTest): ShareResult {
  const { limit, minRequests, alpha, comesInRuns = false } = test;
  if (limit >= 1) {
    return { verdict: requests >= minRequests ? 'within' : 'undecided', detectable: 1, logLikelihoodRatio: 0 };
  }
  const detectable = 1 - (1 - limit) * MISSED ** (1 / minRequests);
  const logRatio = (share: number) => {
    const ofHits = hits === 0 ? 0 : hits * Math.log(share / limit);
    return ofHits + (requests - hits) * Math.log((1 - share) / (1 - limit));
  };
  const nearest = logRatio(detectable);
  const ratios = [nearest];
  const farthest = comesInRuns ? 0 : FARTHEST;
  for (let excess = 2 * (detectable - limit); limit + excess < farthest; excess *= 2)
    ratios.push(logRatio(limit + excess));
  const largest = Math.max(...ratios);
  const mean = ratios.reduce((sum, ratio) => sum + Math.exp(ratio - largest), 0) / ratios.length;
  const logLikelihoodRatio = largest === Number.POSITIVE_INFINITY ? largest : largest + Math.log(mean);
  let verdict: ShareResult['verdict'] = 'undecided';
  if (logLikelihoodRatio >= Math.log(1 / alpha)) verdict = 'above';
  // The tolerance is that of a sum of floating-point logarithms: exactly minRequests misses must suffice.
  else if (requests >= minRequests && nearest <= Math.log(MISSED) + 1e-9) verdict = 'within';
  return { verdict, detectable, logLikelihoodRatio };
}

/** No alternative lies above this share. */
const FARTHEST = 0.9;
