// What the control plane shows, live: one collection for each topic (and for the trials of each sweep that is looked
// at), fed by the one WebSocket. The views read it; commands wait for it. May use client/ only.
import { type EntityOf, type Topic, topics } from '../../server/protocol/entities.ts';
import type { Connection, Log } from '../client/connection.ts';
import { LiveCollection } from './collection.ts';

export type Collections = <T extends Topic>(topic: T, of?: string) => ReadonlyMap<string, EntityOf<T>>;

export class LiveModel {
  private readonly connection: Connection;
  private readonly log: Log;
  private readonly collections = new Map<string, LiveCollection<{ id: string }>>();
  private readonly listeners = new Set<(topic: Topic) => void>();
  private readonly subscriptions: (() => void)[] = [];

  constructor(connection: Connection, log: Log) {
    this.connection = connection;
    this.log = log;
  }

  /** The objects of a topic by id, of one parent if named; the first look subscribes. */
  readonly items: Collections = (topic, of) => this.collection(topic, of).items;

  isReady(topic: Topic): boolean {
    return this.collection(topic).ready;
  }

  /** The objects of a topic once they are complete. */
  async loaded<T extends Topic>(topic: T, of?: string): Promise<EntityOf<T>[]> {
    const collection = this.collection(topic, of);
    await collection.whenReady();
    return [...collection.items.values()];
  }

  listen(listener: (topic: Topic) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  dispose(): void {
    for (const end of this.subscriptions) end();
    this.listeners.clear();
  }

  private collection<T extends Topic>(topic: T, of?: string): LiveCollection<EntityOf<T>> {
    const id = of === undefined ? topic : `${topic}:${of}`;
    const existing = this.collections.get(id);
    if (existing) return existing as LiveCollection<EntityOf<T>>;
    const collection = new LiveCollection<EntityOf<T>>((value) => {
      const parsed = topics[topic].safeParse(value);
      if (!parsed.success) this.log.warn(`An object of ${topic} is not understood: ${parsed.error.message}`);
      return parsed.data as EntityOf<T> | undefined;
    });
    this.collections.set(id, collection as unknown as LiveCollection<{ id: string }>);
    const end = this.connection.subscribe({ type: 'subscribe', id, topic, ...(of ? { of } : {}) }, (message) => {
      if (message.type === 'error') this.log.warn(`${topic}: ${message.message} ${message.hint}`);
      if (collection.apply(message)) for (const listener of this.listeners) listener(topic);
    });
    this.subscriptions.push(end);
    return collection;
  }
}
