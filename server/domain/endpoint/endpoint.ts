/** An endpoint: its revisions, their replicas, and how much of the traffic each gets. */
import type { EnvironmentSpec, Monitor, Serve } from '../../protocol/slipwayFile.ts';
import { deletedReceipt } from '../lineage/deletion.ts';
import { type Reduction, type Send, send, unchanged } from '../reducer.ts';

/** Everything needed to start a replica of one model version. */
export interface ServePlan {
  framework: Serve['framework'];
  entry?: string;
  /** Code snapshot: md5 of its manifest in the object store. */
  code: string;
  environment?: EnvironmentSpec;
  /** The project folder: what a relative path of an existing environment is relative to. */
  folder: string;
  env: Record<string, string>;
  /** Names only. */
  secrets?: string[];
  /** md5 of the model version's manifest in the object store. */
  model: string;
  /** The model version's receipt; answers carry it. */
  receipt: string;
  replicas: number;
  /** Which of its requests are kept as samples. */
  sample?: Monitor['sample'];
}

export interface ReplicaState {
  id: string;
  index: number;
  /** Counts the processes of this place in the revision, so that an id never names two. */
  attempt: number;
  /** Ends in a row without being ready in between: what the pause before the next start grows with. */
  failures: number;
  /** `answering`: says itself that it is ready; `ready`: the gateway knows it, too. */
  status: 'starting' | 'answering' | 'ready' | 'ended';
}

export interface RevisionState {
  name: string;
  modelVersion: string;
  plan: ServePlan;
  weight: number;
  status: 'starting' | 'ready' | 'failed' | 'retired';
  reason: string;
  replicas: ReplicaState[];
  /** Whether all its replicas were ready once. */
  wasReady: boolean;
}

export interface EndpointState {
  name: string;
  project: string;
  model: string;
  access: Serve['access'];
  revisions: Record<string, RevisionState>;
  /** The rollout in progress, which is told when its revision is ready or fails. */
  rollout?: { id: string; revision: string };
  createdAt: number;
  updatedAt: number;
  /** A later deployment under its name makes it anew. */
  isDeleted?: true;
}

export type EndpointEvent = { at: number } & (
  | {
      type: 'deploy';
      name: string;
      project: string;
      model: string;
      access: Serve['access'];
      revision: string;
      modelVersion: string;
      plan: ServePlan;
      rollout: string;
    }
  /** It answers that it is ready. */
  | { type: 'replicaReady'; replica: string }
  /** The gateway has routes to these. */
  | { type: 'routed'; replicas: string[] }
  | { type: 'replicaEnded'; replica: string; reason: string }
  | { type: 'weights'; weights: Record<string, number> }
  | { type: 'retire'; revision: string }
  | { type: 'rolloutOver'; rollout: string }
  | { type: 'deleted'; dependents: string[] }
  | { type: 'commandFailed'; failed: { type: string; replica?: string }; message: string }
);

export type EndpointCommand =
  | Send
  | { type: 'endpoint.startReplica'; lane: string; revision: string; replica: string; failures: number }
  | { type: 'endpoint.stopReplica'; lane: string; replica: string }
  | { type: 'endpoint.writeRoutes'; lane: string };

/** How often a revision that never got ready is tried before it counts as failed. */
const startAttempts = 2;

export function reduceEndpoint(
  state: EndpointState | undefined,
  event: EndpointEvent,
): Reduction<EndpointState, EndpointCommand> {
  if (event.type === 'deploy') return deploy(state, event);
  if (!state) throw new Error(`an endpoint begins with deploy, not ${event.type}`);
  const touched = { ...state, updatedAt: event.at };
  switch (event.type) {
    case 'replicaReady':
      return answering(touched, event.replica);
    case 'routed':
      return routed(state, touched, event.replicas);
    case 'replicaEnded':
      return ended(touched, event.replica, event.reason);
    case 'weights': {
      const revisions = mapRevisions(touched, (revision) => {
        return { ...revision, weight: revision.status === 'retired' ? 0 : (event.weights[revision.name] ?? 0) };
      });
      return { state: { ...touched, revisions }, commands: [writeRoutes()], receipts: [] };
    }
    case 'retire':
      return retire(touched, event.revision);
    case 'rolloutOver': {
      if (state.rollout?.id !== event.rollout) return unchanged(state);
      const { rollout: _, ...rest } = touched;
      return { state: rest, commands: [], receipts: [] };
    }
    case 'deleted':
      return remove(touched, event);
    case 'commandFailed': {
      // A replica that could not be started is one that ended; a stop or the routes are tried again by what follows.
      const { type, replica } = event.failed;
      return type === 'endpoint.startReplica' ? ended(touched, replica!, event.message) : unchanged(state);
    }
  }
}

