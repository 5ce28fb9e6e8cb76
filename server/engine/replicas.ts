/** Replicas of endpoints: model servers under the runtime, each on a Unix socket that only the gateway is told of. */
import { randomBytes } from 'node:crypto';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { EndpointState, ReplicaState } from '../domain/endpoint/endpoint.ts';
import type { ModelState, ModelVersionState } from '../domain/lineage/model.ts';
import { materialize } from '../objects/index.ts';
import { SlipwayError } from '../protocol/errors.ts';
import { writeAtomically } from '../runtimes/writeAtomically.ts';
import { readFolder } from './bytes.ts';
import type { Context } from './context.ts';
import type { Delivery } from './engine.ts';
import { gatewayKnows } from './gatewayProcess.ts';
import { environmentVariables } from './launchRun.ts';
import { samplesFolder } from './monitors.ts';
import { prepareEnvironment } from './prepareRun.ts';
import { secretFiles } from './secrets.ts';

const readyTimeoutMs = 120_000;
/** Model servers drain for 3 s and then finish what is in flight. */
const graceMs = 15_000;

/** Starts one replica and waits until it is ready, has ended, or is not wanted any more. */
export async function startReplica(
  context: Context,
  endpoint: string,
  revisionName: string,
  replica: string,
  failures: number,
  signal: AbortSignal,
): Promise<Delivery[]> {
  const news = (event: Delivery['event']): Delivery[] => [{ kind: 'endpoint', id: endpoint, event }];
  if (failures > 0) await delay(Math.min(30_000, 250 * 2 ** failures), undefined, { signal });
  if (!(await isWanted(context, endpoint, replica))) return [];
  try {
    await launch(context, endpoint, revisionName, replica);
  } catch (error) {
    if (!(error instanceof SlipwayError)) throw error;
    return news({ type: 'replicaEnded', replica, reason: [error.message, error.hint].filter(Boolean).join(' ') });
  }
  const deadline = Date.now() + readyTimeoutMs;
  while (Date.now() < deadline) {
    if (!(await isWanted(context, endpoint, replica))) return [];
    if (await answersReady(socketOf(context, replica))) return news({ type: 'replicaReady', replica });
    await delay(100, undefined, { signal });
  }
  await stopReplica(context, replica);
  return news({ type: 'replicaEnded', replica, reason: `it was not ready after ${readyTimeoutMs / 1000} s` });
}

export async function stopReplica(context: Context, replica: string): Promise<void> {
  await context.runtime.stop(replica, 'its revision was retired', graceMs);
}

/** The endpoint of a replica's workload id, or undefined for other workloads. */
export function endpointOfReplica(workload: string): string | undefined {
  return /^e-(.+)-v\d+-\d+-\d+$/.exec(workload)?.[1];
}

/**
 * Writes the gateway's routes file from the states of all endpoints, and waits until the gateway knows the replicas of
 * this one as they stand there: what follows (all traffic to a new revision, the end of an old one) relies on it.
 */
export async function writeRoutes(context: Context, name: string, signal: AbortSignal): Promise<Delivery[]> {
  const { engine, folders } = context;
  const rows = await engine.store.read.entities({ topic: 'endpoints', limit: 10_000 });
  const states = await Promise.all(rows.map(({ id }) => engine.state<EndpointState>('endpoint', id)));
  const routed = states.filter((state) => state !== undefined);
  const endpoints = Object.fromEntries(routed.map((state) => [state.name, routesOf(context, state)]));
  await writeAtomically(join(folders.gateway, 'routes.json'), `${JSON.stringify({ endpoints }, null, 2)}\n`);
  const replicas = routed.filter((state) => state.name === name).flatMap(routedReplicas);
  await gatewayKnows(folders.sockets, name, new Set(replicas.map(({ id }) => `unix:${socketOf(context, id)}`)), signal);
  if (!replicas.some(({ status }) => status === 'answering')) return [];
  return [{ kind: 'endpoint', id: name, event: { type: 'routed', replicas: replicas.map(({ id }) => id) } }];
}

/** The replicas of an endpoint that stand in the routes. */
function routedReplicas(state: EndpointState): ReplicaState[] {
  const revisions = Object.values(state.revisions).filter((revision) => revision.status !== 'retired');
  return revisions.flatMap((revision) => revision.replicas.filter(isRouted));
}

