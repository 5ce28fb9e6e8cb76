/**
 * What a feature looked like in training, small enough to keep beside a model version: bins that hold about equally
 * many training rows, and an even sample of the values. A window of requests is compared with it, see `compare.ts`.
 */

/** One value of a feature in one row. Null, `NaN` and the empty text count as missing. */
export type Value = number | string | boolean | null;

interface Feature {
  name: string;
  /** Training rows, missing values included. */
  rows: number;
  missing: number;
}

export interface NumberFeature extends Feature {
  kind: 'number';
  /** Ascending, distinct. Bin i holds values up to edges[i]; the first lies below all of training, the last above. */
  edges: number[];
  /** Training values in each of the edges.length + 1 bins. */
  counts: number[];
  /** Order statistics at even distances, ascending: all values where there are few. */
  sample: number[];
}

export interface CategoryFeature extends Feature {
  kind: 'category';
  /** Training values of the most frequent categories. */
  counts: Record<string, number>;
  /** Training values of all other categories. */
  others: number;
}

export type ReferenceFeature = NumberFeature | CategoryFeature;

const BINS = 10;
const SAMPLE = 512;
const CATEGORIES = 100;

/**
 * Sums up a column of training values. A column of nothing but numbers (and missing values) is a number feature;
 * any other holds categories.
 */
export function referenceOf(name: string, column: readonly Value[]): ReferenceFeature {
  const present = column.filter((value) => !isMissing(value));
  const base = { name, rows: column.length, missing: column.length - present.length };
  if (present.length > 0 && present.every((value) => typeof value === 'number')) {
    return { kind: 'number', ...base, ...numbers((present as number[]).toSorted((a, b) => a - b)) };
  }
  const counts = new Map<string, number>();
  for (const value of present) counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
  const sorted = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const others = sorted.slice(CATEGORIES).reduce((sum, [, count]) => sum + count, 0);
  return { kind: 'category', ...base, counts: Object.fromEntries(sorted.slice(0, CATEGORIES)), others };
}

/** Whether a row has no value for a feature. */
export function isMissing(value: Value | undefined): boolean {
  return value === null || value === undefined || value === '' || (typeof value === 'number' && Number.isNaN(value));
}

/** The bin of a value: the first whose edge is not below it. */
export function binOf(edges: readonly number[], value: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (edges[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function numbers(sorted: readonly number[]): Pick<NumberFeature, 'edges' | 'counts' | 'sample'> {
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  // Just below the smallest, so that its bin holds only what lies under all of training.
  const edges = [below(sorted[0]!)];
  for (let bin = 1; bin <= BINS; bin++) {
    const edge = bin === BINS ? sorted.at(-1)! : at(bin / BINS);
    if (edge > edges.at(-1)!) edges.push(edge);
  }
  const counts = new Array<number>(edges.length + 1).fill(0);
  for (const value of sorted) counts[binOf(edges, value)]!++;
  const size = Math.min(SAMPLE, sorted.length);
  const sample = Array.from({ length: size }, (_, index) => at((index + 0.5) / size));
  return { edges, counts, sample };
}

/** A number under `value` that no value between 0 and it is likely to share: relative to its size. */
function below(value: number): number {
  const step = Math.max(Math.abs(value), 1e-300) * Number.EPSILON;
  return value - step;
}
