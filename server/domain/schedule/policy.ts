/** The part of policy.yaml that the queue decides by. */
import type { PolicyFile } from '../../protocol/policyFile.ts';
import type { QueueSettings, TenantSettings } from './state.ts';

export function settingsOf({ queue, tenants }: PolicyFile): Omit<QueueSettings, 'told' | 'backfillDepth'> {
  const { placement, backfill, maxWait, overdue, preemption } = queue;
  const named = Object.entries(tenants).map(([name, { share, borrow, maxPriority, quota, budget }]) => {
    const limits = { cpus: quota.cpu, memoryBytes: quota.memory, gpus: quota.gpus };
    const tenant: TenantSettings = { share, borrows: borrow, quota: limits, maxPriority, budget };
    return [name, tenant] as const;
  });
  return {
    placement,
    backfill,
    maxWaitMs: maxWait,
    overdueMs: overdue,
    preemption,
    tenants: Object.fromEntries(named),
  };
}

/** What differs between two policies, one line each: `tenants.ann.share: 1 → 2`. */
export function differences(before: unknown, after: unknown, path = ''): string[] {
  if (isRecord(before) && isRecord(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return keys.flatMap((key) => differences(before[key], after[key], path === '' ? key : `${path}.${key}`));
  }
  const text = (value: unknown) => (value === undefined ? 'not set' : JSON.stringify(value));
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [`${path}: ${text(before)} → ${text(after)}`];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
