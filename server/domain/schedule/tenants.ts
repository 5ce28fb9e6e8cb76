/** Tenants: what each is entitled to, what it may still take, and whose turn it is. */
import { emptyUsage, type Ledger, type Usage } from './cluster.ts';
import { counted, describeRequest, membersOf, needOf, type Request } from './resources.ts';
import { defaultTenant, type QueueSettings, type QueueState, type TenantSettings } from './state.ts';

export function tenantOf(settings: QueueSettings, tenant: string): TenantSettings {
  return settings.tenants[tenant] ?? defaultTenant;
}

/**
 * The largest part of CPUs, memory or GPUs that a tenant holds, by its share: who has least goes first. Dominant
 * resource fairness, A. Ghodsi et al., NSDI 2011.
 * @param more what it would hold in addition
 */
export function standing(ledger: Ledger, settings: QueueSettings, tenant: string, more?: Request): number {
  return dominantPart(ledger, ledger.usageOf(tenant), more) / tenantOf(settings, tenant).share;
}

function dominantPart({ capacity }: Ledger, used: Usage, more?: Request): number {
  const need = more && needOf(more);
  const members = more ? membersOf(more) : 0;
  const part = (held: number, added: number | undefined, whole: number) =>
    whole > 0 ? (held + members * (added ?? 0)) / whole : 0;
  return Math.max(
    part(used.milliCpu, need?.milliCpu, capacity.milliCpu),
    part(used.memoryBytes, need?.memoryBytes, capacity.memoryBytes),
    part(used.milliGpu, need && need.gpus * need.milliGpu, capacity.milliGpu),
  );
}

/** The largest part of anything that a request asks for. */
export function partOf(ledger: Ledger, request: Request): number {
  return dominantPart(ledger, emptyUsage(), request);
}

/** The part of everything that a tenant is entitled to, against all that are named, hold or wait. */
export function entitlement(state: Pick<QueueState, 'settings' | 'lines'>, ledger: Ledger, tenant: string): number {
  const all = new Set([...Object.keys(state.settings.tenants), tenant]);
  for (const [name, line] of Object.entries(state.lines)) if (line.length > 0) all.add(name);
  for (const [name, usage] of ledger.usage) if (usage.milliCpu + usage.milliGpu + usage.memoryBytes > 0) all.add(name);
  let sum = 0;
  for (const name of all) sum += tenantOf(state.settings, name).share;
  return tenantOf(state.settings, tenant).share / sum;
}

/** Whether a tenant would hold more than it is entitled to. */
export function isAboveShare(
  state: Pick<QueueState, 'settings' | 'lines'>,
  ledger: Ledger,
  tenant: string,
  more?: Request,
): boolean {
  const part = dominantPart(ledger, ledger.usageOf(tenant), more);
  // Parts are quotients: equal ones may differ in the last bit.
  return part > entitlement(state, ledger, tenant) + 1e-9;
}

/** Why the tenant may not take this now, whatever is free; GPUs of one product are looked at per node. */
export function overQuota(
  state: Pick<QueueState, 'settings' | 'lines' | 'spent'>,
  ledger: Ledger,
  tenant: string,
  request: Request,
): string | undefined {
  const { quota, borrows, budget } = tenantOf(state.settings, tenant);
  const used = ledger.usageOf(tenant);
  const need = needOf(request);
  const members = membersOf(request);
  const over = (held: number, limit: number | undefined, what: string) =>
    limit !== undefined && held > limit + 1e-9
      ? `the quota of ${tenant} is ${what}, and it would hold ${Number(held.toFixed(3))}`
      : undefined;
  const gpus = (milli: number) => (milli + members * need.gpus * need.milliGpu) / 1000;
  const all = quota.gpus?.['*'];
  const spent = state.spent[tenant] ?? { gpuHours: 0, cpuHours: 0 };
  const exceeded =
    over((used.milliCpu + members * need.milliCpu) / 1000, quota.cpus, counted(quota.cpus ?? 0, 'CPU')) ??
    over(
      (used.memoryBytes + members * need.memoryBytes) / 2 ** 30,
      quota.memoryBytes === undefined ? undefined : quota.memoryBytes / 2 ** 30,
      `${((quota.memoryBytes ?? 0) / 2 ** 30).toFixed(1)} GiB of memory`,
    ) ??
    (need.gpus > 0 ? over(gpus(used.milliGpu), all, counted(all ?? 0, 'GPU')) : undefined);
  if (exceeded) return exceeded;
  if (need.gpus > 0 && budget?.gpuHours !== undefined && spent.gpuHours >= budget.gpuHours)
    return `${tenant} has used its ${counted(budget.gpuHours, 'GPU hour')}`;
  if (budget?.cpuHours !== undefined && spent.cpuHours >= budget.cpuHours)
    return `${tenant} has used its ${counted(budget.cpuHours, 'CPU hour')}`;
  if (!borrows && isAboveShare(state, ledger, tenant, request))
    return `${tenant} does not borrow, and ${describeRequest(request)} would exceed its share`;
  return undefined;
}

/** Whether the quota of GPUs of the products on a node has room; undefined where no product has a quota. */
export function productQuota(
  settings: QueueSettings,
  ledger: Ledger,
  tenant: string,
  request: Request,
): ((n: number) => boolean) | undefined {
  const { gpus: quota = {} } = tenantOf(settings, tenant).quota;
  const limited = Object.keys(quota).filter((product) => product !== '*');
  const need = needOf(request);
  if (need.gpus === 0 || limited.length === 0) return undefined;
  const used = ledger.usageOf(tenant).byProduct;
  const wanted = membersOf(request) * need.gpus * need.milliGpu;
  const full = new Set(limited.filter((product) => (used.get(product) ?? 0) + wanted > quota[product]! * 1000));
  if (full.size === 0) return undefined;
  return (n) => !ledger.cluster.node(n).gpus.some((gpu) => full.has(gpu.product));
}
