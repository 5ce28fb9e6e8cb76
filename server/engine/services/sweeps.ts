/** Operations on sweeps and their trials. */

import { itemAt } from '../../domain/sweep/pages.ts';
import { type Told, type TrialRunsState, trialOfTicket } from '../../domain/sweep/trialRuns.ts';
import type { Float } from '../../protocol/entities.ts';
import { SlipwayError } from '../../protocol/errors.ts';
import { newId } from '../ids.ts';
import { knownTrials } from '../knownTrials.ts';
import { listPage, requireEntity } from '../query.ts';
import { createSweep, searchSpec } from '../starts.ts';
import type { Part, ServiceParts } from './parts.ts';
import { captureProject } from './project.ts';
import { requireAbsolute } from './request.ts';

export function sweepServices({
  context,
}: ServiceParts): Part<
  | 'listSweeps'
  | 'startSweep'
  | 'openSweep'
  | 'cloneSweep'
  | 'getSweep'
  | 'listTrials'
  | 'getTrial'
  | 'changeSweep'
  | 'askTrial'
  | 'tellTrial'
> {
  const { engine, now } = context;
  const { read } = engine.store;
  const stateOf = async (id: string) => {
    await requireEntity(read, 'sweeps', id);
    return (await engine.state<TrialRunsState>('sweep', id))!;
  };
  /** Of a sweep whose trials are asked for. @throws SlipwayError `sweep.runsHere` */
  const elsewhere = async (id: string) => {
    const state = await stateOf(id);
    if (!state.template) return state;
    throw new SlipwayError(
      'sweep.runsHere',
      `Slipway runs the trials of sweep ${id} itself.`,
      'Open one whose trials run elsewhere: slipway sweep start --space FILE.',
      409,
    );
  };
  return {
    listSweeps: ({ query }) => listPage(read, 'sweeps', query),
    async startSweep({ body }) {
      requireAbsolute(body.folder);
      const id = newId('w', now(), body.requestId);
      if (!(await engine.state('sweep', id))) {
        const { file, code } = await captureProject(context, body.folder);
        await createSweep(context, { ...body, id, file, code });
      }
      return requireEntity(read, 'sweeps', id);
    },
    async openSweep({ body }) {
      const { project, search } = body;
      const id = newId('w', now(), body.requestId);
      if (!search.objectives) {
        const hint = 'Write objectives: [{ metric: loss, goal: minimize }].';
        throw new SlipwayError('sweep.noObjective', 'A sweep needs objectives: what its trials are compared by.', hint);
      }
      const spec = searchSpec(id, search, { goals: search.objectives, epochs: 81, retries: 0 });
      const title = body.title ?? Object.keys(spec.space).join(' × ');
      await engine.send('sweep', id, { type: 'created', id, project, folder: '', title, spec });
      return requireEntity(read, 'sweeps', id);
    },
    async cloneSweep({ params, body }) {
      const { project, folder, title, spec, template } = await stateOf(params.id);
      const id = newId('w', now(), body.requestId);
      const known = body.keep ? await knownTrials(context, project, spec, [params.id]) : undefined;
      const { trials = spec.trials, parallel = spec.parallel, seed = spec.seed } = body;
      await engine.send('sweep', id, {
        type: 'created',
        id,
        project,
        folder,
        title: body.title ?? title,
        spec: { ...spec, name: id, trials, parallel, seed, known },
        template: template && { ...template, id: `${id}-template` },
      });
      return requireEntity(read, 'sweeps', id);
    },
    getSweep: ({ params }) => requireEntity(read, 'sweeps', params.id),
    listTrials: ({ params, query }) => listPage(read, 'trials', query, { parent: params.id }),
    getTrial: ({ params }) => requireEntity(read, 'trials', `${params.id}/${params.trial}`),
    async changeSweep({ params, body }) {
      const { trials } = await requireEntity(read, 'sweeps', params.id);
      const events = {
        pause: 'paused',
        resume: 'resumed',
        stop: 'stopped',
        extend: 'extended',
        set: 'parallelChanged',
        promote: 'promoted',
      } as const;
      const { action, ...rest } = body;
      // The event carries the total, so that it may be told twice.
      const facts = body.action === 'extend' ? { trials: trials + body.trials } : rest;
      await engine.send('sweep', params.id, { type: events[action], ...facts });
      return requireEntity(read, 'sweeps', params.id);
    },
    async askTrial({ params, body }) {
      await elsewhere(params.id);
      const ticket = newId('k', now(), body.requestId);
      await engine.send('sweep', params.id, { type: 'asked', ticket });
      const state = await stateOf(params.id);
      const trial = trialOfTicket(state, ticket);
      if (trial) return { trial: trial.number, params: { ...trial.params }, reason: '' };
      return { trial: null, reason: whyNone(state) };
    },
    async tellTrial({ params, body }) {
      const before = await elsewhere(params.id);
      const known = itemAt(before.sweep!.trials, body.trial);
      if (!known || known.status === 'waiting') {
        const what = known ? 'was not asked for' : 'does not exist';
        throw new SlipwayError('sweep.unknownTrial', `Trial ${body.trial} of sweep ${params.id} ${what}.`, '', 404);
      }
      await engine.send('sweep', params.id, { type: 'told', trial: body.trial, ...toldOf(body, before) });
      const { status, reason } = itemAt((await stateOf(params.id)).sweep!.trials, body.trial)!;
      return { trial: body.trial, status, stop: status === 'stopped', reason: reason ?? '' };
    },
  };
}

function whyNone({ sweep }: TrialRunsState): string {
  if (sweep?.status === 'ended') return 'The sweep has ended.';
  if (sweep?.status !== 'running') return `The sweep is ${sweep?.status ?? 'being prepared'}.`;
  return `${sweep.active.length} trials run, as many as may at once or as the budget allows.`;
}

interface TellBody {
  value?: Float;
  values?: Float[];
  failed?: true;
  step?: number;
}

/** @throws SlipwayError `sweep.badTell` */
function toldOf(body: TellBody, { spec }: TrialRunsState): Told {
  if (body.failed) return { failed: true };
  const values = body.values ?? (body.value === undefined ? [] : [body.value]);
  if (values.length !== spec.goals.length) {
    const names = spec.goals.map(({ metric }) => metric).join(', ');
    throw new SlipwayError(
      'sweep.badTell',
      `The sweep has ${spec.goals.length} goals (${names}); ${values.length} values were told.`,
    );
  }
  return { values, step: body.step };
}
