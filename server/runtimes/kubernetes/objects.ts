/** What we read of Kubernetes' objects, parsed where it comes in. Times are milliseconds since 1970. */
import * as z from 'zod';

const time = z.string().transform((text) => Date.parse(text));
const map = z.record(z.string(), z.string()).default({});

const metadata = z.object({
  name: z.string(),
  namespace: z.string().default(''),
  uid: z.string(),
  resourceVersion: z.string(),
  creationTimestamp: time,
  deletionTimestamp: time.optional(),
  labels: map,
  annotations: map,
});

const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().default(''),
  message: z.string().default(''),
  lastTransitionTime: time.nullish(),
});
export type Condition = z.infer<typeof condition>;

export const jobSchema = z.object({
  metadata,
  spec: z.object({ suspend: z.boolean().default(false) }),
  status: z
    .object({
      conditions: z.array(condition).default([]),
      active: z.number().default(0),
      succeeded: z.number().default(0),
      failed: z.number().default(0),
    })
    .prefault({}),
});
export type Job = z.infer<typeof jobSchema>;

const containerState = z.object({
  waiting: z.object({ reason: z.string().default(''), message: z.string().default('') }).optional(),
  running: z.object({ startedAt: time.nullish() }).optional(),
  terminated: z
    .object({
      exitCode: z.number(),
      signal: z.number().optional(),
      reason: z.string().default(''),
      message: z.string().default(''),
      startedAt: time.nullish(),
      finishedAt: time.nullish(),
    })
    .optional(),
});
const containerStatus = z.object({
  name: z.string(),
  restartCount: z.number().default(0),
  image: z.string().default(''),
  state: containerState.prefault({}),
});
export type ContainerStatus = z.infer<typeof containerStatus>;

const resources = z.object({ requests: map, limits: map }).prefault({});

export const podSchema = z.object({
  metadata: metadata.extend({
    ownerReferences: z.array(z.object({ kind: z.string(), name: z.string(), uid: z.string() })).default([]),
  }),
  spec: z.object({
    nodeName: z.string().optional(),
    containers: z.array(z.object({ name: z.string(), resources })),
    initContainers: z
      .array(z.object({ name: z.string(), resources, restartPolicy: z.string().optional() }))
      .default([]),
  }),
  status: z
    .object({
      phase: z.string().default('Pending'),
      reason: z.string().default(''),
      message: z.string().default(''),
      conditions: z.array(condition).default([]),
      containerStatuses: z.array(containerStatus).default([]),
      initContainerStatuses: z.array(containerStatus).default([]),
    })
    .prefault({}),
});
export type Pod = z.infer<typeof podSchema>;
export const podListSchema = z.object({ items: z.array(podSchema) });

export const nodeSchema = z.object({
  metadata,
  spec: z
    .object({
      unschedulable: z.boolean().default(false),
      taints: z.array(z.object({ key: z.string(), value: z.string().default(''), effect: z.string() })).default([]),
    })
    .prefault({}),
  status: z.object({ allocatable: map, capacity: map, conditions: z.array(condition).default([]) }).prefault({}),
});
export type Node = z.infer<typeof nodeSchema>;

export const eventSchema = z.object({
  type: z.string().default(''),
  reason: z.string().default(''),
  message: z.string().default(''),
  involvedObject: z.object({ kind: z.string().default(''), name: z.string().default('') }),
  lastTimestamp: time.nullish(),
  eventTime: time.nullish(),
});
export type WarningEvent = z.infer<typeof eventSchema>;

export function isTrue(conditions: Condition[], type: string): Condition | undefined {
  return conditions.find((one) => one.type === type && one.status === 'True');
}

const suffixes: Record<string, number> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

/**
 * A quantity as a number: `500m` is 0.5, `2Gi` is 2147483648. Undefined for what is none.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export function quantity(text: string | undefined): number | undefined {
  const [, number, suffix = ''] = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)$/.exec(text ?? '') ?? [];
  const factor = suffixes[suffix];
  return number === undefined || factor === undefined ? undefined : Number(number) * factor;
}
