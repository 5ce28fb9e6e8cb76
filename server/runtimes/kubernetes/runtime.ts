/**
 * The Kubernetes runtime: each workload is a Job under its own id, and that Job is the record: what was asked for, whether
 * somebody wants it ended, how it ended. This side holds no state that cannot be listed again.
 */

import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeConfig } from '@kubernetes/client-node';
import { SlipwayError } from '../../protocol/errors.ts';
import { checkId, checkWorkload } from '../check.ts';
import { Observations } from '../observations.ts';
import type { Capacity, LogChunk, LogRequest, Observed, OpenTarget, Runtime, Workload } from '../runtime.ts';
import { admit } from './admission.ts';
import { Artifacts, type StoreSettings } from './artifacts.ts';
import { watchClusterCapacity } from './capacity.ts';
import { isNotFound, isReason, KubernetesClient } from './client.ts';
import { jobManifest, type PodSettings, specHash, tombstoneManifest } from './jobManifest.ts';
import { agentContainer, annotations, labels, managedBy } from './names.ts';
import {
  eventSchema,
  type Job,
  jobSchema,
  type Node,
  nodeSchema,
  type Pod,
  podListSchema,
  podSchema,
  type WarningEvent,
} from './objects.ts';
import {
  type EndRecord,
  endedOf,
  isOver,
  latestPod,
  recordOf,
  type StopRequest,
  startedOf,
  stopOf,
  workOf,
} from './outcome.ts';
import { openAgent, openCommand, openPort } from './stream.ts';
import { waitOf } from './waiting.ts';
import { Warnings } from './warnings.ts';
import { type Change, watchList } from './watchList.ts';

export interface KubernetesRuntimeOptions {
  config: KubeConfig;
  pods: PodSettings;
  /** Where logs outlive their pods, as the control plane reaches it. */
  store: StoreSettings;
  /** Told about what fails for now and is tried again. */
  onProblem?: (error: unknown) => void;
}

/** Beyond the grace time, for our container to bring the last bytes home. */
const shipSeconds = 5;
/** How long a connection into a pod that has ended may still bring bytes; the stored log has them all. */
const lastBytesMs = 2000;
const mergePatch = 'application/merge-patch+json';

/** What is known of one workload. */
interface Seen {
  job: Job | undefined;
  pods: Map<string, Pod>;
  /** Those who wait for a change. */
  wake: Set<() => void>;
  settling: boolean;
}

export class KubernetesRuntime implements Runtime {
  readonly #options: KubernetesRuntimeOptions;
  readonly #client: KubernetesClient;
  readonly #artifacts: Artifacts;
  readonly #observations = new Observations();
  readonly #seen = new Map<string, Seen>();
  /** Workloads that were started or observed: the states of others are not told. */
  readonly #tracked = new Set<string>();
  readonly #closed = new AbortController();
  readonly #listed: Promise<unknown>;
  readonly #nodes = new Map<string, Node>();
  readonly #warnings = new Warnings();

