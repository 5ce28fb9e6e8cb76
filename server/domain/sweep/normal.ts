/** The normal distribution, as samplers need it. */
import type { Generator } from './generator.ts';

/**
 * The standard normal distribution function, to about 15 digits.
 * J. F. Hart, "Computer Approximations", 1968, as given by G. West, "Better approximations to cumulative normal
 * functions", Wilmott Magazine, 2005.
 */
export function normalCdf(x: number): number {
  const z = Math.abs(x);
  if (z > 37) return x > 0 ? 1 : 0;
  const density = Math.exp((-z * z) / 2);
  let tail: number;
  if (z < 7.07106781186547) {
    let numerator = 3.52624965998911e-2 * z + 0.700383064443688;
    numerator = numerator * z + 6.37396220353165;
    numerator = numerator * z + 33.912866078383;
    numerator = numerator * z + 112.079291497871;
    numerator = numerator * z + 221.213596169931;
    numerator = numerator * z + 220.206867912376;
    let denominator = 8.83883476483184e-2 * z + 1.75566716318264;
    denominator = denominator * z + 16.064177579207;
    denominator = denominator * z + 86.7807322029461;
    denominator = denominator * z + 296.564248779674;
    denominator = denominator * z + 637.333633378831;
    denominator = denominator * z + 793.826512519948;
    denominator = denominator * z + 440.413735824752;
    tail = (density * numerator) / denominator;
  } else {
    const fraction = z + 1 / (z + 2 / (z + 3 / (z + 4 / (z + 0.65))));
    tail = density / fraction / 2.506628274631;
  }
  return x > 0 ? 1 - tail : tail;
}

/** P(a < X < b) of a standard normal X, taken in the tail where it keeps its digits. */
export function normalMass(a: number, b: number): number {
  return a > 0 ? normalCdf(-a) - normalCdf(-b) : normalCdf(b) - normalCdf(a);
}

/** A draw from the normal distribution truncated to the unit interval; `mean` lies in it. */
export function truncatedNormal(random: Generator, mean: number, deviation: number): number {
  // With the mean inside, at least a third of the draws are accepted while the deviation is at most 1.
  for (;;) {
    const value = mean + deviation * random.normal();
    if (value >= 0 && value <= 1) return value;
  }
}