function isRouted({ status }: ReplicaState): boolean {
  return status === 'answering' || status === 'ready';
}

function routesOf(context: Context, state: EndpointState) {
  const access =
    state.access === 'open'
      ? { access: 'open' }
      : { access: 'private', tokenFile: join(context.folders.data, 'token') };
  const revisions = Object.values(state.revisions).filter((revision) => revision.status !== 'retired');
  const sample = revisions.toSorted((a, b) => b.weight - a.weight)[0]?.plan.sample;
  const folder = samplesFolder(context, state.name);
  return {
    ...access,
    ...(sample ? { sample: { rate: sample.rate, folder, fields: sample.fields, redact: sample.redact } } : {}),
    revisions: revisions.map((revision) => ({
      name: revision.name,
      weight: revision.weight,
      receipt: revision.plan.receipt,
      replicas: revision.replicas.filter(isRouted).map((replica) => ({
        socket: socketOf(context, replica.id),
        ready: '/ready',
        secretFile: secretOf(context, replica.id),
      })),
    })),
  };
}

async function isWanted(context: Context, endpoint: string, replica: string): Promise<boolean> {
  const state = await context.engine.state<EndpointState>('endpoint', endpoint);
  const all = Object.values(state?.revisions ?? {}).flatMap((revision) => revision.replicas);
  return all.some((one) => one.id === replica && one.status === 'starting');
}

async function launch(context: Context, endpoint: string, revisionName: string, replica: string): Promise<void> {
  const state = (await context.engine.state<EndpointState>('endpoint', endpoint))!;
  const { plan, modelVersion } = state.revisions[revisionName]!;
  const { folders, objects, signal } = context;
  const open = async (md5: string) => {
    return materialize(folders.objects, await readFolder(objects, md5), `${md5}.dir`, folders.cache, signal);
  };
  const environment = await prepareEnvironment(context, plan.environment, plan.code, plan.folder);
  await mkdir(folders.sockets, { recursive: true, mode: 0o700 });
  const secretFile = secretOf(context, replica);
  await mkdir(join(folders.gateway, 'secrets'), { recursive: true, mode: 0o700 });
  if (!(await isThere(secretFile))) await writeFile(secretFile, randomBytes(32).toString('hex'), { mode: 0o600 });
  const python = environment ? join(environment.bin, 'python') : 'python3';
  await context.runtime.start({
    id: replica,
    kind: 'service',
    command: [python, join(folders.resources, 'templates', plan.framework, 'server.py')],
    cwd: await open(plan.code),
    env: {
      ...(environment ? environmentVariables(environment.bin, context.env) : {}),
      // The code snapshot is shared and read-only.
      PYTHONDONTWRITEBYTECODE: '1',
      ...plan.env,
      ...(plan.entry ? { SLIPWAY_ENTRY: plan.entry } : {}),
      SLIPWAY_MODEL: await open(plan.model),
      SLIPWAY_MODEL_NAME: state.model,
      SLIPWAY_MODEL_VERSION: modelVersion.split('@')[1]!,
      SLIPWAY_MODEL_DIGESTS: JSON.stringify(await digestsOf(context, modelVersion)),
      SLIPWAY_RECEIPT: plan.receipt,
      SLIPWAY_SOCKET: socketOf(context, replica),
      SLIPWAY_REPLICA_SECRET_FILE: secretFile,
    },
    secretFiles: await secretFiles(folders.secrets, plan.secrets),
    graceMs,
  });
}

/** The digests that the receipt of a model version names, `NAME@vN`; none for a model that was deleted. */
async function digestsOf(context: Context, modelVersion: string): Promise<Partial<ModelVersionState['digests']>> {
  const [name, version] = modelVersion.split('@v') as [string, string];
  const model = await context.engine.state<ModelState>('model', name);
  return model?.versions.find((one) => one.version === Number(version))?.digests ?? {};
}

function socketOf(context: Context, replica: string): string {
  return join(context.folders.sockets, `${replica}.sock`);
}

function secretOf(context: Context, replica: string): string {
  return join(context.folders.gateway, 'secrets', replica);
}

/** Asks `/ready` over the socket; the answer 200 is yes, anything else (no socket yet, 503) is not yet. */
function answersReady(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: '/ready', timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
    asked.end();
  });
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
