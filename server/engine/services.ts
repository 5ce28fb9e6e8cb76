import type { Readable } from 'node:stream';
import type * as z from 'zod';
import type { Float, Topic } from '../protocol/entities.ts';
import type { SeriesMessage, SubscribeSeries, TagsMessage } from '../protocol/metrics.ts';
import type { Answer, OperationName, operations, Received } from '../protocol/operations.ts';
import type { StoredEntity } from '../store/index.ts';
import type { TrackingClient } from './context.ts';
import type { Tracking } from './tracking/index.ts';

/** What the API does itself: sessions, tickets, origins and the process. */
export type ApiOperation = 'createSession' | 'createTicket' | 'registerOrigin' | 'handOver' | 'getInfo';

type Result<N extends OperationName> = (typeof operations)[N] extends { stream: string } ? Readable : Answer<N>;

/** One function for each operation of the contract that the engine carries out. Errors for people are SlipwayErrors. */
export type Services = {
  [N in Exclude<OperationName, ApiOperation>]: (call: Received<N>) => Promise<Result<N>>;
};

/** Text of a run's log from a byte offset on; `next` resumes. Never cuts a UTF-8 character in two. */
export interface LogPart {
  offset: number;
  next: number;
  text: string;
  ended: boolean;
}

/** Points of one tag in file order, from index `from` on. */
export interface MetricsPart {
  tag: string;
  from: number;
  steps: number[];
  wallTimes: number[];
  values: Float[];
}

/** A running control plane, as the API sees it. */
export interface ControlPlane {
  readonly version: string;
  /** Random, kept in the data folder: names the cookie. */
  readonly instance: string;
  readonly startedAt: number;
  readonly gateway: { url: string; isReady: boolean };
  readonly services: Services;
  /** What changed: the source of the WebSocket. */
  readonly feed: {
    /** The cursor of the latest change. */
    cursor(): Promise<number>;
    /** Objects of a topic that changed after a cursor, in cursor order, removed ones included. */
    after(topic: Topic, cursor: number, of: string | undefined, limit: number): Promise<StoredEntity[]>;
    /** Calls back after each commit with what changed, in cursor order. Returns how to stop. */
    onChange(listener: (changed: StoredEntity[]) => void): () => void;
  };
  followLogs(run: string, offset: number, signal: AbortSignal): AsyncIterable<LogPart>;
  /** First what the client does not have, then what is written, until the run has ended. */
  followMetrics(run: string, have: Record<string, number>, signal: AbortSignal): AsyncIterable<MetricsPart>;
  /** Series of runs as they grow, thinned out for a chart, until all the runs have ended. */
  followSeries(
    wanted: Pick<z.infer<typeof SubscribeSeries>, 'series' | 'buckets' | 'points'>,
    signal: AbortSignal,
  ): AsyncIterable<Omit<SeriesMessage, 'type' | 'id'>>;
  /** Tags of a run, and those that changed, until the run has ended. */
  followTags(run: string, signal: AbortSignal): AsyncIterable<Omit<TagsMessage, 'type' | 'id'>>;
  /** What MLflow clients call. */
  readonly tracking: Tracking;
  /** Tells how programs reach those calls. */
  setTracking(client: TrackingClient): void;
  /** Where a scoped path of the listener for foreign applications leads; undefined when it is not open (any more). */
  foreignTarget(secret: string): { host: string; port: number } | undefined;
  /** Tells where the listener for foreign applications answers, for the URLs of panels. */
  setForeignOrigin(origin: string): void;
  /** Stops taking up work; runs, replicas and the gateway go on. */
  close(): Promise<void>;
}
