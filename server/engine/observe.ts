/** What happens outside comes back in: ends of workloads, capacity, statistics of the gateway. */
import type { EndpointState } from '../domain/endpoint/endpoint.ts';
import type { Counters, GatewayStatistics } from '../domain/rollout/counters.ts';
import { quantileMs } from '../domain/rollout/histogram.ts';
import { isKept } from '../domain/rollout/readings.ts';
import type { ReleaseState } from '../domain/rollout/release.ts';
import { isEnded, reduceRollout } from '../domain/rollout/rollout.ts';
import { hasEnded, type RunState } from '../domain/run/run.ts';
import type { QueueState } from '../domain/schedule/queue.ts';
import type { Observed } from '../runtimes/index.ts';
import type { Context } from './context.ts';
import type { RunMetrics } from './follow.ts';
import type { GatewayProcess } from './gatewayProcess.ts';
import type { LiveFigures } from './live.ts';
import { endpointOfReplica } from './replicas.ts';
import { workloadId } from './runFolder.ts';
import type { SystemMetrics } from './systemMetrics.ts';
import type { RevisionFigures } from './views.ts';

/** Watches the runtime for ever and tells the reducers. */
export async function observeWorkloads(
  context: Context,
  gateway: GatewayProcess,
  metrics: RunMetrics,
  system: SystemMetrics,
): Promise<void> {
  for await (const observed of context.runtime.watch(context.signal)) {
    tell(context, gateway, metrics, system, observed).catch((error: unknown) => {
      if (!context.signal.aborted)
        context.log('error', `${observed.id} ${observed.type} could not be told`, { error: String(error) });
    });
  }
}

async function tell(
  context: Context,
  gateway: GatewayProcess,
  metrics: RunMetrics,
  system: SystemMetrics,
  observed: Observed,
): Promise<void> {
  const { engine } = context;
  if (gateway.isWorkload(observed.id)) {
    if (observed.type === 'ended') await gateway.restart(observed.id);
    return;
  }
  const endpoint = endpointOfReplica(observed.id);
  if (endpoint !== undefined) {
    if (observed.type !== 'ended') return;
    const reason = observed.detail || `exit status ${observed.exitCode ?? observed.signal}`;
    await engine.send('endpoint', endpoint, { type: 'replicaEnded', replica: observed.id, reason });
    return;
  }
  const [, run, attemptText] = /^(.+)-(\d+)$/.exec(observed.id) ?? [];
  const state = run === undefined ? undefined : await engine.state<RunState>('run', run);
  if (!run || !state) return;
  const attempt = Number(attemptText);
  if (observed.type === 'condition') return; // local work has none
  if (observed.type === 'started') {
    metrics.begin(state);
    system.begin(state);
    await engine.send('run', run, { type: 'started', attempt });
    return;
  }
  system.end(run);
  await metrics.finish(run);
  const { exitCode, signal, reason, detail } = observed;
  await engine.send('run', run, { type: 'ended', attempt, exitCode, signal, reason, detail });
}

/** After a restart: what an earlier control plane left running is watched again; nothing is started. */
export async function adoptWorkloads(context: Context): Promise<void> {
  const { engine, runtime } = context;
  const pending = await engine.store.read.pendingCommands();
  const isLaunching = (kind: string, id: string) =>
    pending.some((one) => one.kind === kind && one.subject === id && /launch|startReplica/.test(one.command.type));
  for (const { id } of await openEntities(context, 'runs')) {
    const state = await engine.state<RunState>('run', id);
    if (!state || hasEnded(state.status) || state.exit || !['starting', 'running', 'stopping'].includes(state.status))
      continue;
    if (!isLaunching('run', id)) await runtime.observe(workloadId(id, state.attempt));
  }
  for (const { id } of await engine.store.read.entities({ topic: 'endpoints', limit: 10_000 })) {
    const state = await engine.state<EndpointState>('endpoint', id);
    for (const revision of Object.values(state?.revisions ?? {})) {
      if (revision.status === 'retired') continue;
      for (const replica of revision.replicas) {
        const launching = replica.status === 'starting' && isLaunching('endpoint', id);
        if (replica.status !== 'ended' && !launching) await runtime.observe(replica.id);
      }
    }
  }
}

