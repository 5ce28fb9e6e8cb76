/**
 * Figures that stream past the reducers: metrics of running runs, request counts of endpoints. They are views of what
 * others keep (event files, the gateway), so nothing is lost when this memory is.
 */

import type { Counters } from '../domain/rollout/counters.ts';
import { lastTrafficAt, noTraffic, noteReading, passTime, type TrafficState } from '../domain/rollout/traffic.ts';
import type { Endpoint, Float, Run } from '../protocol/entities.ts';
import type { RevisionFigures } from './views.ts';

export interface EndpointFigures {
  gatewayUrl: string;
  figures: Record<string, RevisionFigures>;
  recentErrors: Endpoint['recentErrors'];
  samples?: Endpoint['samples'];
  trafficAt?: number;
}

/** Metrics in a run's view; of more, a page asks for the series. */
const maxMetrics = 200;

export class LiveFigures {
  readonly #runs = new Map<string, { metrics: Run['metrics']; count: number; step?: number }>();
  readonly #endpoints = new Map<string, Omit<EndpointFigures, 'gatewayUrl' | 'trafficAt'>>();
  readonly #traffic = new Map<string, TrafficState>();
  gatewayUrl = '';

  ofRun(id: string): { metrics: Run['metrics']; step?: number } | undefined {
    return this.#runs.get(id);
  }

  /** Notes the last value of a tag; of very many tags, the first of them and the one that `isWanted`. */
  noteMetric(run: string, tag: string, step: number, value: Float, isWanted = false): void {
    const figures = this.#runs.get(run) ?? { metrics: Object.create(null) as Run['metrics'], count: 0 };
    this.#runs.set(run, figures);
    figures.step = Math.max(figures.step ?? 0, step);
    if (!(tag in figures.metrics)) {
      if (figures.count >= maxMetrics && !isWanted) return;
      figures.count++;
    }
    figures.metrics[tag] = value;
  }

  /** The run is read anew: its figures are void. */
  forget(run: string): void {
    this.#runs.delete(run);
  }

  ofEndpoint(name: string): EndpointFigures {
    const traffic = this.#traffic.get(name);
    return {
      gatewayUrl: this.gatewayUrl,
      ...(this.#endpoints.get(name) ?? { figures: {}, recentErrors: [] }),
      trafficAt: traffic && lastTrafficAt(traffic),
    };
  }

  setEndpoint(name: string, figures: Omit<EndpointFigures, 'gatewayUrl' | 'trafficAt'>): void {
    this.#endpoints.set(name, figures);
  }

  /** Notes what the revisions of an endpoint did between two readings of the gateway. */
  noteTraffic(name: string, now: number, before: Record<string, Counters>, reading: Record<string, Counters>): void {
    this.#traffic.set(name, noteReading(this.#traffic.get(name) ?? noTraffic(now), now, before, reading));
  }

  /** The recent past of an endpoint's traffic, up to now. */
  trafficOf(name: string, now: number): TrafficState {
    const traffic = passTime(this.#traffic.get(name) ?? noTraffic(now), now);
    this.#traffic.set(name, traffic);
    return traffic;
  }
}
