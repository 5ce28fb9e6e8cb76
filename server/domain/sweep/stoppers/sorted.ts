/** Ascending lists of finite numbers, immutable. */

/** How many of `sorted` are below `value`. */
export function rankIn(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function insertSorted(sorted: readonly number[], value: number): readonly number[] {
  return sorted.toSpliced(rankIn(sorted, value), 0, value);
}

export function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length >>> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
