/** MLflow's experiments: a name for runs that belong together; Slipway shows them as projects. Pure. */
import { type Reduction, unchanged } from '../reducer.ts';

export interface Experiment {
  id: string;
  name: string;
  /** The project whose runs its runs are shown among. */
  project: string;
  createdAt: number;
  updatedAt: number;
  tags: Record<string, string>;
  isDeleted: boolean;
}

export interface ExperimentsState {
  experiments: Experiment[];
}

export type ExperimentsEvent = { at: number } & (
  | { type: 'created'; name: string; tags: Record<string, string> }
  | { type: 'changed'; id: string; name?: string; tags?: Record<string, string>; isDeleted?: boolean }
);

/** What there is before anybody makes one: MLflow clients log to experiment 0 when none is named. */
export const noExperiments: ExperimentsState = {
  experiments: [
    { id: '0', name: 'Default', project: 'default', createdAt: 0, updatedAt: 0, tags: {}, isDeleted: false },
  ],
};

export function reduceExperiments(
  state: ExperimentsState | undefined,
  event: ExperimentsEvent,
): Reduction<ExperimentsState, never> {
  const { experiments } = state ?? noExperiments;
  const next = (all: Experiment[]) => ({ state: { experiments: all }, commands: [], receipts: [] });
  if (event.type === 'created') {
    if (experiments.some(({ name }) => name === event.name)) return unchanged(state ?? noExperiments);
    const { name, tags, at } = event;
    const id = String(experiments.length);
    const experiment = { id, name, project: projectOf(name), createdAt: at, updatedAt: at, tags, isDeleted: false };
    return next([...experiments, experiment]);
  }
  return next(
    experiments.map((one) => {
      if (one.id !== event.id) return one;
      const { name = one.name, tags, isDeleted = one.isDeleted } = event;
      return { ...one, name, isDeleted, tags: { ...one.tags, ...tags }, updatedAt: event.at };
    }),
  );
}

/** A name of any script as the name of a project. */
export function projectOf(name: string): string {
  const slug = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 53)
    .replace(/-+$/, '');
  return slug.length >= 2 ? slug : 'default';
}
