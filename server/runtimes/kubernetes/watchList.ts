/** A live list of objects: list, then watch from there with bookmarks; a break resumes, "gone" lists anew. */

import { setTimeout as delay } from 'node:timers/promises';
import { Watch } from '@kubernetes/client-node';
import * as z from 'zod';
import type { KubernetesClient } from './client.ts';

export type Change<T> =
  /** Everything there is: what is missing from it has been deleted. */
  { type: 'listed'; objects: T[] } | { type: 'changed'; object: T } | { type: 'deleted'; object: T };

export interface ListRequest<T> {
  /** Such as `/apis/batch/v1/namespaces/x/jobs`. */
  path: string;
  labelSelector?: string;
  fieldSelector?: string;
  schema: z.ZodType<T>;
  signal: AbortSignal;
  onChange: (change: Change<T>) => void;
  /** The server does not answer, or answers with an error: what is known is old from now on. */
  onBreak?: (error: unknown) => void;
}

const pageSize = 500;
const firstDelayMs = 500;
const longestDelayMs = 15_000;
/** The server ends a watch after this time; bookmarks (once a minute) have moved the cursor until then. */
const watchSeconds = 290;

const listSchema = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(z.unknown()),
});
const versionSchema = z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string() }) });
const errorSchema = z.looseObject({ code: z.number().optional(), message: z.string().optional() });

class Gone extends Error {}

/** Follows a list until the signal; never throws. */
export async function watchList<T>(client: KubernetesClient, request: ListRequest<T>): Promise<void> {
  let version: string | undefined;
  let failures = 0;
  while (!request.signal.aborted) {
    try {
      version ??= await listAll(client, request);
      version = await watchFrom(client, request, version, (seen) => {
        version = seen;
        failures = 0;
      });
      failures = 0;
    } catch (error) {
      if (request.signal.aborted) return;
      if (error instanceof Gone) {
        version = undefined;
        continue;
      }
      failures++;
      request.onBreak?.(error);
      // A server that has just come back may not know our version yet ("too large resource version"): a list is fresh.
      if (failures > 1) version = undefined;
      // Many control planes must not come back in step.
      const waitMs = Math.min(longestDelayMs, firstDelayMs * 2 ** failures) * (0.5 + Math.random() / 2);
      await delay(waitMs, undefined, { signal: request.signal }).catch(() => {});
    }
  }
}

async function listAll<T>(client: KubernetesClient, request: ListRequest<T>): Promise<string> {
  const objects: T[] = [];
  let next: string | undefined;
  for (;;) {
    const query = { limit: pageSize, continue: next, ...selectors(request) };
    const page = listSchema.parse(await client.request('GET', request.path, { query, signal: request.signal }));
    for (const item of page.items) objects.push(request.schema.parse(item));
    next = page.metadata.continue || undefined;
    if (next) continue;
    request.onChange({ type: 'listed', objects });
    return page.metadata.resourceVersion;
  }
}

/** @returns the version to go on from when the server has ended the watch @throws Gone when that version is too old */
function watchFrom<T>(
  client: KubernetesClient,
  request: ListRequest<T>,
  from: string,
  onVersion: (version: string) => void,
): Promise<string> {
  let version = from;
  const query = {
    ...selectors(request),
    resourceVersion: from,
    allowWatchBookmarks: true,
    timeoutSeconds: watchSeconds,
  };
  return new Promise((resolve, reject) => {
    let connection: AbortController | undefined;
    const stop = () => connection?.abort();
    const finish = (error: unknown) => {
      request.signal.removeEventListener('abort', stop);
      connection?.abort();
      if (!error || (error as Error).name === 'TimeoutError' || request.signal.aborted) resolve(version);
      else if ((error as { statusCode?: number }).statusCode === 410) reject(new Gone());
      else reject(error);
    };
    const take = (type: string, object: unknown) => {
      try {
        if (type === 'ERROR') {
          const { code, message } = errorSchema.parse(object);
          finish(code === 410 ? Object.assign(new Error(message), { statusCode: 410 }) : new Error(message));
          return;
        }
        version = versionSchema.parse(object).metadata.resourceVersion;
        onVersion(version);
        if (type === 'BOOKMARK') return;
        const parsed = request.schema.parse(object);
        request.onChange({ type: type === 'DELETED' ? 'deleted' : 'changed', object: parsed });
      } catch (error) {
        finish(error); // the library would swallow it
      }
    };
    request.signal.addEventListener('abort', stop);
    new Watch(client.config).watch(request.path, query, take, finish).then((started) => {
      connection = started;
      if (request.signal.aborted) stop();
    }, finish);
  });
}

function selectors({ labelSelector, fieldSelector }: { labelSelector?: string; fieldSelector?: string }) {
  return { labelSelector, fieldSelector };
}
