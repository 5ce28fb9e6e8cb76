/**
 * What the gateway counts, cumulatively since it started, for each endpoint and revision; and the most recent
 * requests that went wrong.
 */
import { randomUUID } from 'node:crypto';
import type { GatewayStatistics } from '../domain/rollout/counters.ts';
import { BUCKET_COUNT, bucketOf } from '../domain/rollout/histogram.ts';

export type GatewayException = GatewayStatistics['exceptions'][number];

/** Statuses are 0 for a request that ended without one. */
export class RevisionStatistics {
  requests = 0;
  errors = 0;
  inFlight = 0;
  latencySumMs = 0;
  /** Indexed by the status's first digit; 0 for requests without one. */
  readonly statuses = [0, 0, 0, 0, 0, 0];
  readonly latency = new Array<number>(BUCKET_COUNT).fill(0);
  readonly shadow: ShadowStatistics = {
    ...{ sent: 0, inFlight: 0, same: 0, different: 0, failed: 0, dropped: 0, latencySumMs: 0 },
  };

  /** Counts a request that has ended. `latencyMs` is the time to the answer's head; null where none came. */
  count(status: number, latencyMs: number | null, isError: boolean): void {
    this.requests++;
    if (isError) this.errors++;
    const statusClass = Math.floor(status / 100);
    this.statuses[Math.min(statusClass, 5)]!++;
    if (latencyMs !== null) {
      this.latencySumMs += latencyMs;
      this.latency[bucketOf(latencyMs)]!++;
    }
  }
}

/** Copies of requests that went to a revision as its shadow, and how their answers compared. */
export interface ShadowStatistics {
  sent: number;
  inFlight: number;
  same: number;
  different: number;
  /** Answers of 5xx, and copies without an answer. */
  failed: number;
  /** Not sent, for want of a ready replica or of room. */
  dropped: number;
  latencySumMs: number;
}

/** Requests that were written as samples, and those that should have been and could not. */
export interface SampleStatistics {
  taken: number;
  dropped: number;
}

export interface EndpointStatistics {
  unanswered: number;
  samples: SampleStatistics;
  revisions: Map<string, RevisionStatistics>;
}

const KEPT_EXCEPTIONS = 100;
const KEPT_REVISIONS = 50;

export class Statistics {
  readonly instance = randomUUID();
  readonly startedAt = Date.now();
  /** Grows with everything that is counted: a reader that saw this number has seen it all. */
  version = 0;
  readonly endpoints = new Map<string, EndpointStatistics>();
  readonly #exceptions: { version: number; exception: GatewayException }[] = [];

  endpoint(name: string): EndpointStatistics {
    let endpoint = this.endpoints.get(name);
    if (endpoint === undefined) {
      endpoint = { unanswered: 0, samples: { taken: 0, dropped: 0 }, revisions: new Map() };
      this.endpoints.set(name, endpoint);
    }
    return endpoint;
  }

  /** The counters of a revision, made where there are none; the oldest ones of an endpoint with very many are dropped. */
  revision(endpointName: string, name: string): RevisionStatistics {
    const { revisions } = this.endpoint(endpointName);
    let revision = revisions.get(name);
    if (revision === undefined) {
      revision = new RevisionStatistics();
      revisions.set(name, revision);
      for (const [oldName, old] of revisions) {
        if (revisions.size <= KEPT_REVISIONS) break;
        if (old.inFlight === 0) revisions.delete(oldName);
      }
    }
    return revision;
  }

  addException(exception: GatewayException): void {
    this.version++;
    this.#exceptions.push({ version: this.version, exception });
    if (this.#exceptions.length > KEPT_EXCEPTIONS) this.#exceptions.shift();
  }

  /** The kept exceptions newer than a version, oldest first. */
  exceptionsSince(version: number): GatewayException[] {
    return this.#exceptions.filter((kept) => kept.version > version).map((kept) => kept.exception);
  }
}
