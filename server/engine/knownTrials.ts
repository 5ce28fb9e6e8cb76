/** What a new sweep may begin from: trials of earlier sweeps, and runs that left a receipt. */
import { dimensionsOf, paramsInSpace } from '../domain/sweep/dimensions.ts';
import { eachItem } from '../domain/sweep/pages.ts';
import { type KnownTrial, lossesOf, type ReportedNumber, type SweepSpec } from '../domain/sweep/state.ts';
import type { TrialRunsState } from '../domain/sweep/trialRuns.ts';
import { SlipwayError } from '../protocol/errors.ts';
import type { Params } from '../protocol/space.ts';
import type { Context } from './context.ts';

/** Older ones say little; a sampler's first decision reads all of them. */
const mostKnown = 1000;

/**
 * @param from ids of sweeps, or `receipts` for the project's runs
 * @returns those whose parameters lie in the space and whose values are numbers, oldest first
 * @throws SlipwayError `sweep.unknown`; `sweep.otherGoals` for a sweep that was compared by other metrics
 */
export async function knownTrials(
  context: Context,
  project: string,
  spec: Pick<SweepSpec, 'space' | 'goals'>,
  from: readonly string[],
): Promise<KnownTrial[]> {
  const dimensions = dimensionsOf(spec.space);
  const known: KnownTrial[] = [];
  const consider = (params: Params, values: readonly ReportedNumber[]) => {
    const taken = paramsInSpace(dimensions, params);
    if (taken && lossesOf(values, spec.goals)) known.push({ params: taken, values });
  };
  for (const id of from) {
    if (id === 'receipts') await ofReceipts(context, project, spec, consider);
    else await ofSweep(context, id, spec, consider);
  }
  return known.slice(-mostKnown);
}

type Consider = (params: Params, values: readonly ReportedNumber[]) => void;

async function ofSweep(
  context: Context,
  id: string,
  spec: Pick<SweepSpec, 'goals'>,
  consider: Consider,
): Promise<void> {
  const state = await context.engine.state<TrialRunsState>('sweep', id);
  if (!state) throw new SlipwayError('sweep.unknown', `There is no sweep ${id}.`, 'See `slipway sweep list`.', 404);
  if (JSON.stringify(state.spec.goals) !== JSON.stringify(spec.goals)) {
    const goals = state.spec.goals.map(({ metric, goal }) => `${goal} ${metric}`).join(', ');
    throw new SlipwayError('sweep.otherGoals', `Sweep ${id} was compared by other goals: ${goals}.`, 'Leave it out.');
  }
  for (const { params, values, status } of eachItem(state.sweep?.trials ?? [])) {
    if (status === 'finished' && values) consider(params, values);
  }
}

/** Receipts of runs say their parameters and metrics. */
async function ofReceipts(
  context: Context,
  project: string,
  { goals }: Pick<SweepSpec, 'goals'>,
  consider: Consider,
): Promise<void> {
  const receipts = await context.engine.store.read.receipts({ project });
  for (const { kind, envelope } of receipts.toReversed()) {
    if (kind !== 'run.finished') continue;
    const { payload } = JSON.parse(envelope) as { payload: string };
    const { predicate } = JSON.parse(Buffer.from(payload, 'base64').toString()) as {
      predicate: { evidence: { status?: string; params?: Params; metrics?: Record<string, ReportedNumber> } };
    };
    const { status, params, metrics = {} } = predicate.evidence;
    const values = goals.flatMap(({ metric }) => (metrics[metric] === undefined ? [] : [metrics[metric]]));
    if (status === 'succeeded' && params && values.length === goals.length) consider(params, values);
  }
}
