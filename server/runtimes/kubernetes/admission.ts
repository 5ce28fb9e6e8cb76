/** Letting a suspended Job run: the only place that writes `suspend`, and only on Jobs of ours. */
import { isReason, type KubernetesClient } from './client.ts';
import { type Job, jobSchema } from './objects.ts';
import { stopOf } from './outcome.ts';

/**
 * Admits a Job that is still suspended, guarded by the version that was looked at: a stop that came meanwhile wins.
 * Pods are bound to nodes by the scheduler; with `nodes` only to one of these.
 * @returns false where it was stopped, runs already, or has ended
 */
export async function admit(client: KubernetesClient, path: string, seen: Job, nodes?: string[]): Promise<boolean> {
  for (let job = seen; ; job = jobSchema.parse(await client.request('GET', path))) {
    // A Job that has run before and is suspended now was suspended by somebody else: that is shown, not fought over.
    if (!job.spec.suspend || stopOf(job) || job.status.active + job.status.succeeded + job.status.failed > 0)
      return false;
    const template = nodes && { spec: { affinity: affinityTo(nodes) } };
    const body = {
      metadata: { resourceVersion: job.metadata.resourceVersion },
      spec: { suspend: false, ...(template ? { template } : {}) },
    };
    try {
      await client.request('PATCH', path, { body, contentType: 'application/merge-patch+json' });
      return true;
    } catch (error) {
      if (!isReason(error, 'Conflict')) throw error;
    }
  }
}

function affinityTo(nodes: string[]): object {
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: nodes }];
  return {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
    },
  };
}