/** The entities of runs that have not ended; ended ones are many. */
async function openEntities(context: Context, topic: 'runs'): Promise<{ id: string }[]> {
  const open: { id: string }[] = [];
  let before: number | undefined;
  for (;;) {
    const rows = await context.engine.store.read.entities({ topic, before, limit: 1000 });
    for (const row of rows)
      if (!hasEnded((row.data as { status: RunState['status'] }).status)) open.push({ id: row.id });
    if (rows.length < 1000) return open;
    before = rows.at(-1)!.created;
  }
}

/** Keeps the queue's picture of this machine up to date. */
export async function observeCapacity(context: Context): Promise<void> {
  for await (const { nodes } of context.runtime.capacity(context.signal)) {
    const seen = nodes.map((node) => ({
      name: node.name,
      cpus: node.cpus,
      memoryBytes: node.memoryBytes,
      gpus: node.gpus.map(({ index, product, memoryBytes, busyByForeign }) => ({
        index,
        product,
        memoryBytes: memoryBytes ?? 0,
        busy: busyByForeign,
      })),
    }));
    await context.engine.send('queue', 'local', { type: 'capacity', nodes: seen });
  }
}

/** Tells the queue the time when a longest wait may be over. */
export async function wakeQueue({ engine, now }: Context): Promise<void> {
  const { alarmAt } = (await engine.state<QueueState>('queue', 'local')) ?? {};
  if (alarmAt !== undefined && now() >= alarmAt) await engine.send('queue', 'local', { type: 'tick' });
}

/** Turns the gateway's statistics into figures for people and readings for rollouts. */
export class GatewayObserver {
  readonly #context: Context;
  readonly #live: LiveFigures;
  #last: GatewayStatistics | undefined;
  #shownAt = 0;

  constructor(context: Context, live: LiveFigures) {
    this.#context = context;
    this.#live = live;
  }

  async take(statistics: GatewayStatistics): Promise<void> {
    const { engine } = this.#context;
    const isSame = this.#last?.instance === statistics.instance;
    const before = isSame ? this.#last : undefined;
    const ended = isSame ? undefined : this.#last;
    this.#last = statistics;
    for (const [name, { revisions }] of Object.entries(statistics.endpoints)) {
      const state = await engine.state<EndpointState>('endpoint', name);
      if (!state) continue;
      this.#live.setEndpoint(name, {
        figures: figuresOf(statistics, before, name),
        recentErrors: recentErrors(this.#live.ofEndpoint(name).recentErrors, statistics, name),
        samples: statistics.endpoints[name]!.samples,
      });
      // What a gateway counted before this control plane began to look has no time of its own: it is where counting begins.
      const known = before ? (before.endpoints[name]?.revisions ?? {}) : ended ? {} : revisions;
      this.#live.noteTraffic(name, this.#context.now(), known, revisions);
      if (!state.rollout) continue;
      // Whatever a gateway that is gone told last is counted: what was not kept of it would be lost.
      const last = ended?.endpoints[name];
      if (ended && last) await this.#feedRollout(state.rollout.id, ended, last.revisions, true);
      await this.#feedRollout(state.rollout.id, statistics, revisions);
    }
    await this.#show();
  }

  /** Time passes for rollouts also while the gateway has nothing to say. */
  async tick(): Promise<void> {
    if (!this.#last) return;
    for (const [name, { revisions }] of Object.entries(this.#last.endpoints)) {
      this.#live.trafficOf(name, this.#context.now());
      const state = await this.#context.engine.state<EndpointState>('endpoint', name);
      if (state?.rollout) await this.#feedRollout(state.rollout.id, this.#last, revisions);
    }
    await this.#show();
  }

  async #feedRollout(
    id: string,
    statistics: GatewayStatistics,
    revisions: Record<string, Counters>,
    isLast = false,
  ): Promise<void> {
    const release = await this.#context.engine.state<ReleaseState>('rollout', id);
    if (!release || isEnded(release.rollout)) return;
    const { from, to } = release.rollout;
    const known = Object.entries(revisions).filter(([name]) => name === from || name === to);
    const counters = known.map(([name, { requests, errors, latency }]) => [name, { requests, errors, latency }]);
    const event = {
      type: 'observed' as const,
      instance: statistics.instance,
      gatewayStartedAt: statistics.startedAt,
      revisions: Object.fromEntries(counters) as Record<string, Counters>,
    };
    const at = this.#context.now();
    if (!isLast && !isKept(release.rollout, reduceRollout(release.rollout, { ...event, at }), event, at)) return;
    await this.#context.engine.send('rollout', id, event);
  }

  async #show(): Promise<void> {
    const { engine, now } = this.#context;
    if (now() - this.#shownAt < 1000) return;
    this.#shownAt = now();
    for (const { id } of await engine.store.read.entities({ topic: 'endpoints', limit: 1000 })) {
      await engine.showAgain('endpoint', id);
    }
  }
}

