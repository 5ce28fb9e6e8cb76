/** Why work does not run yet, or cannot be seen: Kubernetes' own words made into a reason for a person. Pure. */

import { isTrue, type Job, type Node, type Pod } from './objects.ts';
import { isOver, latestPod, workOf } from './outcome.ts';

export type WaitCode =
  | 'queued'
  | 'quota'
  | 'unschedulable'
  | 'volume'
  | 'image.missing'
  | 'image.denied'
  | 'image.unreachable'
  | 'image.failed'
  | 'preparing'
  | 'replacing'
  | 'failing'
  | 'nodeUnreachable'
  | 'suspended';

export interface Wait {
  code: WaitCode;
  /** One or two sentences for a person, with Kubernetes' own message where it says more than we can. */
  detail: string;
}

/** A warning event about a Job or one of its pods. */
export interface Warning {
  reason: string;
  message: string;
}

/**
 * @param isAdmitted whether Slipway (or Kueue) has let the Job run
 * @param node the node of its pod, where it has one
 * @returns undefined for work that runs where it can be seen
 */
export function waitOf(job: Job, pods: Pod[], warnings: Warning[], node?: Node): Wait | undefined {
  const pod = latestPod(pods.filter((one) => !isOver(one)));
  if (!pod) return waitOfJob(job, pods, warnings);
  const lost = node && unreachable(node);
  if (lost) return lost;
  const work = workOf(pod);
  if (work?.state.running) return undefined;
  const scheduled = pod.status.conditions.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False') return unscheduled(scheduled.message);
  const stuck = [...pod.status.initContainerStatuses, ...pod.status.containerStatuses]
    .map(({ state, image }) => ({ ...state.waiting, image }))
    .find(({ reason }) => reason && !['PodInitializing', 'ContainerCreating'].includes(reason));
  if (stuck?.reason) return waitOfContainer(stuck.reason, stuck.message ?? '', stuck.image, warnings);
  const mount = warnings.findLast(({ reason }) => /FailedMount|FailedAttachVolume/.test(reason));
  if (mount) return { code: 'volume', detail: `A volume cannot be mounted: ${mount.message}` };
  return { code: 'preparing', detail: `It is being prepared on ${pod.spec.nodeName}: image, code and inputs.` };
}

function waitOfJob(job: Job, pods: Pod[], warnings: Warning[]): Wait | undefined {
  if (job.spec.suspend) {
    if (pods.length > 0)
      return { code: 'suspended', detail: 'Somebody suspended its Job; it goes on when the Job is resumed.' };
    return { code: 'queued', detail: 'It waits to be admitted.' };
  }
  const refused = warnings.findLast(({ reason }) => reason === 'FailedCreate');
  if (refused) {
    const isQuota = /exceeded quota/.test(refused.message);
    const what = isQuota ? 'The quota of the namespace is used up' : 'The cluster refuses its pod';
    return { code: isQuota ? 'quota' : 'failing', detail: `${what}: ${refused.message}` };
  }
  if (pods.length > 0)
    return { code: 'replacing', detail: 'Its pod was disrupted (evicted, drained or preempted) and is replaced.' };
  return { code: 'preparing', detail: 'Its pod is about to be made.' };
}

function unscheduled(message: string): Wait {
  if (/persistentvolumeclaim/i.test(message)) {
    return { code: 'volume', detail: `A volume it needs is not there: ${message}` };
  }
  return { code: 'unschedulable', detail: `No node fits now: ${message}` };
}

function waitOfContainer(reason: string, message: string, image: string, warnings: Warning[]): Wait {
  if (!/^(ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull|RegistryUnavailable)$/.test(reason)) {
    return { code: 'failing', detail: `Its container cannot be made (${reason}): ${message}` };
  }
  // While it backs off, the state names the image only; the event before it tells why.
  const told = warnings.findLast((one) => /Failed to pull image/.test(one.message));
  const why = reason === 'ImagePullBackOff' && told ? told.message : message || told?.message || reason;
  if (/unauthorized|authentication required|denied|401|403|no basic auth/i.test(why)) {
    return { code: 'image.denied', detail: `The registry does not let us have ${image}: ${why}` };
  }
  if (/not found|manifest unknown|no such manifest|404|InvalidImageName/i.test(why + reason)) {
    return { code: 'image.missing', detail: `There is no image ${image}: ${why}` };
  }
  if (
    /dial tcp|no such host|i\/o timeout|connection refused|no route|deadline exceeded|EOF|server misbehaving/i.test(why)
  ) {
    return { code: 'image.unreachable', detail: `The registry of ${image} cannot be reached: ${why}` };
  }
  return { code: 'image.failed', detail: `The image ${image} cannot be pulled: ${why}` };
}

function unreachable(node: Node): Wait | undefined {
  const ready = node.status.conditions.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'Unknown') return undefined;
  const since = ready.lastTransitionTime ? ` since ${new Date(ready.lastTransitionTime).toISOString()}` : '';
  return {
    code: 'nodeUnreachable',
    detail: `Its node ${node.metadata.name} has not been heard of${since}; the work may well go on there.`,
  };
}

/** Whether a node takes new work. */
export function isUsable(node: Node): boolean {
  return !node.spec.unschedulable && isTrue(node.status.conditions, 'Ready') !== undefined;
}
