/**
 * Figures that stream past the reducers: metrics of running runs, request counts of endpoints. They are views of what
 * others keep (event files, the gateway), so nothing is lost when this memory is.
 */
import type { Endpoint, Float, Run } from '../protocol/entities.ts';
import type { RevisionFigures } from './views.ts';

export interface EndpointFigures {
  gatewayUrl: string;
  figures: Record<string, RevisionFigures>;
  recentErrors: Endpoint['recentErrors'];
}

/** Metrics in a run's view; of more, a page asks for the series. */
const maxMetrics = 200;

export class LiveFigures {
  readonly #runs = new Map<string, { metrics: Run['metrics']; count: number; step?: number }>();
  readonly #endpoints = new Map<string, Omit<EndpointFigures, 'gatewayUrl'>>();
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
    return { gatewayUrl: this.gatewayUrl, ...(this.#endpoints.get(name) ?? { figures: {}, recentErrors: [] }) };
  }

  setEndpoint(name: string, figures: Omit<EndpointFigures, 'gatewayUrl'>): void {
    this.#endpoints.set(name, figures);
  }
}
