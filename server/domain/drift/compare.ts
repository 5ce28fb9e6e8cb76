/**
 * One feature of a window against its reference. Each test has an effect (how far apart) that a person sets a
 * threshold for, and a p-value (how surely it is not chance), so that neither a small window nor a huge one raises
 * an alarm over nothing. The bins of the reference serve PSI, chi-square and Jensen–Shannon; for these the p-value
 * is that of Pearson's test of homogeneity on the same bins.
 */
import { binOf, isMissing, type NumberFeature, type ReferenceFeature, type Value } from './reference.ts';
import { chiSquareTail, kolmogorovTail } from './tailProbability.ts';

/**
 * Population stability index; the Kolmogorov–Smirnov distance (numbers only; categories take chi-square);
 * chi-square with Cramér's V as effect; the Jensen–Shannon distance in bits.
 */
export type DriftTest = 'psi' | 'ks' | 'chi2' | 'js';

export interface Comparison {
  feature: string;
  /** What was looked at: how the values are spread, how many are missing, how many are of unknown categories. */
  aspect: 'distribution' | 'missing' | 'newCategories';
  test: DriftTest | 'share';
  effect: number;
  threshold: number;
  /** The probability of an effect like this without any drift. */
  p: number;
  /** Values of the window that were compared. */
  values: number;
  /** For new categories: the most frequent of them. */
  examples?: string[];
}

/** An increase of the share of missing values by less than this is no drift. */
export const MISSING_THRESHOLD = 0.05;
/** A share of unknown categories below this is no drift. */
export const NEW_CATEGORY_THRESHOLD = 0.01;
/** Bins are merged with their neighbours until chance alone would put so many values into each. */
const LEAST_EXPECTED = 10;
const EXAMPLES = 5;

/** All comparisons of one feature: one of its distribution, one of missing values, for categories one of new ones. */
export function compareFeature(
  reference: ReferenceFeature,
  column: readonly Value[],
  test: DriftTest,
  threshold: number,
): Comparison[] {
  const present = column.filter((value) => !isMissing(value));
  const known = reference.rows - reference.missing;
  const found: Comparison[] = [];
  if (present.length > 0 && known > 0) found.push(...distribution(reference, present as Value[], test, threshold));
  if (column.length > 0) {
    const missing = column.length - present.length;
    const before = reference.missing / Math.max(reference.rows, 1);
    found.push({
      feature: reference.name,
      aspect: 'missing',
      test: 'share',
      effect: Math.max(0, missing / column.length - before),
      threshold: MISSING_THRESHOLD,
      p: increaseTail(missing, column.length, reference.missing, reference.rows),
      values: column.length,
    });
  }
  return found;
}

function distribution(
  reference: ReferenceFeature,
  present: readonly Value[],
  test: DriftTest,
  threshold: number,
): Comparison[] {
  const base = { feature: reference.name, aspect: 'distribution' as const, threshold };
  if (reference.kind === 'number') {
    // A text in a column of numbers is no value of it: the model server decides whether that is an error.
    const values = present.filter((value) => typeof value === 'number');
    if (values.length === 0) return [];
    if (test === 'ks') {
      const effect = kolmogorovDistance(reference, values);
      const p = kolmogorovTail(effect, reference.sample.length, values.length);
      return [{ ...base, test, effect, p, values: values.length }];
    }
    const counts = new Array<number>(reference.counts.length).fill(0);
    for (const value of values) counts[binOf(reference.edges, value)]!++;
    return [{ ...base, ...binned(reference.counts, counts, test), values: values.length }];
  }
  const names = Object.keys(reference.counts);
  const places = new Map(names.map((name, index) => [name, index]));
  const counts = new Array<number>(names.length + 1).fill(0);
  const unknown = new Map<string, number>();
  for (const value of present) {
    const place = places.get(String(value));
    counts[place ?? names.length]!++;
    if (place === undefined) unknown.set(String(value), (unknown.get(String(value)) ?? 0) + 1);
  }
  const before = [...names.map((name) => reference.counts[name]!), reference.others];
  const rows = before.reduce((sum, count) => sum + count, 0);
  const others = counts.at(-1)!;
  const examples = [...unknown].sort(([, a], [, b]) => b - a).slice(0, EXAMPLES);
  return [
    { ...base, ...binned(before, counts, test === 'ks' ? 'chi2' : test), values: present.length },
    {
      feature: reference.name,
      aspect: 'newCategories',
      test: 'share',
      effect: Math.max(0, others / present.length - reference.others / rows),
      threshold: NEW_CATEGORY_THRESHOLD,
      p: increaseTail(others, present.length, reference.others, rows),
      values: present.length,
      examples: examples.map(([name]) => name),
    },
  ];
}

