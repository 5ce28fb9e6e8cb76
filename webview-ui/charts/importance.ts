// How much each parameter matters: the share of the differences between trials' values that it explains alone.
import type { EntityOf } from '../../server/protocol/entities.ts';
import { placeOn, type TrialAxis } from './trialAxes.ts';

/** Fewer trials with a value say nothing. */
export const fewestTrials = 8;
const mostGroups = 8;

/**
 * Trials in order of their values get ranks, so that one outlier does not decide; they are put into groups by the
 * parameter (a choice each, or up to eight of equal size); the share of the ranks' variance between groups is ε², η²
 * freed of what chance alone gives (T. Kelley, "An unbiased correlation ratio measure", PNAS 21(9), 1935).
 *
 * @returns from 0 (says nothing) to 1 (decides alone), the greatest first; empty for too few trials. What parameters do
 * only together is in none of them.
 */
export function importanceOf(
  axes: readonly TrialAxis[],
  trials: readonly EntityOf<'trials'>[],
): { name: string; share: number }[] {
  const known = trials
    .filter(({ status, value }) => status !== 'running' && value !== undefined && Number.isFinite(Number(value)))
    .sort((a, b) => Number(a.value) - Number(b.value));
  if (known.length < fewestTrials) return [];
  const ranks = new Map(
    rankWithTies(known.map(({ value }) => Number(value))).map((rank, index) => [known[index]!, rank]),
  );
  return axes
    .map((axis) => {
      const having = known.flatMap((trial) => {
        const at = placeOn(axis, trial.params[axis.name]);
        return at === undefined ? [] : [{ at, rank: ranks.get(trial)! }];
      });
      return { name: axis.name, share: explained(groupsOf(axis, having)) };
    })
    .sort((a, b) => b.share - a.share);
}

/** Equal values share the mean of their ranks. */
function rankWithTies(sorted: readonly number[]): number[] {
  const ranks: number[] = [];
  for (let from = 0; from < sorted.length; ) {
    let to = from;
    while (to + 1 < sorted.length && sorted[to + 1] === sorted[from]) to++;
    for (let index = from; index <= to; index++) ranks.push((from + to) / 2);
    from = to + 1;
  }
  return ranks;
}

interface Point {
  at: number;
  rank: number;
}

function groupsOf(axis: TrialAxis, points: Point[]): number[][] {
  const size = Math.max(Math.ceil(points.length / mostGroups), 3);
  const sorted = points.toSorted((a, b) => a.at - b.at);
  const groups: Point[][] = [];
  for (const point of sorted) {
    const last = groups.at(-1);
    const isSame = last?.at(-1)?.at === point.at;
    // Equal values of a parameter stay together.
    if (last && (isSame || (axis.choices.length === 0 && last.length < size))) last.push(point);
    else groups.push([point]);
  }
  return groups.map((group) => group.map(({ rank }) => rank));
}

function explained(groups: readonly number[][]): number {
  const all = groups.flat();
  if (groups.length < 2 || all.length <= groups.length) return 0;
  const mean = meanOf(all);
  const total = all.reduce((sum, rank) => sum + (rank - mean) ** 2, 0);
  if (total === 0) return 0;
  const within = groups.reduce((sum, group) => {
    const center = meanOf(group);
    return sum + group.reduce((rest, rank) => rest + (rank - center) ** 2, 0);
  }, 0);
  return Math.max(0, 1 - within / (all.length - groups.length) / (total / (all.length - 1)));
}

function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}
