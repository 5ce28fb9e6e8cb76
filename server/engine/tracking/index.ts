/**
 * MLflow clients may log here: the calls of MLflow's tracking API, as far as `autolog` and `search_runs` use them. Runs
 * of Slipway (`MLFLOW_RUN_ID`) get what their program logs beside what Slipway knows; runs that a client begins itself
 * become runs among the others. Metrics go into an event file in the run's log folder, so that curves, objectives and
 * TensorBoard show them like any other.
 */
import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import type * as z from 'zod';
import { type Experiment, type ExperimentsState, noExperiments } from '../../domain/run/experiments.ts';
import type { LoggedModelState } from '../../domain/run/loggedModel.ts';
import type { RunState } from '../../domain/run/run.ts';
import { BadSearch, parseFilter, parseOrder } from '../../domain/run/searchRuns.ts';
import type { TrackedState } from '../../domain/run/tracked.ts';
import { appendScalars } from '../../metrics/index.ts';
import type { Context } from '../context.ts';
import { toFloat } from '../floats.ts';
import type { RunMetrics, Traced } from '../follow.ts';
import { newId } from '../ids.ts';
import { runFolder } from '../runFolder.ts';
import { Artifacts } from './artifacts.ts';
import { TrackingError } from './errors.ts';
import {
  FinalizeModel,
  type Metric,
  ModelParams,
  ModelTags,
  requests,
  type TrackingCall,
  type TrackingRequest,
} from './requests.ts';

/** Runs looked at in one search. */
const maxSearched = 50_000;
const maxPage = 50_000;

type Handlers = { [C in TrackingCall]: (request: TrackingRequest<C>) => Promise<object> };

export class Tracking {
  readonly artifacts: Artifacts;
  readonly #context: Context;
  readonly #metrics: RunMetrics;
  /** Event files of this process, by run: whether they have their first event. Writes of a run go one after another. */
  readonly #writing = new Map<string, Promise<unknown>>();
  readonly #traced: (id: string) => Promise<Traced>;
  readonly #handlers: Handlers;

  /** @param traced finds a run to follow */
  constructor(context: Context, metrics: RunMetrics, traced: (id: string) => Promise<Traced>) {
    this.#traced = traced;
    this.#context = context;
    this.#metrics = metrics;
    this.artifacts = new Artifacts(context.folders);
    this.#handlers = this.#createHandlers();
  }

