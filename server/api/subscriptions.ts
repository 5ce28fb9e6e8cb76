/** What one subscription sends, from its first message to its end. Each reads its source no faster than its client. */
import type { ControlPlane } from '../engine/services.ts';
import type { ClientMessage, ServerMessage } from '../protocol/events.ts';
import type { ChangeHub, Feed } from './changeHub.ts';
import type { Outbox } from './outbox.ts';

export interface Sources {
  controlPlane: Pick<ControlPlane, 'feed' | 'followLogs' | 'followMetrics' | 'followSeries' | 'followTags'>;
  hub: ChangeHub;
  /** Objects in one `changes` message. */
  pageSize: number;
}

type Subscribe = Extract<ClientMessage, { type: 'subscribe' }>;
export type Subscription = Exclude<ClientMessage, { type: 'unsubscribe' }>;

/** Points in one `metrics` message. */
const pointsInMessage = 5000;

/** Serves a subscription until it is over or `signal` is aborted. */
export async function serve(sources: Sources, out: Outbox, message: Subscription, signal: AbortSignal): Promise<void> {
  switch (message.type) {
    case 'subscribe':
      return serveTopic(sources, out, message, signal);
    case 'logs':
      return serveLogs(sources, out, message, signal);
    case 'metrics':
      return serveMetrics(sources, out, message, signal);
    case 'series':
      return forward(out, message, sources.controlPlane.followSeries(message, signal), signal);
    case 'tags':
      return forward(out, message, sources.controlPlane.followTags(message.run, signal), signal);
  }
}

/** Sends what a source gives, one message at a time as the client has room for it. */
async function forward(
  out: Outbox,
  { type, id }: Extract<Subscription, { type: 'series' | 'tags' }>,
  parts: AsyncIterable<object>,
  signal: AbortSignal,
): Promise<void> {
  for await (const part of parts) {
    await out.send({ type, id, ...part } as ServerMessage, signal);
    // Asked for again only when there is room: until then the source gathers, and then tells where things stand.
    await out.room(signal);
    if (signal.aborted) return;
  }
}

/**
 * Everything that changed after the client's cursor, then what changes. Both come from the feed by the same query: a
 * commit only wakes the reader. So a slow client costs no memory (several changes of an object become its latest), and
 * nothing is lost or doubled between catching up and being live.
 */
async function serveTopic(sources: Sources, out: Outbox, message: Subscribe, signal: AbortSignal): Promise<void> {
  let isBehind = true;
  let wake = () => {};
  const stop = sources.hub.watch(message.topic, message.of, () => {
    isBehind = true;
    wake();
  });
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);
  try {
    let cursor = await firstCursor(sources.controlPlane.feed, out, message, signal);
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      isBehind = false;
      cursor = await catchUp(sources, out, message, { cursor, isFirst }, signal);
      while (!isBehind && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    stop();
  }
}

/** The client's cursor; a cursor from the future is of another database: the client is to begin anew. */
async function firstCursor(
  feed: Feed,
  out: Outbox,
  { id, cursor = 0 }: Subscribe,
  signal: AbortSignal,
): Promise<number> {
  if (cursor <= (await feed.cursor())) return cursor;
  await out.send({ type: 'resync', id }, signal);
  return 0;
}

/**
 * Sends page after page until nothing is newer.
 * @returns the cursor up to which the client knows everything
 */
async function catchUp(
  { controlPlane: { feed }, pageSize }: Sources,
  out: Outbox,
  { id, topic, of }: Subscribe,
  from: { cursor: number; isFirst: boolean },
  signal: AbortSignal,
): Promise<number> {
  let cursor = from.cursor;
  for (let isFirst = from.isFirst; !signal.aborted; isFirst = false) {
    await out.room(signal);
    // Read before the page: what is committed in between is in the page, or comes after this cursor.
    const latest = await feed.cursor();
    const page = await feed.after(topic, cursor, of, pageSize);
    const ready = page.length < pageSize;
    cursor = Math.max(cursor, page.at(-1)?.cursor ?? 0, ready ? latest : 0);
    if (page.length > 0 || isFirst || from.isFirst) {
      const changed = page.filter((entity) => !entity.removed).map((entity) => entity.data);
      const removed = page.filter((entity) => entity.removed).map((entity) => entity.id);
      await out.send({ type: 'changes', id, cursor, ready, changed, removed }, signal);
    }
    if (ready) break;
  }
  return cursor;
}

async function serveLogs(
  { controlPlane }: Sources,
  out: Outbox,
  { id, run, offset }: Extract<ClientMessage, { type: 'logs' }>,
  signal: AbortSignal,
): Promise<void> {
  for await (const part of controlPlane.followLogs(run, offset, signal)) {
    const { next, text, ended } = part;
    await out.send({ type: 'logs', id, offset: part.offset, next, text, ended }, signal);
    if (signal.aborted) return;
  }
}

async function serveMetrics(
  { controlPlane }: Sources,
  out: Outbox,
  { id, run, have }: Extract<ClientMessage, { type: 'metrics' }>,
  signal: AbortSignal,
): Promise<void> {
  for await (const { tag, from, steps, wallTimes, values } of controlPlane.followMetrics(run, have, signal)) {
    for (let start = 0; start < steps.length; start += pointsInMessage) {
      const end = start + pointsInMessage;
      const message: ServerMessage = {
        type: 'metrics',
        id,
        run,
        tag,
        from: from + start,
        steps: steps.slice(start, end),
        wallTimes: wallTimes.slice(start, end),
        values: values.slice(start, end),
      };
      await out.send(message, signal);
      if (signal.aborted) return;
    }
  }
}
