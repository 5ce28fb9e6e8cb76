/** Where a model version comes from and where it went, as receipts say it; and which one answered a request. */
import * as z from 'zod';

const Digests = z.record(z.string(), z.string());

export const lineageKinds = [
  'dataset',
  'split',
  'code',
  'stage',
  'run',
  'validation',
  'model',
  'endpoint',
  'other',
] as const;

export const LineageNode = z.object({
  id: z.string().describe('As receipts name it: dataset:digits@v3, run:r1, model:digits@v2, endpoint:digits.'),
  kind: z.enum(lineageKinds),
  title: z.string(),
  detail: z.string().describe('The decision of its receipt, in a line.'),
  receipt: z.string().nullable().describe('The receipt that made it; null for what comes from outside.'),
  at: z.number().nullable().describe('ms since the epoch'),
  digests: Digests,
  isDeleted: z.boolean(),
});
export type LineageNode = z.infer<typeof LineageNode>;

export const Lineage = z.object({
  subject: z.string(),
  nodes: z.array(LineageNode),
  edges: z.array(
    z.object({
      from: z.string(),
      to: z.string(),
      name: z.string().describe('What went in, as the receipt names it: output:r1/model.'),
      receipt: z.string().describe('The receipt that proves it.'),
    }),
  ),
  moves: z
    .array(
      z.object({
        alias: z.string(),
        from: z.number().int().nullable(),
        to: z.number().int(),
        at: z.number(),
        actor: z.string(),
        decision: z.string(),
        receipt: z.string(),
      }),
    )
    .describe('Every move of an alias to or away from the version, newest first.'),
  isComplete: z.boolean().describe('False where it is larger than is shown.'),
});
export type Lineage = z.infer<typeof Lineage>;

/** What is known of an answer of an endpoint. */
export const TracedPrediction = z.object({
  id: z.string(),
  foundBy: z.enum(['sample', 'error', 'receipt']),
  endpoint: z.string().nullable(),
  model: z.string(),
  version: z.number().int(),
  at: z.number().nullable(),
  receipt: z.string().nullable().describe('Of the model version.'),
});
export type TracedPrediction = z.infer<typeof TracedPrediction>;