function binned(before: readonly number[], now: readonly number[], test: Exclude<DriftTest, 'ks'>) {
  const { statistic, freedom, rows } = homogeneity(before, now);
  const p = freedom === 0 ? 1 : chiSquareTail(statistic, freedom);
  if (test === 'psi') return { test, p, effect: stabilityIndex(before, now) };
  if (test === 'js') return { test, p, effect: jensenShannon(before, now) };
  // Cramér's V of a table with two rows.
  return { test, p, effect: Math.sqrt(statistic / rows) };
}

/** Σ (q − p) ln(q / p) over the bins, with half a value added to each so that an empty one has a logarithm. */
export function stabilityIndex(before: readonly number[], now: readonly number[]): number {
  const [all, allNow] = [sum(before) + before.length / 2, sum(now) + now.length / 2];
  let index = 0;
  for (const [bin, count] of before.entries()) {
    const p = (count + 0.5) / all;
    const q = (now[bin]! + 0.5) / allNow;
    index += (q - p) * Math.log(q / p);
  }
  return index;
}

/** The square root of the Jensen–Shannon divergence to base 2, between 0 and 1 (J. Lin, IEEE Trans. Inf. Theory 37, 1991). */
export function jensenShannon(before: readonly number[], now: readonly number[]): number {
  const [all, allNow] = [sum(before), sum(now)];
  let divergence = 0;
  for (const [bin, count] of before.entries()) {
    const p = count / all;
    const q = now[bin]! / allNow;
    const middle = (p + q) / 2;
    if (p > 0) divergence += (p / 2) * Math.log2(p / middle);
    if (q > 0) divergence += (q / 2) * Math.log2(q / middle);
  }
  return Math.sqrt(Math.max(0, divergence));
}

/** The largest distance between the two empirical distribution functions. */
export function kolmogorovDistance(reference: NumberFeature, values: readonly number[]): number {
  const a = reference.sample;
  const b = values.toSorted((x, y) => x - y);
  let [i, j, largest] = [0, 0, 0];
  while (i < a.length && j < b.length) {
    const value = Math.min(a[i]!, b[j]!);
    while (a[i] === value) i++;
    while (b[j] === value) j++;
    largest = Math.max(largest, Math.abs(i / a.length - j / b.length));
  }
  return largest;
}

/** Pearson's statistic for two rows of counts, sparse bins merged with the next. */
function homogeneity(before: readonly number[], now: readonly number[]) {
  const [all, allNow] = [sum(before), sum(now)];
  const smaller = Math.min(all, allNow) / (all + allNow);
  const merged: [number, number][] = [];
  let open: [number, number] = [0, 0];
  for (const [bin, count] of before.entries()) {
    open = [open[0] + count, open[1] + now[bin]!];
    if ((open[0] + open[1]) * smaller >= LEAST_EXPECTED) {
      merged.push(open);
      open = [0, 0];
    }
  }
  const last = merged.at(-1);
  if (last) merged[merged.length - 1] = [last[0] + open[0], last[1] + open[1]];
  let statistic = 0;
  for (const [x, y] of merged) {
    const expected = ((x + y) * all) / (all + allNow);
    const expectedNow = ((x + y) * allNow) / (all + allNow);
    statistic += (x - expected) ** 2 / expected + (y - expectedNow) ** 2 / expectedNow;
  }
  return { statistic, freedom: Math.max(0, merged.length - 1), rows: all + allNow };
}

/**
 * P(so many of `now` or more) if the share had not grown: Fisher's exact test, the upper tail of the hypergeometric
 * distribution. Exact also where nothing was missing before.
 */
function increaseTail(hits: number, now: number, hitsBefore: number, before: number): number {
  const [marked, all] = [hits + hitsBefore, now + before];
  const most = Math.min(marked, now);
  if (hits === 0 || before === 0) return 1;
  const logOf = (k: number) => logChoose(marked, k) + logChoose(all - marked, now - k) - logChoose(all, now);
  let tail = 0;
  for (let k = hits; k <= most; k++) {
    const term = Math.exp(logOf(k));
    tail += term;
    if (term < tail * 1e-16) break;
  }
  return Math.min(1, tail);
}

function logChoose(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

/** ln n!, by Stirling's series where it has 15 digits. */
function logFactorial(n: number): number {
  if (n < 0) return Number.POSITIVE_INFINITY;
  if (n < 20) {
    let product = 1;
    for (let factor = 2; factor <= n; factor++) product *= factor;
    return Math.log(product);
  }
  const inverse = 1 / n;
  return (
    n * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI * n) + inverse / 12 - inverse ** 3 / 360 + inverse ** 5 / 1260
  );
}

function sum(counts: readonly number[]): number {
  let all = 0;
  for (const count of counts) all += count;
  return all;
}
