/**
 * What MLflow clients may send, with MLflow's documented limits (mlflow.org/docs/latest/api_reference/rest-api.html,
 * mlflow/utils/validation.py): 1,000 metrics, 100 params and 100 tags, 1,000 of all together, in one batch of 1 MB;
 * keys of 250 characters, params of 6,000, tags of 8,000.
 */
import * as z from 'zod';
import { Float } from '../../protocol/entities.ts';

const Key = z.string().min(1).max(250);
const Id = z.string().min(1).max(200);
/** int64 comes as a number or, from protobuf's own JSON, as text. */
const Int = z.union([z.number(), z.string().regex(/^-?\d+$/)]).transform(Number);
const Tag = z.object({ key: Key, value: z.string().max(8000).default('') });
const Param = z.object({ key: Key, value: z.string().max(6000).default('') });
const Metric = z.object({
  key: Key,
  value: Float,
  timestamp: Int,
  step: Int.default(0),
  model_id: z.string().optional(),
});
export type Metric = z.infer<typeof Metric>;
const Tags = z.array(Tag).max(100).default([]);
const RunId = z
  .object({ run_id: Id.optional(), run_uuid: Id.optional() })
  .refine(({ run_id, run_uuid }) => run_id !== undefined || run_uuid !== undefined, 'run_id is missing');
const ofRun = <T extends z.ZodRawShape>(shape: T) => RunId.and(z.object(shape));
const View = z.enum(['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL']).default('ACTIVE_ONLY');
const Page = { max_results: Int.optional(), page_token: z.string().optional() };
const list = z.union([z.array(z.string()), z.string().transform((one) => [one])]).default([]);

export const requests = {
  'experiments/create': z.object({ name: z.string().min(1).max(500), tags: Tags }),
  'experiments/get': z.object({ experiment_id: Id }),
  'experiments/get-by-name': z.object({ experiment_name: z.string() }),
  'experiments/search': z.object({ view_type: View, filter: z.string().default(''), ...Page }),
  'experiments/update': z.object({ experiment_id: Id, new_name: z.string().min(1).max(500).optional() }),
  'experiments/delete': z.object({ experiment_id: Id }),
  'experiments/restore': z.object({ experiment_id: Id }),
  'experiments/set-experiment-tag': Tag.extend({ experiment_id: Id }),
  'runs/create': z.object({
    experiment_id: Id.default('0'),
    user_id: z.string().max(256).default(''),
    run_name: z.string().max(250).default(''),
    start_time: Int.optional(),
    tags: Tags,
  }),
  'runs/get': RunId,
  'runs/update': ofRun({
    status: z.enum(['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']).optional(),
    end_time: Int.optional(),
    run_name: z.string().max(250).optional(),
  }),
  'runs/delete': z.object({ run_id: Id }),
  'runs/restore': z.object({ run_id: Id }),
  'runs/search': z.object({
    experiment_ids: list,
    filter: z.string().max(20_000).default(''),
    run_view_type: View,
    order_by: list,
    max_results: Int.default(1000),
    page_token: z.string().optional(),
  }),
  'runs/log-metric': ofRun(Metric.shape),
  'runs/log-parameter': ofRun(Param.shape),
  'runs/set-tag': ofRun(Tag.shape),
  'runs/delete-tag': z.object({ run_id: Id, key: Key }),
  'runs/log-batch': z
    .object({
      run_id: Id,
      metrics: z.array(Metric).max(1000).default([]),
      params: z.array(Param).max(100).default([]),
      tags: Tags,
    })
    .refine(
      ({ metrics, params, tags }) => metrics.length + params.length + tags.length <= 1000,
      'A batch has at most 1000 metrics, params and tags together',
    ),
  'runs/log-model': z.object({ run_id: Id, model_json: z.string() }),
  'runs/log-inputs': z.object({ run_id: Id, datasets: z.array(z.unknown()).max(1000).default([]) }),
  'runs/outputs': z.object({
    run_id: Id,
    models: z.array(z.object({ model_id: Id, step: Int.default(0) })).default([]),
  }),
  'metrics/get-history': ofRun({ metric_key: Key, ...Page }),
  'artifacts/list': ofRun({ path: z.string().max(4000).default('') }),
  'logged-models': z.object({
    experiment_id: Id,
    name: z.string().max(250).default(''),
    model_type: z.string().max(250).default(''),
    source_run_id: z.string().max(200).default(''),
    params: z.array(Param).max(1000).default([]),
    tags: Tags,
  }),
} as const;

export type TrackingCall = keyof typeof requests;
export type TrackingRequest<C extends TrackingCall> = z.infer<(typeof requests)[C]>;

/** Calls that only read come as GET too. */
export const readingCalls: readonly TrackingCall[] = [
  'experiments/get',
  'experiments/get-by-name',
  'experiments/search',
  'runs/get',
  'metrics/get-history',
  'artifacts/list',
];

/** `PATCH logged-models/ID` and the like. */
export const FinalizeModel = z.object({ status: z.string().max(50).default('LOGGED_MODEL_READY') });
export const ModelTags = z.object({ tags: Tags });
export const ModelParams = z.object({ params: z.array(Param).max(1000).default([]) });
