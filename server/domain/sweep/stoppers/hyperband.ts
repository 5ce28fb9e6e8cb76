/**
 * Asynchronous Hyperband: trials are dealt to brackets of successive halving that differ in how early they stop, so
 * that slow starters get a chance. Li et al., "Hyperband", JMLR 18(185), 2018; asynchronous as in arXiv:1810.05834,
 * section 3.3.
 */
import { type AshaMemory, type AshaOptions, ashaStopper } from './asha.ts';
import type { Stopper } from './stopper.ts';

export type HyperbandOptions = AshaOptions & { maxResource: number };

/** One memory a bracket. */
export type HyperbandMemory = readonly AshaMemory[];

export function hyperbandStopper(options: HyperbandOptions): Stopper<HyperbandMemory> {
  const { reduction, minResource, maxResource } = options;
  const mostHalvings = Math.floor(Math.log(maxResource / minResource) / Math.log(reduction) + 1e-9);
  const brackets = Array.from({ length: mostHalvings + 1 }, (_, skipped) =>
    ashaStopper({ ...options, minResource: minResource * reduction ** skipped }),
  );
  const deal = bracketSequence(mostHalvings, reduction);
  const bracketOf = (trial: number) => deal[trial % deal.length]!;
  return {
    start: () => brackets.map((bracket) => bracket.start()),
    report(memory, trial, step, loss) {
      const index = bracketOf(trial);
      const { memory: changed, stop } = brackets[index]!.report(memory[index]!, trial, step, loss);
      return { memory: memory.with(index, changed), stop };
    },
    end(memory, trial) {
      const index = bracketOf(trial);
      return memory.with(index, brackets[index]!.end(memory[index]!, trial));
    },
  };
}

/**
 * The bracket of each trial, over and over: bracket k, which skips k halvings, gets its share
 * ⌈(s+1)/(s−k+1)·η^(s−k)⌉ of Hyperband (algorithm 1, line 2), spread evenly.
 */
export function bracketSequence(mostHalvings: number, reduction: number): number[] {
  const sizes = Array.from({ length: mostHalvings + 1 }, (_, skipped) => {
    const halvings = mostHalvings - skipped;
    return Math.ceil(((mostHalvings + 1) / (halvings + 1)) * reduction ** halvings - 1e-9);
  });
  const slots = sizes.flatMap((size, bracket) =>
    Array.from({ length: size }, (_, nth) => ({ bracket, at: (nth + 0.5) / size })),
  );
  return slots.sort((a, b) => a.at - b.at || a.bracket - b.bracket).map(({ bracket }) => bracket);
}
