/**
 * policy.yaml: what administrators set. Tenants with their shares, quotas and priorities, and how the queue decides. Its
 * JSON schema is `resources/policy.schema.json`, made from this by the build.
 */
import * as z from 'zod';
import { Bytes, DurationMs } from './units.ts';

export const placements = ['fgd', 'bestfit', 'packing', 'spread', 'random'] as const;
export type PolicyName = (typeof placements)[number];

const Amount = z.number().nonnegative();

export const TenantPolicy = z.strictObject({
  share: z.number().positive().default(1).describe('Weight: 2 beside 1 is entitled to two thirds.'),
  borrow: z.boolean().default(true).describe('Whether it may use what others leave idle.'),
  maxPriority: z.number().int().optional().describe('Higher priorities count as this one.'),
  quota: z
    .strictObject({
      cpu: Amount.optional(),
      memory: Bytes.optional(),
      gpus: z.record(z.string(), Amount).optional().describe('By product; "*" stands for all together.'),
    })
    .default({})
    .describe('What it may hold at once, whatever is free.'),
  budget: z
    .strictObject({ gpuHours: Amount.optional(), cpuHours: Amount.optional() })
    .optional()
    .describe('What it may use in all.'),
});

export const QueuePolicy = z.strictObject({
  placement: z.enum(placements).default('fgd').describe('Which of the nodes with room an entry gets.'),
  backfill: z.boolean().default(true).describe('Whether others may pass the head of the line without delaying it.'),
  maxWait: DurationMs.optional().describe('Who has waited so long leaves the queue.'),
  overdue: DurationMs.default(24 * 3600_000).describe('Who has waited so long goes before everybody who has not.'),
  preemption: z
    .strictObject({
      byPriority: z.boolean().default(false).describe('Lower priorities of the same tenant make room.'),
      byShare: z.boolean().default(false).describe('Tenants above their share make room for one below its own.'),
    })
    .default({ byPriority: false, byShare: false }),
});

export const PolicyFile = z.strictObject({
  queue: QueuePolicy.prefault({}),
  tenants: z.record(z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/), TenantPolicy).default({}),
});
export type PolicyFile = z.infer<typeof PolicyFile>;

/** What holds where no policy.yaml was applied. */
export const defaultPolicy = `queue:
  placement: fgd
  backfill: true
  overdue: 24h
  preemption: { byPriority: false, byShare: false }
tenants: {}
`;

/** The JSON schema of policy.yaml. */
export function policyFileJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(PolicyFile, { io: 'input', target: 'draft-7' }) as Record<string, unknown>;
}