function figuresOf(
  now: GatewayStatistics,
  before: GatewayStatistics | undefined,
  endpoint: string,
): Record<string, RevisionFigures> {
  const seconds = before ? (now.at - before.at) / 1000 : 0;
  const entries = Object.entries(now.endpoints[endpoint]!.revisions).map(([name, counted]) => {
    const earlier = before?.endpoints[endpoint]?.revisions[name];
    const rate = earlier && seconds > 0 ? (counted.requests - earlier.requests) / seconds : 0;
    const figures: RevisionFigures = {
      requests: counted.requests,
      errors: counted.errors,
      requestsPerSecond: Math.max(0, rate),
      p50Ms: quantileMs(counted.latency, 0.5),
      p95Ms: quantileMs(counted.latency, 0.95),
      inFlight: counted.inFlight,
      ...(counted.shadow.sent > 0 ? { shadow: shadowOf(counted.shadow) } : {}),
    };
    return [name, figures] as const;
  });
  return Object.fromEntries(entries);
}

function shadowOf({ sent, same, different, failed, dropped }: NonNullable<RevisionFigures['shadow']>) {
  return { sent, same, different, failed, dropped };
}

const keptErrors = 20;

function recentErrors<E extends { requestId: string; revision: string; status: number; at: number; message: string }>(
  known: E[],
  statistics: GatewayStatistics,
  endpoint: string,
): E[] {
  const fresh = statistics.exceptions.filter((one) => one.endpoint === endpoint);
  const ids = new Set(known.map((one) => one.requestId));
  const added = fresh.filter((one) => !ids.has(one.requestId)).map(({ endpoint: _, ...one }) => one as unknown as E);
  return [...added.toReversed(), ...known].slice(0, keptErrors);
}

/** Writes the figures of running runs as views, each at most once a second. */
export class FigureViews {
  readonly #context: Context;
  readonly #due = new Map<string, NodeJS.Timeout>();

  constructor(context: Context) {
    this.#context = context;
  }

  touch(run: string): void {
    if (this.#due.has(run)) return;
    const show = async () => {
      this.#due.delete(run);
      const state = await this.#context.engine.state<RunState>('run', run);
      if (!state || hasEnded(state.status)) return;
      await this.#context.engine.showAgain('run', run);
    };
    const timer = setTimeout(() => {
      show().catch((error: unknown) => {
        if (!this.#context.signal.aborted)
          this.#context.log('warn', `figures of ${run} not shown`, { error: String(error) });
      });
    }, 1000);
    this.#due.set(run, timer.unref());
  }
}