function deploy(
  state: EndpointState | undefined,
  event: Extract<EndpointEvent, { type: 'deploy' }>,
): Reduction<EndpointState, EndpointCommand> {
  const { at, name, access, revision: revisionName, modelVersion, plan } = event;
  const { isDeleted: _, ...before } = state ?? created(event);
  const rollout = { id: event.rollout, revision: revisionName };
  const present = before.revisions[revisionName];
  if (present && (present.status === 'ready' || present.status === 'starting')) {
    const told = present.status === 'ready' ? [send('rollout', event.rollout, { type: 'ready' })] : [];
    return { state: { ...before, access, rollout, updatedAt: at }, commands: told, receipts: [] };
  }
  // Attempts go on counting when a retired version comes back, so that a replica's id never names two processes.
  const attempt = Math.max(0, ...(present?.replicas.map((replica) => replica.attempt) ?? [])) + 1;
  const replicas = Array.from({ length: plan.replicas }, (_, index): ReplicaState => {
    return { id: replicaId(name, revisionName, index, attempt), index, attempt, failures: 0, status: 'starting' };
  });
  const revision: RevisionState = {
    name: revisionName,
    modelVersion,
    plan,
    weight: 0,
    status: 'starting',
    reason: '',
    replicas,
    wasReady: false,
  };
  return {
    state: { ...before, access, rollout, updatedAt: at, revisions: { ...before.revisions, [revisionName]: revision } },
    commands: [
      ...stopAll(present?.status === 'failed' ? present : undefined),
      ...replicas.map((replica) => start(revision, replica)),
    ],
    receipts: [],
  };
}

function created({ at, name, project, model, access }: Extract<EndpointEvent, { type: 'deploy' }>): EndpointState {
  return { name, project, model, access, revisions: {}, createdAt: at, updatedAt: at };
}

function replicaId(endpoint: string, revision: string, index: number, attempt: number): string {
  return `e-${endpoint}-${revision}-${index}-${attempt}`;
}

function start(revision: RevisionState, replica: ReplicaState): EndpointCommand {
  const { id, failures } = replica;
  return { type: 'endpoint.startReplica', lane: `start:${id}`, revision: revision.name, replica: id, failures };
}

const writeRoutes = (): EndpointCommand => ({ type: 'endpoint.writeRoutes', lane: 'routes' });

/** From now on it is in the routes; it counts as ready when the gateway has read them. */
function answering(state: EndpointState, id: string): Reduction<EndpointState, EndpointCommand> {
  const revision = revisionOf(state, id);
  const replica = revision?.replicas.find((one) => one.id === id);
  if (!revision || replica?.status !== 'starting') return unchanged(state);
  const replicas = revision.replicas.map(
    (one): ReplicaState => (one.id === id ? { ...one, status: 'answering', failures: 0 } : one),
  );
  return { state: withRevision(state, { ...revision, replicas }), commands: [writeRoutes()], receipts: [] };
}

function routed(
  before: EndpointState,
  touched: EndpointState,
  ids: readonly string[],
): Reduction<EndpointState, EndpointCommand> {
  const isNews = (replica: ReplicaState) => replica.status === 'answering' && ids.includes(replica.id);
  const commands: EndpointCommand[] = [];
  let state = touched;
  for (const revision of Object.values(touched.revisions)) {
    if (!revision.replicas.some(isNews)) continue;
    const replicas = revision.replicas.map((one): ReplicaState => (isNews(one) ? { ...one, status: 'ready' } : one));
    const all = replicas.every((one) => one.status === 'ready');
    state = withRevision(state, {
      ...revision,
      replicas,
      status: all ? 'ready' : revision.status,
      wasReady: revision.wasReady || all,
      reason: all ? '' : revision.reason,
    });
    if (all && touched.rollout?.revision === revision.name)
      commands.push(send('rollout', touched.rollout.id, { type: 'ready' }));
  }
  return state === touched ? unchanged(before) : { state, commands, receipts: [] };
}

