/** Which reducer and which views belong to which kind of state. */
import { type DatasetEvent, type DatasetState, reduceDataset } from '../domain/dataset/dataset.ts';
import { type MonitorEvent, type MonitorState, reduceMonitor } from '../domain/drift/monitor.ts';
import { type EndpointEvent, type EndpointState, reduceEndpoint } from '../domain/endpoint/endpoint.ts';
import { type ModelEvent, type ModelState, reduceModel } from '../domain/lineage/model.ts';
import { reduceValidation, type ValidationEvent, type ValidationState } from '../domain/lineage/validation.ts';
import { type PipelineEvent, type PipelineState, reducePipeline } from '../domain/pipeline/pipeline.ts';
import { type ReleaseEvent, type ReleaseState, reduceRelease } from '../domain/rollout/release.ts';
import { type ExperimentsEvent, type ExperimentsState, reduceExperiments } from '../domain/run/experiments.ts';
import { type LoggedModelEvent, type LoggedModelState, reduceLoggedModel } from '../domain/run/loggedModel.ts';
import { type RunEvent, type RunState, reduceRun } from '../domain/run/run.ts';
import { reduceTracked, type TrackedEvent, type TrackedState } from '../domain/run/tracked.ts';
import { type QueueEvent, type QueueState, reduceQueue } from '../domain/schedule/queue.ts';
import { reduceTrialRuns, type TrialRunsEvent, type TrialRunsState } from '../domain/sweep/trialRuns.ts';
import type { Aggregate, AnyEvent, Engine } from './engine.ts';
import type { LiveFigures } from './live.ts';
import { monitorViews } from './monitorViews.ts';
import {
  datasetViews,
  endpointViews,
  modelViews,
  nodeViews,
  pipelineViews,
  releaseViews,
  runViews,
  sweepViews,
  trackedViews,
  validationViews,
} from './views.ts';

/** Events come from the store and from handlers as plain JSON; each reducer knows its own. */
function aggregate<S, E>(definition: {
  reduce(state: S | undefined, event: E): ReturnType<Aggregate['reduce']>;
  project(state: S): string;
  views(
    state: S,
    before: S | undefined,
    receiptOf: (subject: string) => string | undefined,
  ): ReturnType<Aggregate['views']>;
}): Aggregate {
  return {
    reduce: (state, event: AnyEvent) => definition.reduce(state as S | undefined, event as unknown as E),
    project: (state) => definition.project(state as S),
    views: (state, before, receiptOf) => definition.views(state as S, before as S | undefined, receiptOf),
  };
}

export function registerAggregates(engine: Engine, live: LiveFigures): void {
  engine.register(
    'dataset',
    aggregate<DatasetState, DatasetEvent>({
      reduce: reduceDataset,
      project: (state) => state.versions.at(-1)!.project,
      views: datasetViews,
    }),
  );
  engine.register(
    'run',
    aggregate<RunState, RunEvent>({
      reduce: reduceRun,
      project: (state) => state.spec.project,
      views: (state, _, receiptOf) => runViews(state, receiptOf, live.ofRun(state.spec.id)),
    }),
  );
  engine.register(
    'tracked',
    aggregate<TrackedState, TrackedEvent>({
      reduce: reduceTracked,
      project: (state) => state.project,
      views: (state, _, receiptOf) => trackedViews(state, receiptOf),
    }),
  );
  engine.register(
    'experiments',
    aggregate<ExperimentsState, ExperimentsEvent>({ reduce: reduceExperiments, project: () => '', views: () => [] }),
  );
  engine.register(
    'loggedModel',
    aggregate<LoggedModelState, LoggedModelEvent>({ reduce: reduceLoggedModel, project: () => '', views: () => [] }),
  );
  engine.register(
    'queue',
    aggregate<QueueState, QueueEvent>({ reduce: reduceQueue, project: () => '', views: nodeViews }),
  );
  engine.register(
    'sweep',
    aggregate<TrialRunsState, TrialRunsEvent>({
      reduce: reduceTrialRuns,
      project: (state) => state.project,
      views: sweepViews,
    }),
  );
  engine.register(
    'validation',
    aggregate<ValidationState, ValidationEvent>({
      reduce: reduceValidation,
      project: (state) => state.project,
      views: (state, _, receiptOf) => validationViews(state, receiptOf),
    }),
  );
  engine.register(
    'model',
    aggregate<ModelState, ModelEvent>({ reduce: reduceModel, project: (state) => state.project, views: modelViews }),
  );
  engine.register(
    'pipeline',
    aggregate<PipelineState, PipelineEvent>({
      reduce: reducePipeline,
      project: (state) => state.project,
      views: (state) => pipelineViews(state),
    }),
  );
  engine.register(
    'endpoint',
    aggregate<EndpointState, EndpointEvent>({
      reduce: reduceEndpoint,
      project: (state) => state.project,
      views: (state) => endpointViews(state, live.ofEndpoint(state.name)),
    }),
  );
  engine.register(
    'monitor',
    aggregate<MonitorState, MonitorEvent>({
      reduce: reduceMonitor,
      project: (state) => state.project,
      views: (state) => monitorViews(state),
    }),
  );
  engine.register(
    'rollout',
    aggregate<ReleaseState, ReleaseEvent>({
      reduce: reduceRelease,
      project: (state) => state.project,
      views: (state, _, receiptOf) => releaseViews(state, receiptOf),
    }),
  );
}
