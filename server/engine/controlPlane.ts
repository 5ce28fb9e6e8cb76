/**
 * The control plane: builds everything from a data folder, adopts what an earlier one left running, and offers the
 * services that the API calls.
 */
import type { Signer } from '../domain/lineage/receipt.ts';
import type { RunState } from '../domain/run/run.ts';
import type { TrackedState } from '../domain/run/tracked.ts';
import { FileStore } from '../objects/index.ts';
import { SlipwayError } from '../protocol/errors.ts';
import type { LocalRuntime } from '../runtimes/index.ts';
import type { Store } from '../store/index.ts';
import { registerAggregates } from './aggregates.ts';
import type { Context, Folders, Log } from './context.ts';
import { Engine } from './engine.ts';
import { toFloat } from './floats.ts';
import { RunMetrics, type Traced } from './follow.ts';
import { GatewayProcess } from './gatewayProcess.ts';
import { registerHandlers } from './handlers.ts';
import { keepHeads } from './heads.ts';
import { LiveFigures } from './live.ts';
import { Monitors } from './monitors.ts';
import {
  adoptWorkloads,
  FigureViews,
  GatewayObserver,
  observeCapacity,
  observeWorkloads,
  wakeQueue,
} from './observe.ts';
import { Operations } from './operations.ts';
import { logParts } from './runLog.ts';
import { allPoints, seriesMessages, tagMessages } from './seriesStream.ts';
import { createServices } from './services/index.ts';
import type { ControlPlane } from './services.ts';
import { StoreUse } from './storeUse.ts';
import { SystemMetrics } from './systemMetrics.ts';
import { TensorBoards } from './tensorBoards.ts';
import { Tracking } from './tracking/index.ts';

export interface ControlPlaneOptions {
  version: string;
  instance: string;
  store: Store;
  signer: Signer;
  /** Base64 DER of the receipt key's SPKI, by key id. */
  publicKeys: Record<string, string>;
  actor: string;
  runtime: LocalRuntime;
  folders: Folders;
  statIndexFolder: string;
  addWorkerPath: string;
  gateway: { command: string[]; env: Record<string, string>; host: string };
  env: NodeJS.ProcessEnv;
  log: Log;
}

export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { store, signer, actor, log, folders, runtime } = options;
  const ended = new AbortController();
  const now = Date.now;
  const engine = new Engine({ store, signer, actor, now, log });
  const context: Context = {
    engine,
    objects: new FileStore(folders.objects),
    storeUse: new StoreUse(),
    statIndexFolder: options.statIndexFolder,
    runtime,
    folders,
    addWorkerPath: options.addWorkerPath,
    actor,
    env: options.env,
    now,
    log,
    signal: ended.signal,
  };
  const live = new LiveFigures();
  registerAggregates(engine, live);
  registerHandlers(context);
  const metrics = new RunMetrics(context, live);
  const figures = new FigureViews(context);
  metrics.onFigures = (run) => figures.touch(run);
  metrics.onObjective = (run, step, value) => reportObjective(context, run, step, value);
  const gateway = new GatewayProcess(context, options.gateway);
  const monitors = new Monitors(context);
  const operations = new Operations(context);
  const tensorBoards = new TensorBoards(context, operations);

  await keepHeads(context);
  await operations.markCutOff();
  const system = new SystemMetrics(context);
  background(context, 'the watch of workloads', () => observeWorkloads(context, gateway, metrics, system));
  background(context, 'the record of system metrics', () => system.record());
  await adoptWorkloads(context);
  await gateway.start();
  live.gatewayUrl = gateway.url;
  await engine.start();
  background(context, 'the watch of capacity', () => observeCapacity(context));
  const gatewayObserver = new GatewayObserver(context, live);
  background(context, 'the gateway statistics', () => gateway.follow((statistics) => gatewayObserver.take(statistics)));
  const clock = setInterval(() => {
    wakeQueue(context).catch((error: unknown) => {
      if (!ended.signal.aborted) log('error', 'the queue could not be looked at', { error: String(error) });
    });
    gatewayObserver.tick().catch((error: unknown) => {
      if (!ended.signal.aborted) log('error', 'rollouts could not be looked at', { error: String(error) });
    });
    monitors.look().catch((error: unknown) => {
      if (!ended.signal.aborted) log('error', 'endpoints could not be watched', { error: String(error) });
    });
  }, 1000);

  const run = async (id: string): Promise<RunState> => {
    const state = await engine.state<RunState>('run', id);
    if (!state || state.isDeleted)
      throw new SlipwayError('runs.unknown', `There is no run ${id}.`, 'See `slipway run list`.', 404);
    return state;
  };
  const traced = async (id: string): Promise<Traced> => {
    const tracked = await engine.state<TrackedState>('tracked', id);
    if (!tracked?.isForeign) return run(id);
    return { status: tracked.endTime === undefined ? 'running' : 'succeeded', spec: { id } };
  };
  const { publicKeys } = options;
  const services = createServices({
    context,
    operations,
    tensorBoards,
    metrics,
    live,
    monitors,
    publicKeys,
    run,
    traced,
  });
  const tracking = new Tracking(context, metrics, traced);
  return {
    version: options.version,
    instance: options.instance,
    startedAt: now(),
    gateway: {
      get url() {
        return gateway.url;
      },
      get isReady() {
        return gateway.isReady;
      },
    },
    services,
    feed: {
      cursor: () => store.read.cursor(),
      after: (topic, cursor, of, limit) => store.read.entities({ topic, after: cursor, of, limit }),
      onChange: (listener) => engine.onChange(listener),
    },
    async *followLogs(id, offset, signal) {
      yield* logParts(context, await run(id), { offset, follow: true, signal });
    },
    async *followMetrics(id, have, signal) {
      yield* allPoints(metrics, await traced(id), have, signal);
    },
    async *followSeries({ series, buckets, points }, signal) {
      const ids = [...new Set(series.map((one) => one.run))];
      const followed = new Map(
        await Promise.all(ids.map(async (id) => [id, await metrics.of(await traced(id))] as const)),
      );
      yield* seriesMessages(followed, series, { buckets, points }, signal);
    },
    async *followTags(id, signal) {
      yield* tagMessages(await metrics.of(await traced(id)), signal);
    },
    tracking,
    setTracking: (client) => {
      context.tracking = client;
    },
    foreignTarget: (secret) => tensorBoards.target(secret),
    setForeignOrigin: (origin) => {
      tensorBoards.origin = origin;
    },
    async close() {
      engine.stop();
      ended.abort();
      clearInterval(clock);
      await tensorBoards.closeAll();
      runtime.close();
      await store.close();
    },
  };
}

/** What runs as long as the control plane does; if it ends early, that is said. */
function background(context: Context, what: string, work: () => Promise<void>): void {
  work().catch((error: unknown) => {
    if (context.signal.aborted) return;
    context.log('error', `${what} has ended`, {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  });
}

/** Early stopping is decided by what trials report while they run. */
function reportObjective(context: Context, run: Traced, step: number, value: number): void {
  const { sweep, trial, id } = run.spec;
  if (sweep === undefined || trial === undefined) return;
  const attempt = Number(/-t\d+-(\d+)$/.exec(id)?.[1] ?? 0);
  const event = { type: 'reported', run: id, trial, attempt, step, values: [toFloat(value)] };
  context.engine.send('sweep', sweep, event).catch((error: unknown) => {
    if (!context.signal.aborted) context.log('error', `a report of ${id} was not taken`, { error: String(error) });
  });
}
