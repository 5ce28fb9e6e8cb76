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

export class LiveFigures {
  readonly #runs = new Map<string, { metrics: Run['metrics']; step?: number }>();
  readonly #endpoints = new Map<string, Omit<EndpointFigures, 'gatewayUrl'>>();
  gatewayUrl = '';

  ofRun(id: string): { metrics: Run['metrics']; step?: number } | undefined {
    return this.#runs.get(id);
  }

  /** Notes the last value of a tag. */
  noteMetric(run: string, tag: string, step: number, value: Float): void {
    const figures = this.#runs.get(run) ?? { metrics: {} };
    figures.metrics = { ...figures.metrics, [tag]: value };
    figures.step = Math.max(figures.step ?? 0, step);
    this.#runs.set(run, figures);
  }

  ofEndpoint(name: string): EndpointFigures {
    return { gatewayUrl: this.gatewayUrl, ...(this.#endpoints.get(name) ?? { figures: {}, recentErrors: [] }) };
  }

  setEndpoint(name: string, figures: Omit<EndpointFigures, 'gatewayUrl'>): void {
    this.#endpoints.set(name, figures);
  }
}
