/** What every stopper is: it hears of each trial's objective while it runs and says whether going on is worth it. */

export interface StopperVerdict<Memory> {
  memory: Memory;
  stop: boolean;
}

/** `Memory` is plain JSON. Values are losses: smaller is better; what is not finite counts as worst. */
export interface Stopper<Memory> {
  start(): Memory;
  /** @param step larger than at every earlier report of this trial */
  report(memory: Memory, trial: number, step: number, loss: number): StopperVerdict<Memory>;
  /** The trial will report no more: forget what is kept for it alone. */
  end(memory: Memory, trial: number): Memory;
}

/** What a stopper keeps for each running trial. */
export type PerTrial<T> = Readonly<Record<number, T>>;

export function withoutTrial<T>(perTrial: PerTrial<T>, trial: number): PerTrial<T> {
  if (!Object.hasOwn(perTrial, trial)) return perTrial;
  const { [trial]: _ended, ...others } = perTrial;
  return others;
}
