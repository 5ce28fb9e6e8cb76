/** The tails of the two distributions that drift tests need. */

/**
 * P(X ≥ `x`) of a chi-square distribution: the regularized upper incomplete gamma function Q(freedom/2, x/2), by its
 * series below and by its continued fraction above the mode (Abramowitz & Stegun 6.5.29 and 6.5.31).
 * @param freedom degrees of freedom, at least 1
 */
export function chiSquareTail(x: number, freedom: number): number {
  if (!(x > 0)) return 1;
  const a = freedom / 2;
  const z = x / 2;
  const front = Math.exp(a * Math.log(z) - z - logGamma(a));
  if (z < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; term > sum * 1e-15; n++) {
      term *= z / (a + n);
      sum += term;
    }
    return Math.max(0, 1 - front * sum);
  }
  // Lentz's method for the continued fraction, from its first term on.
  let b = z + 1 - a;
  let c = Number.MAX_VALUE;
  let d = 1 / b;
  let fraction = d;
  for (let n = 1; n < 1000; n++) {
    const numerator = -n * (n - a);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    const change = c * d;
    fraction *= change;
    if (Math.abs(change - 1) < 1e-15) break;
  }
  return Math.min(1, front * fraction);
}

/**
 * P(D ≥ `distance`) of the two-sample Kolmogorov–Smirnov statistic under equal distributions, by its limit with the
 * small-sample correction of M. A. Stephens (J. R. Stat. Soc. B 32, 1970). With ties it is an upper bound.
 * @param a size of one sample
 * @param b size of the other
 */
export function kolmogorovTail(distance: number, a: number, b: number): number {
  const root = Math.sqrt((a * b) / (a + b));
  const lambda = (root + 0.12 + 0.11 / root) * distance;
  if (lambda < 0.3) return 1;
  let sum = 0;
  for (let k = 1; k <= 100; k++) {
    const term = Math.exp(-2 * k * k * lambda * lambda);
    sum += k % 2 === 1 ? term : -term;
    if (term < 1e-16) break;
  }
  return Math.min(1, Math.max(0, 2 * sum));
}

/** ln Γ(x) for x > 0, to about 15 digits: C. Lanczos (SIAM J. Numer. Anal. 1, 1964) with g = 7 and nine terms. */
function logGamma(x: number): number {
  const shifted = x - 1;
  let sum = LANCZOS[0]!;
  for (let n = 1; n < LANCZOS.length; n++) sum += LANCZOS[n]! / (shifted + n);
  const t = shifted + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(sum);
}

const LANCZOS: readonly number[] = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];
