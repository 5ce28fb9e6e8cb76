/** Comparing trials by one loss or by several (all minimized). */

/** Whether `a` is nowhere worse than `b` and somewhere better. */
export function dominates(a: readonly number[], b: readonly number[]): boolean {
  let isBetter = false;
  for (let index = 0; index < a.length; index++) {
    if (a[index]! > b[index]!) return false;
    if (a[index]! < b[index]!) isBetter = true;
  }
  return isBetter;
}

/**
 * The order in which NSGA-II prefers: by the front a point lies in (0 is not dominated), inside a front by crowding
 * distance, the lonelier first. Deb et al., IEEE TEC 6(2), 2002, sections III A and B. With one loss: by the loss.
 *
 * @returns the indices of `losses`, best first, and the front of each
 */
export function preferenceOrder(losses: readonly (readonly number[])[]): { order: number[]; fronts: number[] } {
  const fronts = frontsOf(losses);
  const distances = crowdingDistances(losses, fronts);
  const order = losses.map((_, index) => index);
  order.sort((a, b) => fronts[a]! - fronts[b]! || distances[b]! - distances[a]! || a - b);
  return { order, fronts };
}

function frontsOf(losses: readonly (readonly number[])[]): number[] {
  const dominatedBy = losses.map((loss) => losses.filter((other) => dominates(other, loss)).length);
  const fronts = losses.map(() => -1);
  let current = [...losses.keys()].filter((index) => dominatedBy[index] === 0);
  for (let front = 0; current.length > 0; front++) {
    for (const index of current) fronts[index] = front;
    const next: number[] = [];
    for (const index of current) {
      for (const [other, loss] of losses.entries()) {
        if (!dominates(losses[index]!, loss)) continue;
        dominatedBy[other]!--;
        if (dominatedBy[other] === 0) next.push(other);
      }
    }
    current = next;
  }
  return fronts;
}

function crowdingDistances(losses: readonly (readonly number[])[], fronts: readonly number[]): number[] {
  const distances = losses.map(() => 0);
  for (const front of new Set(fronts)) {
    const members = [...losses.keys()].filter((index) => fronts[index] === front);
    for (let objective = 0; objective < losses[0]!.length; objective++) {
      const at = (index: number) => losses[index]![objective]!;
      members.sort((a, b) => at(a) - at(b) || a - b);
      const [first, last] = [members[0]!, members.at(-1)!];
      const range = at(last) - at(first);
      distances[first] = Number.POSITIVE_INFINITY;
      distances[last] = Number.POSITIVE_INFINITY;
      if (range === 0) continue;
      for (let position = 1; position < members.length - 1; position++) {
        const gap = at(members[position + 1]!) - at(members[position - 1]!);
        distances[members[position]!]! += gap / range;
      }
    }
  }
  return distances;
}
