// What the sweep benchmark runs on Slipway's side: the same reducer as a real sweep, its trials evaluated by a Peer.
import { itemAt } from '../../../server/domain/sweep/pages.ts';
import type { SamplerSpec } from '../../../server/domain/sweep/samplers/index.ts';
import type { SweepEvent, SweepSpec, SweepState, Trial } from '../../../server/domain/sweep/state.ts';
import { reduceSweep } from '../../../server/domain/sweep/sweep.ts';
import type { Peer, Task } from './peer.ts';

export function sweepSpec(task: Task, others: Partial<SweepSpec>): SweepSpec {
  return {
    name: 'bench',
    space: task.space,
    sampler: { type: 'tpe' },
    stopper: null,
    goals: [{ metric: 'value', goal: task.goal }],
    trials: 100,
    parallel: 1,
    seed: 0,
    retries: 0,
    ...others,
  };
}

/** The best value of one sweep a seed, all of them a trial at a time so that a request evaluates many. */
export async function bestOfSweeps(
  peer: Peer,
  name: string,
  task: Task,
  { seeds, trials, sampler = { type: 'tpe' } }: { seeds: readonly number[]; trials: number; sampler?: SamplerSpec },
): Promise<number[]> {
  let states = seeds.map((seed) => created(sweepSpec(task, { seed, trials, sampler })));
  for (let nth = 0; nth < trials; nth++) {
    const params = states.map((state) => onlyTrial(state).params);
    const { values } = await peer.ask('evaluate', { task: name, params });
    states = states.map((state, index) => finished(state, onlyTrial(state), values[index]!));
  }
  return states.map((state) => itemAt(state.trials, state.best[0]!)!.values![0] as number);
}

/** The median time of a decision (telling the result of the trial before included) from `trials` trials on, in ms. */
export async function askTimeMs(peer: Peer, name: string, task: Task, trials: number, asks: number): Promise<number> {
  let state = created(sweepSpec(task, { trials: trials + asks + 1 }));
  const times: number[] = [];
  for (let nth = 0; nth < trials + asks; nth++) {
    const trial = onlyTrial(state);
    const { values } = await peer.ask('evaluate', { task: name, params: [trial.params] });
    const began = performance.now();
    state = finished(state, trial, values[0]!);
    if (nth >= trials) times.push(performance.now() - began);
  }
  return median(times);
}

/**
 * How many epochs a sweep trains until a trial reports `target`; `limit` if it does not until then. Trials of `parallel`
 * sweeps advance in turn, an epoch each.
 */
export async function epochsTo(
  peer: Peer,
  name: string,
  spec: SweepSpec,
  target: number,
  limit: number,
): Promise<number> {
  let state = created(spec);
  const curves = new Map<number, { values: number[]; epoch: number }>();
  let spent = 0;
  while (state.status !== 'ended') {
    for (const number of state.active) {
      const trial = itemAt(state.trials, number)!;
      if (!state.active.includes(number)) continue;
      let curve = curves.get(number);
      if (!curve) {
        curve = { ...(await peer.ask('curve', { task: name, params: trial.params })), epoch: 0 };
        curves.set(number, curve);
      }
      const value = curve.values[curve.epoch++]!;
      spent++;
      if (value >= target || spent >= limit) return spent;
      const reported = { type: 'reported', trial: number, attempt: 0, step: curve.epoch, values: [value] } as const;
      const { state: judged, commands } = reduceSweep(state, reported);
      const isOver = curve.epoch === curve.values.length;
      if (commands.length > 0) state = ended(judged, trial, { outcome: 'stopped' });
      else state = isOver ? finished(judged, trial, value) : judged;
      if (commands.length > 0 || isOver) curves.delete(number);
    }
  }
  return limit;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function created(spec: SweepSpec): SweepState {
  return reduceSweep(undefined, { type: 'created', spec }).state;
}

function onlyTrial(state: SweepState): Trial {
  return itemAt(state.trials, state.active[0]!)!;
}

function finished(state: SweepState, trial: Trial, value: number): SweepState {
  return ended(state, trial, { outcome: 'finished', values: [value] });
}

type End = Pick<Extract<SweepEvent, { type: 'trialEnded' }>, 'outcome' | 'values'>;

function ended(state: SweepState, { number, attempt }: Trial, end: End): SweepState {
  return reduceSweep(state, { type: 'trialEnded', trial: number, attempt, ...end }).state;
}
