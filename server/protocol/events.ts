/**
 * The one WebSocket, `/api/v1/events`. A client subscribes to a topic, optionally from a cursor: it then gets every
 * object of the topic that changed after the cursor, and each further change as it is committed. A cursor that is too
 * old, or a client that reads too slowly, gets `resync`: drop what you have of this subscription, the objects follow.
 */
import * as z from 'zod';
import { Float, topics } from './entities.ts';
import { SeriesMessage, SubscribeSeries, SubscribeTags, TagsMessage } from './metrics.ts';

const subscriptionId = z.string().min(1).max(64);

export const ClientMessage = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('subscribe'),
    id: subscriptionId.describe('Chosen by the client; names the subscription in every answer.'),
    topic: z.enum(Object.keys(topics) as [keyof typeof topics, ...(keyof typeof topics)[]]),
    cursor: z.number().int().nonnegative().optional(),
    /** Only objects whose id, project or parent (a sweep's trials, a dataset's versions) is this. */
    of: z.string().optional(),
  }),
  z.strictObject({
    type: z.literal('logs'),
    id: subscriptionId,
    run: z.string(),
    offset: z.number().int().describe('Byte offset to begin at; negative counts from the end.'),
  }),
  z.strictObject({
    type: z.literal('metrics'),
    id: subscriptionId,
    run: z.string(),
    /** How many points of each tag the client holds already. */
    have: z.record(z.string(), z.number().int().nonnegative()).default({}),
  }),
  SubscribeSeries,
  SubscribeTags,
  z.strictObject({ type: z.literal('unsubscribe'), id: subscriptionId }),
]);
export type ClientMessage = z.infer<typeof ClientMessage>;

export const ServerMessage = z.discriminatedUnion('type', [
  /** Objects that changed, up to and including `cursor`; `ready` is true when the client is up to date. */
  z.object({
    type: z.literal('changes'),
    id: subscriptionId,
    cursor: z.number().int(),
    ready: z.boolean(),
    changed: z.array(z.unknown()),
    removed: z.array(z.string()),
  }),
  z.object({ type: z.literal('resync'), id: subscriptionId }),
  /** Text of a run's log; `next` is the byte offset to resume at; `ended` when no more will come. */
  z.object({
    type: z.literal('logs'),
    id: subscriptionId,
    offset: z.number().int(),
    next: z.number().int(),
    text: z.string(),
    ended: z.boolean(),
  }),
  /** Points in file order, from index `from` of the tag on. */
  z.object({
    type: z.literal('metrics'),
    id: subscriptionId,
    run: z.string(),
    tag: z.string(),
    from: z.number().int(),
    steps: z.array(z.number()),
    wallTimes: z.array(z.number()),
    values: z.array(Float),
  }),
  SeriesMessage,
  TagsMessage,
  z.object({ type: z.literal('error'), id: z.string(), code: z.string(), message: z.string(), hint: z.string() }),
]);
export type ServerMessage = z.infer<typeof ServerMessage>;