  constructor(options: KubernetesRuntimeOptions) {
    this.#options = options;
    this.#client = new KubernetesClient(options.config);
    this.#artifacts = new Artifacts(options.store);
    const jobs = Promise.withResolvers<void>();
    const pods = Promise.withResolvers<void>();
    this.#listed = Promise.all([jobs.promise, pods.promise]);
    const { namespace } = options.pods;
    const common = {
      labelSelector: `${labels.managedBy}=${managedBy}`,
      signal: this.#closed.signal,
      onBreak: (error: unknown) => this.#problem(error),
    };
    void watchList(this.#client, {
      ...common,
      path: `/apis/batch/v1/namespaces/${namespace}/jobs`,
      schema: jobSchema,
      onChange: (change) => {
        this.#takeJobs(change);
        jobs.resolve();
      },
    });
    const onBreak = common.onBreak;
    void watchList(this.#client, {
      path: '/api/v1/nodes',
      schema: nodeSchema,
      signal: this.#closed.signal,
      onBreak,
      onChange: (change) => this.#takeNodes(change),
    });
    void watchList(this.#client, {
      path: `/api/v1/namespaces/${namespace}/events`,
      fieldSelector: 'type=Warning',
      schema: eventSchema,
      signal: this.#closed.signal,
      onBreak,
      onChange: (change) => this.#takeEvents(change),
    });
    void watchList(this.#client, {
      ...common,
      path: `/api/v1/namespaces/${namespace}/pods`,
      schema: podSchema,
      onChange: (change) => {
        this.#takePods(change);
        pods.resolve();
      },
    });
  }

  /** Stops looking; the workloads go on. */
  close(): void {
    this.#closed.abort();
    for (const seen of this.#seen.values()) for (const wake of seen.wake) wake();
  }

  async start(workload: Workload): Promise<void> {
    checkWorkload(workload);
    const job = await this.#createJob(workload.id, jobManifest(workload, this.#options.pods));
    const hash = job.metadata.annotations[annotations.specHash];
    if (hash !== undefined && hash !== specHash(workload)) {
      const message = `The workload ${workload.id} was started before with another command or folder.`;
      throw new SlipwayError('runtime.idTaken', message, 'A new attempt needs an id of its own.', 409);
    }
    this.#track(workload.id);
    this.#takeJobs({ type: 'changed', object: job });
    if (!this.#options.pods.localQueue && hash !== undefined)
      await admit(this.#client, this.#jobPath(workload.id), job);
  }

  async observe(id: string): Promise<void> {
    checkId(id);
    const job = await this.#readJob(id);
    if (!job) {
      const detail = `The namespace ${this.#options.pods.namespace} holds no trace of it.`;
      this.#observations.publish({
        type: 'ended',
        id,
        at: Date.now(),
        exitCode: null,
        signal: null,
        reason: 'lost',
        detail,
      });
      return;
    }
    await this.#listed;
    this.#track(id);
    this.#takeJobs({ type: 'changed', object: job });
    // An earlier control plane may have died between writing the request and acting on it.
    const stop = stopOf(job);
    if (stop && !recordOf(job)) await this.#endPods(id, stop.graceMs);
  }

  async stop(id: string, reason: string, graceMs: number): Promise<void> {
    checkId(id);
    const request: StopRequest = { at: Date.now(), reason, graceMs };
    const job = await this.#createJob(
      id,
      tombstoneManifest(id, JSON.stringify(request), this.#options.pods),
      'read first',
    );
    if (recordOf(job) || stopOf(job)) return;
    const body = { metadata: { annotations: { [annotations.stop]: JSON.stringify(request) } } };
    try {
      await this.#client.request('PATCH', this.#jobPath(id), { body, contentType: mergePatch });
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    await this.#endPods(id, graceMs);
  }

  watch(signal: AbortSignal): AsyncIterable<Observed> {
    return this.#observations.watch(signal);
  }

  async *logs(id: string, request: LogRequest): AsyncGenerator<LogChunk> {
    checkId(id);
    const job = await this.#readJob(id);
    if (!job) throw new SlipwayError('workload.unknown', `There is no workload ${id} in the cluster.`, '', 404);
    await this.#listed;
    const seen = this.#seenOf(id);
    seen.job ??= job;
    let { offset } = request;
    while (!request.signal.aborted && !this.#closed.signal.aborted) {
      const changed = this.#nextChange(seen, request.signal);
      const pods = [...seen.pods.values()];
      if (endedOf(seen.job ?? job, pods)) break;
      const pod = latestPod(pods.filter(isServing));
      if (pod) {
        try {
          for await (const bytes of this.#agentLog(pod, offset, request)) {
            yield { offset, bytes };
            offset += bytes.length;
          }
          if (!request.follow) return;
        } catch (error) {
          if (request.signal.aborted) return;
          this.#problem(error);
          await delay(500, undefined, { signal: request.signal }).catch(() => {});
          continue;
        }
      } else if (!request.follow) break;
      await changed;
    }
    if (!request.signal.aborted) yield* this.#storedLog(id, offset, request.signal);
  }

  async open(id: string, target: OpenTarget): Promise<Duplex> {
    checkId(id);
    const job = await this.#readJob(id);
    if (!job) throw new SlipwayError('workload.unknown', `There is no workload ${id} in the cluster.`, '', 404);
    const pods = await this.#readPods(id);
    const ended = endedOf(job, pods);
    if (ended) {
      throw new SlipwayError('workload.ended', `${id} has ended: ${ended.detail}`, 'Start it again first.', 409);
    }
    const pod = pods.find((one) => workOf(one)?.state.running);
    if (!pod) {
      const hint = 'Wait until it runs; its state tells what it waits for.';
      throw new SlipwayError('workload.notRunning', `${id} does not run yet.`, hint, 409);
    }
    return 'port' in target
      ? openPort(this.#client, pod, id, target.port)
      : openCommand(this.#client, pod, target.command);
  }

  capacity(signal: AbortSignal): AsyncIterable<Capacity> {
    return watchClusterCapacity(this.#client, signal);
  }

  #jobPath(id: string): string {
    return `/apis/batch/v1/namespaces/${this.#options.pods.namespace}/jobs/${id}`;
  }

  async #readJob(id: string): Promise<Job | undefined> {
    try {
      return jobSchema.parse(await this.#client.request('GET', this.#jobPath(id)));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Its pods as they are now; what is watched may be a moment behind. */
  async #readPods(id: string): Promise<Pod[]> {
    const query = { labelSelector: `${labels.workload}=${id}` };
    const answer = await this.#client.request('GET', `/api/v1/namespaces/${this.#options.pods.namespace}/pods`, {
      query,
    });
    return podListSchema.parse(answer).items;
  }

  /** The Job under this name: the one that is there, else the given one. */
  async #createJob(id: string, manifest: object, order?: 'read first'): Promise<Job> {
    const there = order && (await this.#readJob(id));
    if (there) return there;
    const path = `/apis/batch/v1/namespaces/${this.#options.pods.namespace}/jobs`;
    for (;;) {
      try {
        return jobSchema.parse(await this.#client.request('POST', path, { body: manifest }));
      } catch (error) {
        if (!isReason(error, 'AlreadyExists')) throw error;
      }
      const job = await this.#readJob(id);
      if (!job) continue; // deleted meanwhile
      if (job.metadata.labels[labels.workload] === id) return job;
      const message = `The namespace has a Job ${id} that Slipway did not make.`;
      throw new SlipwayError('runtime.idTaken', message, 'Slipway leaves it alone: delete or rename it.', 409);
    }
  }

  /** Ends the pods of a workload whose Job says that it is to stop, then keeps the Job from making more. */
  async #endPods(id: string, graceMs: number): Promise<void> {
    const { namespace } = this.#options.pods;
    const path = `/api/v1/namespaces/${namespace}/pods`;
    for (const pod of (await this.#readPods(id)).filter((one) => !isOver(one))) {
      // Never 0: that removes the pod from the API while its processes may go on.
      const gracePeriodSeconds = Math.max(1, Math.ceil(graceMs / 1000) + shipSeconds);
      const body = { gracePeriodSeconds, preconditions: { uid: pod.metadata.uid } };
      try {
        await this.#client.request('DELETE', `${path}/${pod.metadata.name}`, { body });
      } catch (error) {
        if (!isNotFound(error) && !isReason(error, 'Conflict')) throw error;
      }
    }
    try {
      await this.#client.request('PATCH', this.#jobPath(id), {
        body: { spec: { suspend: true } },
        contentType: mergePatch,
      });
    } catch (error) {
      // A Job that has finished cannot be suspended, and makes no pods.
      if (!isNotFound(error) && !isReason(error, 'Invalid')) throw error;
    }
  }

  #track(id: string): void {
    if (!this.#tracked.has(id)) this.#observations.forget(id);
    this.#tracked.add(id);
    void this.#settle(id);
  }

  #seenOf(id: string): Seen {
    const known = this.#seen.get(id);
    if (known) return known;
    const seen: Seen = { job: undefined, pods: new Map(), wake: new Set(), settling: false };
    this.#seen.set(id, seen);
    return seen;
  }

  #takeJobs(change: Change<Job>): void {
    const objects = change.type === 'listed' ? change.objects : [change.object];
    const there = new Set(objects.map(({ metadata }) => metadata.labels[labels.workload]));
    for (const job of objects) {
      const id = job.metadata.labels[labels.workload];
      if (id === undefined) continue;
      const seen = this.#seenOf(id);
      if (change.type === 'deleted') seen.job = undefined;
      else if (isNewer(job, seen.job)) seen.job = job;
      this.#changed(id, change.type === 'deleted');
    }
    if (change.type !== 'listed') return;
    for (const [id, seen] of this.#seen) {
      if (!seen.job || there.has(id)) continue;
      seen.job = undefined;
      this.#changed(id, true);
    }
  }

  #takePods(change: Change<Pod>): void {
    const ids = new Set<string>();
    const objects = change.type === 'listed' ? change.objects : [change.object];
    if (change.type === 'listed') {
      for (const [id, seen] of this.#seen) {
        if (seen.pods.size > 0) ids.add(id);
        seen.pods.clear();
      }
    }
    for (const pod of objects) {
      const id = pod.metadata.labels[labels.workload];
      if (id === undefined) continue;
      const { pods } = this.#seenOf(id);
      if (change.type === 'deleted') pods.delete(pod.metadata.uid);
      else pods.set(pod.metadata.uid, pod);
      ids.add(id);
    }
    for (const id of ids) this.#changed(id, false);
  }

  #changed(id: string, isGone: boolean): void {
    const seen = this.#seenOf(id);
    for (const wake of seen.wake) wake();
    if (isGone && this.#tracked.has(id)) {
      const detail = 'Somebody deleted its Job.';
      this.#observations.publish({
        type: 'ended',
        id,
        at: Date.now(),
        exitCode: null,
        signal: null,
        reason: 'lost',
        detail,
      });
      this.#tracked.delete(id);
    }
    void this.#settle(id);
  }

  /** Tells what is known of a workload, and writes its end down at the Job before it is told. */
  async #settle(id: string): Promise<void> {
    const seen = this.#seenOf(id);
    if (!this.#tracked.has(id) || !seen.job || seen.settling) return;
    const pods = [...seen.pods.values()];
    const record = recordOf(seen.job);
    const started = record ? record.started : startedOf(pods);
    if (started) this.#observations.publish({ type: 'started', id, ...started });
    const ended = endedOf(seen.job, pods);
    if (!ended) {
      this.#tellCondition(id, seen.job, pods);
      return;
    }
    if (record) {
      this.#observations.publish({ type: 'ended', id, ...ended });
      this.#tracked.delete(id);
      return;
    }
    seen.settling = true;
    try {
      await this.#writeEnd(id, seen.job, { ...(started ? { started } : {}), ended });
    } catch (error) {
      this.#problem(error);
      await delay(1000, undefined, { signal: this.#closed.signal }).catch(() => {});
    } finally {
      seen.settling = false;
    }
    if (!this.#closed.signal.aborted) await this.#settle(id);
  }

  #tellCondition(id: string, job: Job, pods: Pod[]): void {
    const node = this.#nodes.get(latestPod(pods)?.spec.nodeName ?? '');
    const warnings = [job.metadata.name, ...pods.map(({ metadata }) => metadata.name)].flatMap((name) =>
      this.#warnings.of(name),
    );
    const { code, detail } = waitOf(job, pods, warnings, node) ?? { code: null, detail: '' };
    this.#observations.publish({ type: 'condition', id, at: Date.now(), code, detail });
  }

  #takeNodes(change: Change<Node>): void {
    if (change.type === 'listed') this.#nodes.clear();
    const objects = change.type === 'listed' ? change.objects : [change.object];
    const before = new Map(this.#nodes);
    for (const node of objects) {
      if (change.type === 'deleted') this.#nodes.delete(node.metadata.name);
      else this.#nodes.set(node.metadata.name, node);
    }
    // Heartbeats are not news.
    if (!objects.some(({ metadata }) => readinessOf(before, metadata.name) !== readinessOf(this.#nodes, metadata.name)))
      return;
    for (const id of this.#tracked) void this.#settle(id);
  }

  #takeEvents(change: Change<WarningEvent>): void {
    if (change.type === 'deleted') return;
    for (const event of change.type === 'listed' ? change.objects : [change.object]) {
      this.#warnings.add(event);
      const id = this.#workloadOf(event.involvedObject.name);
      if (id !== undefined) void this.#settle(id);
    }
  }

  /** Pods of a Job are called as the Job and five characters. */
  #workloadOf(name: string): string | undefined {
    return [name, name.replace(/-[a-z0-9]{5}$/, '')].find((one) => this.#tracked.has(one));
  }

  /** Two control planes may see the end at once: the first to write it wins, and both tell what is written. */
  async #writeEnd(id: string, seen: Job, record: EndRecord): Promise<void> {
    const path = this.#jobPath(id);
    for (let job: Job | undefined = seen; job && !recordOf(job); job = await this.#readJob(id)) {
      const { uid, resourceVersion } = job.metadata;
      const body = { metadata: { uid, resourceVersion, annotations: { [annotations.ended]: JSON.stringify(record) } } };
      try {
        const written = await this.#client.request('PATCH', path, { body, contentType: mergePatch });
        this.#seenOf(id).job = jobSchema.parse(written);
        return;
      } catch (error) {
        if (isNotFound(error)) return;
        if (!isReason(error, 'Conflict')) throw error;
      }
    }
    const now = await this.#readJob(id);
    if (now) this.#seenOf(id).job = now;
  }

  #nextChange(seen: Seen, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        seen.wake.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      seen.wake.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  async *#agentLog(pod: Pod, offset: number, request: LogRequest): AsyncGenerator<Buffer> {
    const connection = await openAgent(this.#client, pod);
    const abort = () => connection.destroy();
    request.signal.addEventListener('abort', abort);
    // A connection into a pod that ends may stay open and silent for ever.
    const id = pod.metadata.labels[labels.workload] ?? '';
    const seen = this.#seenOf(id);
    let last: NodeJS.Timeout | undefined;
    const look = () => {
      const now = seen.pods.get(pod.metadata.uid);
      if (!now || isOver(now)) last ??= setTimeout(abort, lastBytesMs);
    };
    seen.wake.add(look);
    look();
    try {
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        const path = `/log?offset=${offset}&follow=${request.follow ? 1 : 0}`;
        const headers = { connection: 'close' };
        const asked = httpRequest({ createConnection: () => connection, path, headers }, resolve);
        asked.on('error', reject);
        asked.end();
      });
      for await (const bytes of answer) yield bytes as Buffer;
    } finally {
      request.signal.removeEventListener('abort', abort);
      seen.wake.delete(look);
      clearTimeout(last);
      connection.destroy();
    }
  }

  async *#storedLog(id: string, from: number, signal: AbortSignal): AsyncGenerator<LogChunk> {
    let offset = from;
    for (const part of await this.#artifacts.logParts(id)) {
      for await (const bytes of this.#artifacts.readPart(part, offset)) {
        if (signal.aborted) return;
        yield { offset, bytes };
        offset += bytes.length;
      }
    }
  }

  #problem(error: unknown): void {
    if (!this.#closed.signal.aborted) (this.#options.onProblem ?? console.error)(error);
  }
}

function readinessOf(nodes: Map<string, Node>, name: string): string | undefined {
  return nodes.get(name)?.status.conditions.find(({ type }) => type === 'Ready')?.status;
}

function isServing(pod: Pod): boolean {
  return pod.status.initContainerStatuses.some(
    ({ name, state }) => name === agentContainer && state.running !== undefined,
  );
}

/** Versions of one object of etcd grow. An object made anew under the same name is another one. */
function isNewer(job: Job, than: Job | undefined): boolean {
  if (!than || job.metadata.uid !== than.metadata.uid) return true;
  return BigInt(job.metadata.resourceVersion) >= BigInt(than.metadata.resourceVersion);
}
