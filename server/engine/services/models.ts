/** Operations on models and on what serves them: endpoints and rollouts. */
import type { EndpointState } from '../../domain/endpoint/endpoint.ts';
import type { ModelState } from '../../domain/lineage/model.ts';
import { byHand } from '../../domain/rollout/rollout.ts';
import { trafficSince } from '../../domain/rollout/traffic.ts';
import { SlipwayError } from '../../protocol/errors.ts';
import type { Context } from '../context.ts';
import { newId } from '../ids.ts';
import { lineageOf, tracePrediction } from '../lineage.ts';
import { listPage, requireEntity } from '../query.ts';
import { createRelease } from '../starts.ts';
import type { Part, ServiceParts } from './parts.ts';
import { versionNumber } from './request.ts';

export function modelServices({
  context,
  live,
  monitors,
}: ServiceParts): Part<
  | 'listModels'
  | 'listModelVersions'
  | 'getModelVersion'
  | 'getLineage'
  | 'tracePrediction'
  | 'setAlias'
  | 'listEndpoints'
  | 'getEndpoint'
  | 'readEndpointTraffic'
  | 'sendFeedback'
  | 'listMonitors'
  | 'getMonitor'
  | 'answerProposal'
  | 'listRollouts'
  | 'startRollout'
  | 'getRollout'
  | 'changeRollout'
  | 'rollBack'
> {
  const { engine, now } = context;
  const { read } = engine.store;
  return {
    listModels: ({ query }) => listPage(read, 'models', query),
    async listModelVersions({ params, query }) {
      await requireEntity(read, 'models', params.name);
      return listPage(read, 'modelVersions', query, { parent: params.name });
    },
    async getModelVersion({ params }) {
      const version = versionNumber(params.version) ?? (await requireEntity(read, 'models', params.name)).latest;
      return requireEntity(read, 'modelVersions', `${params.name}@v${version}`);
    },
    async getLineage({ params }) {
      const version = versionNumber(params.version) ?? (await requireEntity(read, 'models', params.name)).latest;
      return lineageOf(read, params.name, version);
    },
    tracePrediction: ({ params }) => tracePrediction(read, monitors, live, params.id),
    async setAlias({ params, body }) {
      await requireEntity(read, 'modelVersions', `${params.name}@v${body.version}`);
      await engine.send('model', params.name, { type: 'setAlias', ...body, why: 'moved by hand' });
      return requireEntity(read, 'models', params.name);
    },
    listEndpoints: ({ query }) => listPage(read, 'endpoints', query),
    getEndpoint: ({ params }) => requireEntity(read, 'endpoints', params.name),
    async readEndpointTraffic({ params, query }) {
      await requireEntity(read, 'endpoints', params.name);
      return trafficSince(live.trafficOf(params.name, now()), query.since ?? 0);
    },
    async sendFeedback({ params, body }) {
      await requireEntity(read, 'endpoints', params.name);
      await monitors.addLabel(params.name, body.requestId, body.label);
      return {};
    },
    listMonitors: ({ query }) => listPage(read, 'monitors', query),
    getMonitor: ({ params }) => requireEntity(read, 'monitors', params.name),
    async answerProposal({ params, body }) {
      const { proposal } = await requireEntity(read, 'monitors', params.name);
      if (proposal?.id !== body.proposal) {
        throw new SlipwayError(
          'monitor.noProposal',
          `${params.name} has no open proposal ${body.proposal}.`,
          'See `slipway endpoint show`; it may have been answered already.',
          409,
        );
      }
      if (body.accept && proposal.kind === 'label') {
        throw new SlipwayError('monitor.fewLabels', proposal.reason, 'Send labels by POST …/feedback.', 409);
      }
      const type = body.accept ? 'proposalAccepted' : 'proposalDeclined';
      await engine.send('monitor', params.name, { type, proposal: body.proposal });
      return requireEntity(read, 'monitors', params.name);
    },
    listRollouts: ({ query }) => listPage(read, 'rollouts', query),
    async startRollout({ body }) {
      const id = newId('l', now(), body.requestId);
      await createRelease(context, { id, model: body.model });
      return requireEntity(read, 'rollouts', id);
    },
    getRollout: ({ params }) => requireEntity(read, 'rollouts', params.id),
    async changeRollout({ params, body }) {
      await requireEntity(read, 'rollouts', params.id);
      const events = { pause: 'paused', resume: 'resumed', promote: 'promoted', abort: 'aborted' } as const;
      await engine.send('rollout', params.id, { type: events[body.action], by: context.actor });
      return requireEntity(read, 'rollouts', params.id);
    },
    async rollBack({ params, body }) {
      const endpoint = await engine.state<EndpointState>('endpoint', params.name);
      if (!endpoint) throw new SlipwayError('endpoints.unknown', `There is no endpoint ${params.name}.`, '', 404);
      if (endpoint.rollout && body.version === undefined) {
        // A rollout in progress is what "back" means: its old revision is still there.
        await engine.send('rollout', endpoint.rollout.id, { type: 'rollbackRequested', by: context.actor });
        return requireEntity(read, 'rollouts', endpoint.rollout.id);
      }
      const version = body.version ?? (await versionBefore(context, endpoint));
      const id = newId('l', now());
      const atOnce = byHand(`Rolled back to v${version}`, context.actor);
      await createRelease(context, { id, model: `${endpoint.model}@v${version}`, atOnce });
      return requireEntity(read, 'rollouts', id);
    },
  };
}

/** The version that served before the one that serves now. @throws SlipwayError `rollback.nothing` */
async function versionBefore(context: Context, endpoint: EndpointState): Promise<number> {
  const model = (await context.engine.state<ModelState>('model', endpoint.model))!;
  const serving = Object.values(endpoint.revisions).find((revision) => revision.weight > 0)?.name;
  const served = Object.keys(endpoint.revisions).filter((name) => name !== serving);
  const current = model.aliases['production'] ?? Number.POSITIVE_INFINITY;
  const before = served.map((name) => Number(name.slice(1))).filter((version) => version < current);
  if (before.length > 0) return Math.max(...before);
  throw new SlipwayError(
    'rollback.nothing',
    `No earlier version of ${endpoint.model} has served.`,
    'Name a version.',
    409,
  );
}
