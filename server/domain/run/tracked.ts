/**
 * What an MLflow client has told of a run: parameters, tags, latest metrics, its state. Of a run that Slipway started it
 * stands beside the run's own state; a run that the client began itself is this and nothing more, and gets the receipt
 * of a run when it ends. Pure.
 */
import type { Float } from '../../protocol/entities.ts';
import { type ReceiptDraft, type Reduction, unchanged } from '../reducer.ts';

export const trackedStatuses = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'] as const;
export type TrackedStatus = (typeof trackedStatuses)[number];

export interface TrackedMetric {
  value: Float;
  /** Milliseconds since 1970, as the client stamped it. */
  timestamp: number;
  step: number;
}

export interface TrackedState {
  id: string;
  project: string;
  /** Id of the MLflow experiment. */
  experiment: string;
  /** Slipway did not start it: the client began it by the API. */
  isForeign: boolean;
  name: string;
  user: string;
  status: TrackedStatus;
  startTime: number;
  endTime?: number;
  params: Record<string, string>;
  tags: Record<string, string>;
  /** Of each key the one with the highest step, then time, then value. */
  metrics: Record<string, TrackedMetric>;
  /** Ids of the logged models that it made. */
  models: string[];
  isDeleted: boolean;
}

export type TrackedEvent = { at: number } & (
  | ({ type: 'created' } & Pick<
      TrackedState,
      'id' | 'project' | 'experiment' | 'isForeign' | 'name' | 'user' | 'startTime' | 'tags'
    >)
  | {
      type: 'logged';
      metrics: ({ key: string } & TrackedMetric)[];
      params: Record<string, string>;
      tags: Record<string, string>;
    }
  | { type: 'tagDeleted'; key: string }
  | { type: 'modelMade'; model: string }
  | { type: 'updated'; status?: TrackedStatus; endTime?: number; name?: string }
  | { type: 'lifecycle'; isDeleted: boolean }
);

export function isOver(status: TrackedStatus): boolean {
  return status === 'FINISHED' || status === 'FAILED' || status === 'KILLED';
}

export function reduceTracked(state: TrackedState | undefined, event: TrackedEvent): Reduction<TrackedState, never> {
  if (!state) {
    if (event.type !== 'created') throw new Error(`a tracked run begins with created, not ${event.type}`);
    const { at: _, type: __, ...facts } = event;
    return next({ ...facts, status: 'RUNNING', params: {}, metrics: {}, models: [], isDeleted: false });
  }
  switch (event.type) {
    case 'created':
      return unchanged(state);
    case 'logged':
      return next({
        ...state,
        params: { ...state.params, ...event.params },
        tags: { ...state.tags, ...event.tags },
        metrics: withMetrics(state.metrics, event.metrics),
      });
    case 'tagDeleted': {
      const { [event.key]: gone, ...tags } = state.tags;
      return gone === undefined ? unchanged(state) : next({ ...state, tags });
    }
    case 'modelMade':
      return next({ ...state, models: [...state.models, event.model] });
    case 'updated': {
      const status = event.status ?? state.status;
      const endTime = event.endTime ?? (isOver(status) ? (state.endTime ?? event.at) : undefined);
      const { endTime: _, ...rest } = state;
      const updated: TrackedState = { ...rest, status, name: event.name ?? state.name };
      if (endTime !== undefined) updated.endTime = endTime;
      const hasEnded = state.isForeign && isOver(status) && !isOver(state.status);
      return next(updated, hasEnded ? [receiptOf(updated)] : []);
    }
    case 'lifecycle':
      return next({ ...state, isDeleted: event.isDeleted });
  }
}

function next(state: TrackedState, receipts: ReceiptDraft[] = []): Reduction<TrackedState, never> {
  return { state, commands: [], receipts };
}

function withMetrics(known: TrackedState['metrics'], logged: ({ key: string } & TrackedMetric)[]) {
  const metrics = { ...known };
  for (const { key, ...metric } of logged) {
    const before = metrics[key];
    if (before === undefined || compare(metric, before) >= 0) metrics[key] = metric;
  }
  return metrics;
}

function compare(a: TrackedMetric, b: TrackedMetric): number {
  return a.step - b.step || a.timestamp - b.timestamp || Number(a.value) - Number(b.value);
}

function receiptOf(state: TrackedState): ReceiptDraft {
  const { id, experiment, name, status, params, startTime, endTime = null } = state;
  const metrics = Object.fromEntries(Object.entries(state.metrics).map(([key, { value }]) => [key, value]));
  return {
    kind: 'run.finished',
    subject: { name: `run:${id}` },
    products: [],
    inputs: [],
    decision: `${status.toLowerCase()}, as its MLflow client says`,
    evidence: {
      run: id,
      kind: 'tracked',
      experiment,
      name,
      status,
      params,
      metrics,
      startedAt: startTime,
      endedAt: endTime,
    },
  };
}
