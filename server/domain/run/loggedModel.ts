/** A model that an MLflow client has logged: its files are artifacts; what the client says of it stands here. Pure. */
import type { Reduction } from '../reducer.ts';

export interface LoggedModelState {
  id: string;
  experiment: string;
  name: string;
  modelType: string;
  /** The run that made it; empty where the client named none. */
  run: string;
  /** As MLflow calls it: LOGGED_MODEL_PENDING, LOGGED_MODEL_READY, … */
  status: string;
  params: Record<string, string>;
  tags: Record<string, string>;
  createdAt: number;
  updatedAt: number;
}

export type LoggedModelEvent = { at: number } & (
  | ({ type: 'created' } & Omit<LoggedModelState, 'status' | 'createdAt' | 'updatedAt'>)
  | { type: 'changed'; status?: string; params?: Record<string, string>; tags?: Record<string, string> }
);

export function reduceLoggedModel(
  state: LoggedModelState | undefined,
  event: LoggedModelEvent,
): Reduction<LoggedModelState, never> {
  const next = (model: LoggedModelState) => ({ state: model, commands: [], receipts: [] });
  if (!state) {
    if (event.type !== 'created') throw new Error(`a logged model begins with created, not ${event.type}`);
    const { type: _, at, ...facts } = event;
    return next({ ...facts, status: 'LOGGED_MODEL_PENDING', createdAt: at, updatedAt: at });
  }
  if (event.type === 'created') return next(state);
  const { status = state.status, params, tags } = event;
  return next({
    ...state,
    status,
    params: { ...state.params, ...params },
    tags: { ...state.tags, ...tags },
    updatedAt: event.at,
  });
}
