/**
 * The routes at work: endpoints with their revisions and live replicas. A change of the routes keeps the replicas
 * that stay, with their connections and what is known of them, and lets those that go finish what they have.
 */
import { performance } from 'node:perf_hooks';
import { chooseByKey, chooseLeastBusy, chooseSmoothly } from './balance.ts';
import { Keys } from './keys.ts';
import { Replica } from './replica.ts';
import type { EndpointRoute, RevisionRoute } from './routes.ts';
import { SampleWriter } from './sample.ts';
import type { RevisionStatistics, Statistics } from './statistics.ts';

export interface Revision {
  name: string;
  weight: number;
  credit: number;
  receipt: string | null;
  replicas: Replica[];
  turn: number;
  statistics: RevisionStatistics;
}

export interface Endpoint {
  route: EndpointRoute;
  revisions: Revision[];
  keys: Keys | null;
  samples: SampleWriter | null;
  /** Shared by the endpoint before and after a change of the routes: requests of both count. */
  load: { inFlight: number };
}

export interface Choice {
  revision: Revision;
  replica: Replica;
}

export class Table {
  #endpoints = new Map<string, Endpoint>();
  readonly #statistics: Statistics;
  readonly #onNewReplica: (replica: Replica) => void;

  /** @param onNewReplica called for each replica that was not in the routes before */
  constructor(statistics: Statistics, onNewReplica: (replica: Replica) => void) {
    this.#statistics = statistics;
    this.#onNewReplica = onNewReplica;
  }

  get(name: string): Endpoint | undefined {
    return this.#endpoints.get(name);
  }

  endpoints(): Iterable<Endpoint> {
    return this.#endpoints.values();
  }

  /** Puts new routes to work. */
  apply(routes: readonly EndpointRoute[]): void {
    const before = this.#endpoints;
    const kept = new Set<Replica>();
    this.#endpoints = new Map(
      routes.map((route) => {
        const old = before.get(route.name);
        const revisions = route.revisions.map((revision) => this.#revision(route, revision, old, kept));
        const keys = route.keys === null ? null : new Keys(route.keys, old?.keys ?? undefined);
        const load = old?.load ?? { inFlight: 0 };
        const endpoint = { route, revisions, keys, samples: this.#samples(route, old), load };
        return [route.name, endpoint];
      }),
    );
    for (const replica of replicasOf(before.values())) if (!kept.has(replica)) replica.retire();
    this.#statistics.version++;
  }

  /** Closes everything that is written for the endpoints. */
  async flush(): Promise<void> {
    await Promise.all([...this.#endpoints.values()].map(({ samples }) => samples?.flush()));
  }

  #samples(route: EndpointRoute, old: Endpoint | undefined): SampleWriter | null {
    const before = old?.samples ?? null;
    if (before !== null && JSON.stringify(before.rule) === JSON.stringify(route.sample)) return before;
    void before?.flush();
    if (route.sample === null) return null;
    return new SampleWriter(route.sample, this.#statistics.instance, this.#statistics.endpoint(route.name).samples);
  }

  #revision(route: EndpointRoute, revision: RevisionRoute, old: Endpoint | undefined, kept: Set<Replica>): Revision {
    const oldRevision = old?.revisions.find(({ name }) => name === revision.name);
    const replicas = revision.replicas.map(({ address, readyPath, secret }) => {
      const { connectTimeoutMs, keepAliveMs } = route;
      const options = { address, readyPath, secret, connectTimeoutMs, keepAliveMs };
      const candidate = new Replica(options);
      const same = oldRevision?.replicas.find(({ label }) => label === candidate.label);
      if (same === undefined) this.#onNewReplica(candidate);
      else same.options = options;
      const replica = same ?? candidate;
      kept.add(replica);
      return replica;
    });
    return {
      name: revision.name,
      weight: revision.weight,
      // Credit from other weights would favour one side for a while: a new set of weights begins afresh.
      credit: 0,
      receipt: revision.receipt,
      replicas,
      turn: 0,
      statistics: this.#statistics.revision(route.name, revision.name),
    };
  }
}

/** All replicas of some endpoints. */
export function* replicasOf(endpoints: Iterable<Endpoint>): Iterable<Replica> {
  for (const { revisions } of endpoints) for (const { replicas } of revisions) yield* replicas;
}

/**
 * A revision by weight among those that have a usable replica, and its least busy replica.
 * @param stickyKey the same key gets the same revision while weights and readiness allow
 * @param failed a replica that has just failed this request: used again only if there is no other
 * @returns null if no replica is usable
 */
export function choose(endpoint: Endpoint, stickyKey: string | null, failed: Choice | null): Choice | null {
  const nowMs = performance.now();
  for (const state of ['ready', 'slow'] as const) {
    const usable = (revision: Revision) => {
      const all = revision.replicas.filter((replica) => replica.state === state);
      const sound = all.filter((replica) => !replica.isEjected(nowMs));
      // Where all of them fail it is not the replica that is at fault: the revision is judged by what it does.
      return sound.length > 0 ? sound : all;
    };
    const others = failed === null ? [] : usable(failed.revision).filter((replica) => replica !== failed.replica);
    if (failed !== null && others.length > 0) return pick(failed.revision, others);
    const candidates = endpoint.revisions.filter(({ replicas }) => replicas.some((replica) => replica.state === state));
    const revision = stickyKey === null ? chooseSmoothly(candidates) : chooseByKey(candidates, stickyKey);
    if (revision !== null) return pick(revision, usable(revision));
  }
  return null;
}

function pick(revision: Revision, replicas: readonly Replica[]): Choice {
  revision.turn++;
  return { revision, replica: chooseLeastBusy(replicas, revision.turn)! };
}