  /**
   * Carries out one call.
   * @param call the path below `/api/2.0/mlflow/`
   * @param input query or body, not checked yet
   * @param onlyRun the caller may work on this run only
   * @throws TrackingError
   */
  async call(method: string, call: string, input: unknown, onlyRun: string | undefined): Promise<object> {
    const model = /^logged-models\/([A-Za-z0-9-]{1,64})(?:\/(tags|params|artifacts\/directories))?$/.exec(call);
    if (model) return this.#modelCall(method, model[1]!, model[2], input, onlyRun);
    if (!Object.hasOwn(requests, call))
      throw new TrackingError('ENDPOINT_NOT_FOUND', `There is no call ${call} here.`, 404);
    const name = call as TrackingCall;
    const request = parse<z.ZodType>(requests[name], input) as object;
    checkScope(name, request, onlyRun);
    return (this.#handlers[name] as (request: unknown) => Promise<object>)(request);
  }

  #createHandlers(): Handlers {
    const { engine, now } = this.#context;
    const withExperiment = async (event: { type: string; id: string } & Record<string, unknown>) => {
      await this.#experiment(event.id);
      await engine.send('experiments', 'all', event);
      return {};
    };
    return {
      'experiments/create': async ({ name, tags }) => {
        const known = (await this.#experiments()).find((one) => one.name === name);
        if (known) throw new TrackingError('RESOURCE_ALREADY_EXISTS', `Experiment '${name}' already exists.`, 400);
        await engine.send('experiments', 'all', { type: 'created', name, tags: recordOf(tags) });
        return { experiment_id: (await this.#experiments()).find((one) => one.name === name)!.id };
      },
      'experiments/get': async ({ experiment_id }) => ({
        experiment: experimentOf(await this.#experiment(experiment_id)),
      }),
      'experiments/get-by-name': async ({ experiment_name }) => {
        const found = (await this.#experiments()).find((one) => one.name === experiment_name);
        if (!found) throw missing(`Could not find experiment with name '${experiment_name}'`);
        return { experiment: experimentOf(found) };
      },
      'experiments/search': async ({ view_type, filter }) => {
        const name = /^\s*(?:attribute\.)?name\s*=\s*'([^']*)'\s*$/.exec(filter)?.[1];
        if (filter.trim() !== '' && name === undefined) {
          throw invalid("Experiments are searched by name = '…' only.");
        }
        const all = (await this.#experiments()).filter(
          (one) => isInView(one.isDeleted, view_type) && (name === undefined || one.name === name),
        );
        return { experiments: all.map(experimentOf).toReversed() };
      },
      'experiments/update': ({ experiment_id: id, new_name: name }) => withExperiment({ type: 'changed', id, name }),
      'experiments/delete': ({ experiment_id: id }) => withExperiment({ type: 'changed', id, isDeleted: true }),
      'experiments/restore': ({ experiment_id: id }) => withExperiment({ type: 'changed', id, isDeleted: false }),
      'experiments/set-experiment-tag': ({ experiment_id: id, key, value }) =>
        withExperiment({ type: 'changed', id, tags: { [key]: value } }),
      'runs/create': async ({ experiment_id, user_id, run_name, start_time, tags }) => {
        const { project } = await this.#experiment(experiment_id);
        const id = newId('r', now());
        const all = recordOf(tags);
        const name = run_name || all['mlflow.runName'] || id;
        await engine.send('tracked', id, {
          type: 'created',
          ...{ id, project, experiment: experiment_id, isForeign: true, name, user: user_id },
          ...{ startTime: start_time ?? now(), tags: { ...all, 'mlflow.runName': name } },
        });
        return { run: this.#runOf(await this.#tracked(id)) };
      },
      'runs/get': async (request) => ({ run: this.#runOf(await this.#tracked(idOf(request))) }),
      'runs/update': async (request) => {
        const { status, end_time: endTime, run_name } = request;
        const id = idOf(request);
        await this.#tracked(id);
        const name = run_name || undefined;
        if (name) await this.#log(id, { tags: { 'mlflow.runName': name } });
        await engine.send('tracked', id, { type: 'updated', status, endTime, name });
        const tracked = await this.#tracked(id);
        if (tracked.isForeign && tracked.endTime !== undefined) await this.#metrics.finish(id);
        return { run_info: infoOf(tracked) };
      },
      'runs/delete': ({ run_id }) => this.#send(run_id, { type: 'lifecycle', isDeleted: true }),
      'runs/restore': ({ run_id }) => this.#send(run_id, { type: 'lifecycle', isDeleted: false }),
      'runs/search': (request) => this.#search(request),
      'runs/log-metric': (request) => this.#log(idOf(request), { metrics: [request] }),
      'runs/log-parameter': (request) => this.#log(idOf(request), { params: { [request.key]: request.value } }),
      'runs/set-tag': (request) => this.#log(idOf(request), { tags: { [request.key]: request.value } }),
      'runs/delete-tag': ({ run_id, key }) => this.#send(run_id, { type: 'tagDeleted', key }),
      'runs/log-batch': ({ run_id, metrics, params, tags }) =>
        this.#log(run_id, { metrics, params: recordOf(params), tags: recordOf(tags) }),
      'runs/log-model': async ({ run_id, model_json }) => {
        const { tags } = await this.#tracked(run_id);
        const known = parseList(tags['mlflow.log-model.history']);
        const history = JSON.stringify([...known, parseJson(model_json)]);
        return this.#log(run_id, { tags: { 'mlflow.log-model.history': history } });
      },
      // Datasets of a run are known by their digests, which Slipway takes itself.
      'runs/log-inputs': async ({ run_id }) => {
        await this.#tracked(run_id);
        return {};
      },
      'runs/outputs': async ({ run_id, models }) => {
        for (const { model_id } of models) await this.#send(run_id, { type: 'modelMade', model: model_id });
        return {};
      },
      'metrics/get-history': (request) => this.#history(idOf(request), request),
      'artifacts/list': async (request) => {
        const tracked = await this.#tracked(idOf(request));
        const uri = artifactUri(tracked);
        return { root_uri: uri, files: await this.artifacts.list(uri.replace('mlflow-artifacts:/', ''), request.path) };
      },
      'logged-models': async ({ experiment_id, name, model_type, source_run_id, params, tags }) => {
        await this.#experiment(experiment_id);
        const id = `m-${randomBytes(16).toString('hex')}`;
        await engine.send('loggedModel', id, {
          type: 'created',
          ...{ id, experiment: experiment_id, name: name || id, modelType: model_type, run: source_run_id },
          ...{ params: recordOf(params), tags: recordOf(tags) },
        });
        return { model: modelOf(await this.#model(id)) };
      },
    };
  }

  async #modelCall(method: string, id: string, part: string | undefined, input: unknown, onlyRun: string | undefined) {
    const { engine } = this.#context;
    const model = await this.#model(id);
    if (onlyRun !== undefined && model.run !== onlyRun) throw outOfScope();
    if (method === 'GET' && part === 'artifacts/directories') {
      return {
        root_uri: modelUri(model),
        files: await this.artifacts.list(modelUri(model).replace('mlflow-artifacts:/', ''), ''),
      };
    }
    if (method !== 'GET' && part === undefined) {
      const { status } = parse(FinalizeModel, input);
      await engine.send('loggedModel', id, { type: 'changed', status: statusText(status) });
    } else if (method === 'PATCH' && part === 'tags') {
      await engine.send('loggedModel', id, { type: 'changed', tags: recordOf(parse(ModelTags, input).tags) });
    } else if (method === 'POST' && part === 'params') {
      await engine.send('loggedModel', id, { type: 'changed', params: recordOf(parse(ModelParams, input).params) });
    } else if (method !== 'GET') throw new TrackingError('ENDPOINT_NOT_FOUND', 'There is no such call here.', 404);
    return { model: modelOf(await this.#model(id)) };
  }

  /** Parameters are written once: the same value again changes nothing, another is refused. */
  async #log(
    id: string,
    {
      metrics = [],
      params = {},
      tags = {},
    }: { metrics?: Metric[]; params?: Record<string, string>; tags?: Record<string, string> },
  ): Promise<object> {
    const tracked = await this.#tracked(id);
    if (tracked.isDeleted) throw invalid(`The run ${id} must be in 'active' state. Current state is deleted.`);
    for (const [key, value] of Object.entries(params)) {
      const known = Object.hasOwn(tracked.params, key) ? tracked.params[key] : undefined;
      if (known !== undefined && known !== value) {
        throw invalid(
          `Changing param values is not allowed. Param with key='${key}' was already logged with value='${known}' for run ID='${id}'. Attempted logging new value '${value}'.`,
        );
      }
    }
    if (metrics.length > 0) await this.#writeMetrics(id, metrics);
    // What comes after the end is read when somebody looks again.
    if (metrics.length > 0 && tracked.endTime !== undefined) this.#metrics.forget(id);
    const logged = metrics.map(({ key, value, timestamp, step }) => ({ key, value, timestamp, step }));
    await this.#context.engine.send('tracked', id, { type: 'logged', metrics: logged, params, tags });
    return {};
  }

  /** Written before they are acknowledged: a client that hears nothing sends them again. */
  async #writeMetrics(id: string, metrics: Metric[]): Promise<void> {
    const file = path.join(runFolder(this.#context.folders.runs, id).logs, `mlflow/events.out.tfevents.${id}.mlflow`);
    const before = this.#writing.get(id);
    const events = metrics.map(({ key, value, timestamp, step }) => ({
      ...{ tag: key, step, wallTime: timestamp / 1000, value: Number(value) },
    }));
    const write = (before ?? Promise.resolve()).then(() => appendScalars(file, events));
    this.#writing.set(
      id,
      write.catch(() => {}),
    );
    await write;
  }

  async #history(id: string, { metric_key, max_results, page_token }: TrackingRequest<'metrics/get-history'>) {
    await this.#tracked(id);
    const { series } = await this.#metrics.of(await this.#traced(id));
    await this.#metrics.catchUp(id);
    const found = series.get(metric_key);
    const start = Number(page_token ?? 0);
    const end = max_results === undefined ? undefined : start + max_results;
    const { length, steps, wallTimes, values } = found?.slice(start, end) ?? {
      length: 0,
      steps: [],
      wallTimes: [],
      values: [],
    };
    const metrics = Array.from({ length }, (_, i) => ({
      ...{ key: metric_key, value: toFloat(values[i]!), timestamp: Math.round(wallTimes[i]! * 1000), step: steps[i]! },
    }));
    const isMore = end !== undefined && found !== undefined && end < found.count;
    return { metrics, ...(isMore ? { next_page_token: String(end) } : {}) };
  }

  async #search(request: TrackingRequest<'runs/search'>) {
    const { experiment_ids, filter, run_view_type, order_by, max_results, page_token } = request;
    const [isWanted, order] = readSearch(filter, order_by);
    const experiments = (await this.#experiments()).filter(({ id }) => experiment_ids.includes(id));
    const found: TrackedState[] = [];
    for (const project of new Set(experiments.map((one) => one.project))) {
      const { engine } = this.#context;
      const rows = await engine.store.read.entities({ topic: 'runs', project, limit: maxSearched });
      for (const { id } of rows) {
        const state = await engine.state<TrackedState>('tracked', id);
        if (
          state &&
          experiment_ids.includes(state.experiment) &&
          isInView(state.isDeleted, run_view_type) &&
          isWanted(state)
        ) {
          found.push(state);
        }
      }
    }
    found.sort(order);
    const start = Number(page_token ?? 0);
    const end = start + Math.min(Math.max(1, max_results), maxPage);
    const runs = found.slice(start, end).map((state) => this.#runOf(state));
    return { runs, ...(end < found.length ? { next_page_token: String(end) } : {}) };
  }

  async #send(id: string, event: { type: string } & Record<string, unknown>): Promise<object> {
    await this.#tracked(id);
    await this.#context.engine.send('tracked', id, event);
    return {};
  }

  async #experiments(): Promise<Experiment[]> {
    const state = await this.#context.engine.state<ExperimentsState>('experiments', 'all');
    return (state ?? noExperiments).experiments;
  }

  async #experiment(id: string): Promise<Experiment> {
    const found = (await this.#experiments()).find((one) => one.id === id);
    if (!found) throw missing(`No Experiment with id=${id} exists`);
    return found;
  }

  /** What a client told of a run; a run of Slipway that no client has spoken of yet joins its project's experiment. */
  async #tracked(id: string): Promise<TrackedState> {
    const { engine } = this.#context;
    const known = await engine.state<TrackedState>('tracked', id);
    if (known) return known;
    const run = await engine.state<RunState>('run', id);
    if (!run) throw missing(`Run with id=${id} not found`);
    const { project, title } = run.spec;
    const isOfProject = (one: Experiment) => one.name === project || one.project === project;
    if (!(await this.#experiments()).some(isOfProject)) {
      await engine.send('experiments', 'all', { type: 'created', name: project, tags: {} });
    }
    const experiment = (await this.#experiments()).find(isOfProject)!.id;
    await engine.send('tracked', id, {
      type: 'created',
      ...{
        id,
        project,
        experiment,
        isForeign: false,
        name: title,
        user: '',
        startTime: run.startedAt ?? run.createdAt,
      },
      tags: { 'mlflow.runName': title },
    });
    return (await engine.state<TrackedState>('tracked', id))!;
  }

  async #model(id: string): Promise<LoggedModelState> {
    const model = await this.#context.engine.state<LoggedModelState>('loggedModel', id);
    if (!model) throw missing(`Logged model with ID '${id}' not found.`);
    return model;
  }

  #runOf(state: TrackedState) {
    return {
      info: infoOf(state),
      data: {
        metrics: Object.entries(state.metrics).map(([key, metric]) => ({ key, ...metric })),
        params: pairsOf(state.params),
        tags: pairsOf(state.tags),
      },
      inputs: {},
      outputs: { model_outputs: state.models.map((model_id) => ({ model_id, step: 0 })) },
    };
  }
}

function parse<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw invalid(`${issue.path.join('.') || 'The request'}: ${issue.message}`);
}

/** What a program with the token of its own run may do: everything about that run, and find its experiment. */
function checkScope(call: TrackingCall, request: object, onlyRun: string | undefined): void {
  if (onlyRun === undefined || call === 'experiments/get' || call === 'experiments/get-by-name') return;
  const { run_id, run_uuid, source_run_id } = request as Record<string, unknown>;
  if ((run_id ?? run_uuid ?? source_run_id) !== onlyRun) throw outOfScope();
}

function outOfScope(): TrackingError {
  return new TrackingError('PERMISSION_DENIED', 'This token is for one run only.', 403);
}

function readSearch(filter: string, order: string[]) {
  try {
    return [parseFilter(filter), parseOrder(order)] as const;
  } catch (error) {
    if (error instanceof BadSearch) throw invalid(`The search cannot be read: ${error.message}.`);
    throw error;
  }
}

function isInView(isDeleted: boolean, view: 'ACTIVE_ONLY' | 'DELETED_ONLY' | 'ALL'): boolean {
  return view === 'ALL' || isDeleted === (view === 'DELETED_ONLY');
}

function infoOf(state: TrackedState) {
  return {
    run_id: state.id,
    run_uuid: state.id,
    run_name: state.name,
    experiment_id: state.experiment,
    user_id: state.user,
    status: state.status,
    start_time: state.startTime,
    end_time: state.endTime,
    artifact_uri: artifactUri(state),
    lifecycle_stage: state.isDeleted ? 'deleted' : 'active',
  };
}

function experimentOf({ id, name, createdAt, updatedAt, tags, isDeleted }: Experiment) {
  return {
    ...{ experiment_id: id, name, artifact_location: `mlflow-artifacts:/${id}`, creation_time: createdAt },
    ...{ last_update_time: updatedAt, lifecycle_stage: isDeleted ? 'deleted' : 'active', tags: pairsOf(tags) },
  };
}

function modelOf(model: LoggedModelState) {
  const { id, experiment, name, createdAt, updatedAt, status, modelType, run, tags, params } = model;
  return {
    info: {
      ...{ model_id: id, experiment_id: experiment, name, creation_timestamp_ms: createdAt },
      ...{ last_updated_timestamp_ms: updatedAt, artifact_uri: modelUri(model), status, model_type: modelType },
      ...{ source_run_id: run, tags: pairsOf(tags) },
    },
    data: { params: pairsOf(params), metrics: [] },
  };
}

const artifactUri = ({ experiment, id }: TrackedState) => `mlflow-artifacts:/${experiment}/${id}/artifacts`;
const modelUri = ({ experiment, id }: LoggedModelState) => `mlflow-artifacts:/${experiment}/models/${id}/artifacts`;

const statuses: Record<string, string> = {
  '1': 'LOGGED_MODEL_PENDING',
  '2': 'LOGGED_MODEL_READY',
  '3': 'LOGGED_MODEL_UPLOAD_FAILED',
};
const statusText = (status: string) => statuses[status] ?? status;

function idOf({ run_id, run_uuid }: { run_id?: string | undefined; run_uuid?: string | undefined }): string {
  return (run_id ?? run_uuid)!;
}

function recordOf(pairs: { key: string; value: string }[]): Record<string, string> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, value]));
}

function pairsOf(record: Record<string, string>): { key: string; value: string }[] {
  return Object.entries(record).map(([key, value]) => ({ key, value }));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('model_json is not JSON.');
  }
}

function parseList(text: string | undefined): unknown[] {
  const value: unknown = text === undefined ? [] : parseJson(text);
  return Array.isArray(value) ? value : [];
}

function missing(message: string): TrackingError {
  return new TrackingError('RESOURCE_DOES_NOT_EXIST', message, 404);
}

function invalid(message: string): TrackingError {
  return new TrackingError('INVALID_PARAMETER_VALUE', message, 400);
}
