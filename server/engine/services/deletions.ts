/**
 * Deleting what somebody made. What depends on a thing can be asked for first; what is in use at this moment is
 * refused, everything else goes, and a receipt says so.
 */
import type { EndpointState } from '../../domain/endpoint/endpoint.ts';
import { type ModelState, presentVersions } from '../../domain/lineage/model.ts';
import { hasEnded } from '../../domain/run/run.ts';
import { runsOf, type TrialRunsState } from '../../domain/sweep/trialRuns.ts';
import { SlipwayError } from '../../protocol/errors.ts';
import { findDependents } from '../dependents.ts';
import { requireEntity } from '../query.ts';
import type { Part, ServiceParts } from './parts.ts';
import { versionNumber } from './request.ts';

export function deletionServices({
  context,
  metrics,
  run,
}: ServiceParts): Part<
  'listDependents' | 'deleteRun' | 'deleteSweep' | 'deleteModel' | 'deleteModelVersion' | 'deleteEndpoint'
> {
  const { engine } = context;
  const { read } = engine.store;
  const dependents = async (...names: string[]) => (await findDependents(read, names)).map(({ subject }) => subject);

  async function deleteVersions(model: ModelState, versions: number[]): Promise<void> {
    for (const version of versions) await refuseServing(`${model.name}@v${version}`);
    const deliveries = versions.map(async (version) => {
      const event = { type: 'deleted', version, dependents: await dependents(`model:${model.name}@v${version}`) };
      return { kind: 'model', id: model.name, event };
    });
    await engine.deliver(await Promise.all(deliveries));
  }

  async function refuseServing(modelVersion: string): Promise<void> {
    for (const { id } of await read.entities({ topic: 'endpoints', limit: 10_000 })) {
      const endpoint = await engine.state<EndpointState>('endpoint', id);
      const revisions = Object.values(endpoint?.revisions ?? {}).filter(({ status }) => status !== 'retired');
      if (!revisions.some((revision) => revision.modelVersion === modelVersion)) continue;
      const hint = 'Roll another version out, or delete the endpoint first.';
      throw new SlipwayError('model.serving', `The endpoint ${id} serves ${modelVersion}.`, hint, 409);
    }
  }

  return {
    async listDependents({ query }) {
      return { items: await findDependents(read, await namesOf(context, query.subject)) };
    },
    async deleteRun({ params }) {
      const { status } = await run(params.id);
      if (!hasEnded(status)) {
        throw new SlipwayError('run.notEnded', `The run ${params.id} is ${status}.`, 'Stop it first.', 409);
      }
      await engine.send('run', params.id, { type: 'deleted', dependents: await dependents(`run:${params.id}`) });
      metrics.forget(params.id);
      return {};
    },
    async deleteSweep({ params }) {
      await requireEntity(read, 'sweeps', params.id);
      const state = (await engine.state<TrialRunsState>('sweep', params.id))!;
      if (state.status !== 'ended') {
        throw new SlipwayError('sweep.notEnded', `The sweep ${params.id} has not ended.`, 'Stop it first.', 409);
      }
      const names = await namesOf(context, `sweep:${params.id}`);
      await engine.send('sweep', params.id, { type: 'deleted', dependents: await dependents(...names) });
      for (const id of runsOf(state)) metrics.forget(id);
      return {};
    },
    async deleteModelVersion({ params }) {
      const version = versionNumber(params.version) ?? (await requireEntity(read, 'models', params.name)).latest;
      await requireEntity(read, 'modelVersions', `${params.name}@v${version}`);
      await deleteVersions((await engine.state<ModelState>('model', params.name))!, [version]);
      return {};
    },
    async deleteModel({ params }) {
      await requireEntity(read, 'models', params.name);
      const model = (await engine.state<ModelState>('model', params.name))!;
      await deleteVersions(
        model,
        presentVersions(model).map(({ version }) => version),
      );
      return {};
    },
    async deleteEndpoint({ params }) {
      const { rollout } = await requireEntity(read, 'endpoints', params.name);
      if (rollout !== undefined) {
        const message = `The endpoint ${params.name} is in the middle of the rollout ${rollout}.`;
        throw new SlipwayError('endpoint.rollingOut', message, `Abort it first: slipway rollout abort ${rollout}`, 409);
      }
      const event = { type: 'deleted', dependents: await dependents(`endpoint:${params.name}`) };
      await engine.send('endpoint', params.name, event);
      return {};
    },
  };
}

/** The names in receipts of all that goes with a thing: a sweep with its trials' runs, a model with its versions. */
async function namesOf({ engine }: ServiceParts['context'], subject: string): Promise<string[]> {
  const [kind, id = ''] = subject.split(/:(.*)/s);
  if (kind === 'sweep') {
    const state = await engine.state<TrialRunsState>('sweep', id);
    return [subject, ...(state ? runsOf(state).map((run) => `run:${run}`) : [])];
  }
  if (kind === 'model' && !id.includes('@')) {
    const state = await engine.state<ModelState>('model', id);
    return (state ? presentVersions(state) : []).map(({ version }) => `model:${id}@v${version}`);
  }
  return [subject];
}
