/** The watch over an endpoint in production, as the API shows it. */
import * as z from 'zod';

const Time = z.number().describe('ms since the epoch');

export const DriftFeature = z.object({
  feature: z.string(),
  aspect: z.enum(['distribution', 'missing', 'newCategories']),
  test: z.enum(['psi', 'ks', 'chi2', 'js', 'share']),
  effect: z.number(),
  threshold: z.number(),
  p: z.number().describe('Probability of such an effect without any drift.'),
  values: z.number().int(),
  isDrifted: z.boolean(),
  examples: z.array(z.string()).optional(),
});
export type DriftFeature = z.infer<typeof DriftFeature>;

export const EndpointMonitor = z.object({
  id: z.string().describe('The endpoint.'),
  endpoint: z.string(),
  project: z.string(),
  model: z.string(),
  version: z.number().int().describe('In production; windows are compared with its training data.'),
  reference: z.enum(['training', 'firstWindow', 'none']).describe('What windows are compared with.'),
  isDrifting: z.boolean(),
  alarms: z.number().int(),
  window: z
    .object({
      from: Time,
      to: Time,
      verdict: z.enum(['drifted', 'steady', 'inconclusive']),
      reason: z.string(),
      rows: z.number().int(),
      falseAlarmRate: z.number(),
      features: z.array(DriftFeature).describe('The farthest first.'),
    })
    .nullable(),
  proposal: z
    .object({
      id: z.string(),
      at: Time,
      kind: z.enum(['retrain', 'label']),
      reason: z.string(),
      labelled: z.number().int(),
      missing: z.number().int(),
      samples: z.string().nullable(),
    })
    .nullable(),
  retrainings: z.array(
    z.object({
      id: z.string(),
      startedAt: Time,
      endedAt: Time.nullable(),
      spentMs: z.number(),
      status: z.string(),
      pipeline: z.string().optional(),
    }),
  ),
});
export type EndpointMonitor = z.infer<typeof EndpointMonitor>;
