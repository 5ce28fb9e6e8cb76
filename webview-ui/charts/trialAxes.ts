// Where the parameters and values of trials stand on axes from 0 to 1: linear, by logarithm, or one place a choice.
import type { EntityOf } from '../../server/protocol/entities.ts';

type Trial = EntityOf<'trials'>;
export type Given = string | number | boolean | null;

export interface TrialAxis {
  name: string;
  isLog: boolean;
  /** For choices: their values, in order; empty for numbers. */
  choices: readonly Given[];
  /** The ends, for numbers. */
  low: number;
  high: number;
}

/** One axis a parameter: as the space says, else as the trials show. */
export function axesOf(space: Readonly<Record<string, unknown>> | undefined, trials: readonly Trial[]): TrialAxis[] {
  const names = Object.keys(space ?? {});
  const more = trials.flatMap(({ params }) => Object.keys(params)).filter((name) => !names.includes(name));
  return [...names, ...new Set(more)].map((name) => axisOf(name, space?.[name], trials));
}

function axisOf(name: string, spec: unknown, trials: readonly Trial[]): TrialAxis {
  const kinds = (spec ?? {}) as Record<string, unknown>;
  if (Array.isArray(kinds['choice'])) return choiceAxis(name, kinds['choice'] as Given[]);
  for (const kind of ['log', 'logInt', 'float', 'int']) {
    const bounds = kinds[kind];
    if (!Array.isArray(bounds)) continue;
    return { name, isLog: kind.startsWith('log'), choices: [], low: Number(bounds[0]), high: Number(bounds[1]) };
  }
  const given = trials.flatMap(({ params }) => (params[name] === undefined ? [] : [params[name]]));
  const numbers = given.filter((one) => typeof one === 'number');
  if (numbers.length < given.length || numbers.length === 0) return choiceAxis(name, [...new Set(given)]);
  return numberAxis(name, numbers);
}

function choiceAxis(name: string, choices: readonly Given[]): TrialAxis {
  return { name, isLog: false, choices, low: 0, high: 1 };
}

/** A linear axis over finite numbers. */
export function numberAxis(name: string, numbers: readonly number[]): TrialAxis {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const number of numbers) {
    low = Math.min(low, number);
    high = Math.max(high, number);
  }
  return low <= high
    ? { name, isLog: false, choices: [], low, high }
    : { name, isLog: false, choices: [], low: 0, high: 1 };
}

/** From 0 to 1; undefined where the trial has none. */
export function placeOn(axis: TrialAxis, given: Given | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (axis.choices.length > 0) {
    const at = axis.choices.indexOf(given);
    return at < 0 ? undefined : axis.choices.length === 1 ? 0.5 : at / (axis.choices.length - 1);
  }
  if (typeof given !== 'number' || !Number.isFinite(given)) return undefined;
  if (axis.low === axis.high) return 0.5;
  const scaled = (number: number) => (axis.isLog ? Math.log(number) : number);
  return (scaled(given) - scaled(axis.low)) / (scaled(axis.high) - scaled(axis.low));
}

/** What stands beside an axis, and where: every choice, or both ends and what lies between. */
export function ticksOf(axis: TrialAxis, between = 1): { at: number; given: Given }[] {
  if (axis.choices.length > 0) return axis.choices.map((given) => ({ at: placeOn(axis, given)!, given }));
  if (axis.low === axis.high) return [{ at: 0.5, given: axis.low }];
  return Array.from({ length: between + 2 }, (_, nth) => {
    const at = nth / (between + 1);
    const given = axis.isLog ? axis.low * (axis.high / axis.low) ** at : axis.low + at * (axis.high - axis.low);
    return { at, given: Number(given.toPrecision(2)) };
  });
}
