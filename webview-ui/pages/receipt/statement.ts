// The in-toto statement of a receipt, as far as the pages show it. Parsed here, where it enters the page.
import * as z from 'zod';

const Digest = z.record(z.string(), z.string());

export const Statement = z.object({
  subject: z.array(z.object({ name: z.string(), digest: Digest })),
  predicateType: z.string(),
  predicate: z.object({
    project: z.string(),
    seq: z.number().int(),
    kind: z.string(),
    at: z.union([z.string(), z.number()]),
    actor: z.string(),
    inputs: z.array(z.object({ name: z.string(), digest: Digest, source: z.string().optional() })),
    decision: z.unknown(),
    evidence: z.unknown(),
    prev: z.string().nullable(),
  }),
});
export type Statement = z.infer<typeof Statement>;

/** One value of nested evidence with the path that leads to it. */
export interface EvidenceRow {
  path: string;
  value: string | number | boolean | null;
}

/** Nested evidence as flat rows, in its own order: `steps.0.requests`. Empty lists and objects are said to be empty. */
export function evidenceRows(evidence: unknown, path = ''): EvidenceRow[] {
  if (evidence === undefined) return [];
  if (evidence === null || typeof evidence !== 'object') {
    return [{ path, value: evidence as EvidenceRow['value'] }];
  }
  const entries = Object.entries(evidence);
  if (entries.length === 0) return path === '' ? [] : [{ path, value: Array.isArray(evidence) ? '[]' : '{}' }];
  return entries.flatMap(([key, value]) => evidenceRows(value, path === '' ? key : `${path}.${key}`));
}
