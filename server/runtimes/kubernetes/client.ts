/** Requests to the API server as JSON, with the connection and the credentials of a kubeconfig (or of our own pod). */

import { setTimeout as delay } from 'node:timers/promises';
import { HttpMethod, IsomorphicFetchHttpLibrary, type KubeConfig, RequestContext } from '@kubernetes/client-node';
import * as z from 'zod';
import { SlipwayError } from '../../protocol/errors.ts';

/** What the API server answers instead of an object (meta/v1 Status). */
const statusSchema = z.looseObject({
  message: z.string().default(''),
  reason: z.string().default(''),
  code: z.number().optional(),
  details: z.looseObject({ retryAfterSeconds: z.number().optional() }).optional(),
});

/** An answer other than success. `reason` is Kubernetes' own word: NotFound, AlreadyExists, Conflict, Forbidden… */
export class KubernetesError extends SlipwayError {
  readonly reason: string;
  readonly httpStatus: number;

  constructor(httpStatus: number, reason: string, message: string) {
    super(`kubernetes.${reason ? reason[0]!.toLowerCase() + reason.slice(1) : 'failed'}`, message, hintOf(reason), 502);
    this.reason = reason;
    this.httpStatus = httpStatus;
  }
}

export interface RequestOptions {
  body?: object;
  contentType?: string;
  query?: Record<string, string | number | boolean | undefined>;
  signal?: AbortSignal;
}

const http = new IsomorphicFetchHttpLibrary();
/** A restart of the API server, or of a webhook that it asks, is not the end of a write; a person waits for a read. */
const patienceMs = { write: 120_000, read: 15_000 };
/** The longest a single answer may take. */
const requestMs = 30_000;
const firstDelayMs = 200;
const longestDelayMs = 5000;

/** One API server, as one identity. */
export class KubernetesClient {
  readonly config: KubeConfig;

  constructor(config: KubeConfig) {
    this.config = config;
  }

  /**
   * One request, again with growing pauses where the server, its webhooks or the way to it fail for now. Every write of
   * ours may be sent twice: a POST names its object, a PATCH is guarded or says the same again.
   * @returns the parsed body, for the caller's schema
   * @throws KubernetesError what the server answered; SlipwayError `kubernetes.unreachable`
   */
  async request(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    options: RequestOptions = {},
  ): Promise<unknown> {
    const deadline = Date.now() + patienceMs[method === 'GET' ? 'read' : 'write'];
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#once(method, path, options);
      } catch (error) {
        if (Date.now() > deadline || options.signal?.aborted || !mayPass(error)) throw error;
        const waitMs = Math.min(longestDelayMs, firstDelayMs * 2 ** attempt) * (0.5 + Math.random());
        await delay(waitMs, undefined, { signal: options.signal });
      }
    }
  }

  async #once(method: string, path: string, options: RequestOptions): Promise<unknown> {
    const cluster = this.config.getCurrentCluster();
    if (!cluster) throw new SlipwayError('kubernetes.noCluster', 'The kubeconfig names no current cluster.');
    const url = new URL(cluster.server + path);
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const request = new RequestContext(url.toString(), HttpMethod[method as keyof typeof HttpMethod]);
    request.setHeaderParam('Accept', 'application/json');
    if (options.body) {
      request.setHeaderParam('Content-Type', options.contentType ?? 'application/json');
      request.setBody(JSON.stringify(options.body));
    }
    const limit = AbortSignal.timeout(requestMs);
    request.setSignal(options.signal ? AbortSignal.any([options.signal, limit]) : limit);
    await this.config.applySecurityAuthentication(request);
    let status: number;
    let text: string;
    try {
      const answer = await http.send(request).toPromise();
      status = answer.httpStatusCode;
      text = await answer.body.text();
    } catch (error) {
      throw unreachable(cluster.server, error);
    }
    if (status >= 200 && status < 300) return JSON.parse(text);
    throw errorOf(status, text);
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof KubernetesError && error.reason === 'NotFound';
}

export function isReason(error: unknown, reason: string): boolean {
  return error instanceof KubernetesError && error.reason === reason;
}

function errorOf(status: number, text: string): KubernetesError {
  let parsed: z.infer<typeof statusSchema> | undefined;
  try {
    parsed = statusSchema.safeParse(JSON.parse(text)).data;
  } catch {
    // A proxy on the way answers with a page of its own.
  }
  const message = parsed?.message || `The API server answered ${status}: ${text.slice(0, 300)}`;
  return new KubernetesError(status, parsed?.reason ?? '', message);
}

function unreachable(server: string, cause: unknown): SlipwayError {
  const inner = (cause as { cause?: { message?: string } }).cause?.message ?? (cause as Error).message;
  const hint = 'What runs goes on; it is shown again when the API server answers.';
  return new SlipwayError('kubernetes.unreachable', `${server} cannot be reached: ${inner}`, hint, 503, { cause });
}

/** Whether the same request may succeed a moment later. */
function mayPass(error: unknown): boolean {
  if (error instanceof KubernetesError) {
    const isWebhookAway = /failed calling webhook/.test(error.message);
    // An API server that has just started refuses what it cannot judge yet: its list of roles is still coming in.
    const isAuthorizerEmpty = error.httpStatus === 403 && /RBAC: .*clusterrole.* not found/.test(error.message);
    return isWebhookAway || isAuthorizerEmpty || error.httpStatus === 429 || error.httpStatus >= 500;
  }
  return error instanceof SlipwayError && error.code === 'kubernetes.unreachable';
}

function hintOf(reason: string): string {
  if (reason === 'Forbidden') return 'Ask an administrator for the right, or for more quota: the message names which.';
  if (reason === 'Unauthorized') return 'Log in to the cluster again.';
  return '';
}