function ended(state: EndpointState, id: string, reason: string): Reduction<EndpointState, EndpointCommand> {
  const revision = revisionOf(state, id);
  const replica = revision?.replicas.find((one) => one.id === id);
  if (!revision || !replica || replica.status === 'ended' || revision.status === 'retired') return unchanged(state);
  const isJudged = state.rollout?.revision === revision.name;
  const failures = replica.failures + 1;
  const commands: EndpointCommand[] = [writeRoutes()];
  // A revision that is being judged fails with its first death; one that serves is started again for ever.
  if (revision.wasReady ? isJudged : failures >= startAttempts) {
    const replicas = revision.replicas.map((one): ReplicaState => (one.id === id ? { ...one, status: 'ended' } : one));
    if (isJudged) {
      commands.push(send('rollout', state.rollout!.id, { type: 'failed', reason: `a replica ended: ${reason}` }));
    }
    return { state: withRevision(state, { ...revision, replicas, status: 'failed', reason }), commands, receipts: [] };
  }
  const attempt = replica.attempt + 1;
  const again: ReplicaState = {
    id: replicaId(state.name, revision.name, replica.index, attempt),
    index: replica.index,
    attempt,
    failures,
    status: 'starting',
  };
  const replicas = revision.replicas.map((one) => (one.id === id ? again : one));
  commands.push(start(revision, again));
  const lessReady: RevisionState = { ...revision, replicas, status: 'starting', reason: `starts again: ${reason}` };
  return { state: withRevision(state, lessReady), commands, receipts: [] };
}

function retire(state: EndpointState, name: string): Reduction<EndpointState, EndpointCommand> {
  const revision = state.revisions[name];
  if (!revision || revision.status === 'retired') return unchanged(state);
  const replicas = revision.replicas.map((one): ReplicaState => ({ ...one, status: 'ended' }));
  // Routes first: the gateway has stopped sending when the replicas drain.
  const commands: EndpointCommand[] = [writeRoutes(), ...stopAll(revision)];
  return {
    state: withRevision(state, { ...revision, replicas, weight: 0, status: 'retired' }),
    commands,
    receipts: [],
  };
}

/** Not in the middle of a rollout, which would go on by itself. */
function remove(
  state: EndpointState,
  { at, dependents }: Extract<EndpointEvent, { type: 'deleted' }>,
): Reduction<EndpointState, EndpointCommand> {
  if (state.isDeleted || state.rollout) return unchanged(state);
  const running = Object.values(state.revisions).filter((revision) => revision.status !== 'retired');
  const serving = running.filter((revision) => revision.weight > 0).map((revision) => revision.modelVersion);
  let retired: EndpointState = { ...state, isDeleted: true };
  for (const revision of running) retired = retire(retired, revision.name).state;
  const subject = `endpoint:${state.name}`;
  return {
    state: retired,
    // Routes first, as when a revision is retired.
    commands: [writeRoutes(), ...running.flatMap(stopAll)],
    receipts: [deletedReceipt({ subject, parts: [], dependents, at, evidence: { serving } })],
  };
}

function stopAll(revision: RevisionState | undefined): EndpointCommand[] {
  return (revision?.replicas ?? []).map(({ id }) => ({ type: 'endpoint.stopReplica', lane: 'routes', replica: id }));
}

function revisionOf(state: EndpointState, replica: string): RevisionState | undefined {
  return Object.values(state.revisions).find((revision) => revision.replicas.some((one) => one.id === replica));
}

function withRevision(state: EndpointState, revision: RevisionState): EndpointState {
  return { ...state, revisions: { ...state.revisions, [revision.name]: revision } };
}

function mapRevisions(
  state: EndpointState,
  change: (revision: RevisionState) => RevisionState,
): Record<string, RevisionState> {
  return Object.fromEntries(Object.entries(state.revisions).map(([name, revision]) => [name, change(revision)]));
}
