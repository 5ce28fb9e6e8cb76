import type { Readable } from 'node:stream';

/** A stored object. `digest` as DVC names it: 32 hex, or 32 hex and `.dir`; `sha256` is that of the same bytes. */
export interface StoredObject {
  digest: string;
  sha256: string;
  bytes: number;
}

/** What stored bytes turned out to be when they were read again. */
export type ObjectState = 'ok' | 'missing' | 'wrong';

export interface ObjectStore {
  /** Whether the object is there; its bytes are not read. */
  has(digest: string): Promise<boolean>;
  /** The size of an object, null when it is not there. */
  size(digest: string): Promise<number | null>;
  /**
   * Stores bytes under their digest; when the promise resolves they are durable. Storing what is there changes nothing.
   * @param kind `dir` for a manifest, whose digest ends in `.dir`
   */
  put(source: Uint8Array | Readable, kind?: 'file' | 'dir'): Promise<StoredObject>;
  /** As {@link ObjectStore.put}, of a local file. */
  putFile(path: string, kind?: 'file' | 'dir'): Promise<StoredObject>;
  /** @throws SlipwayError `object.missing` */
  open(digest: string): Promise<Readable>;
  /** Where the object lies on this machine, null when it does not. It must not be written to. */
  localPath(digest: string): string | null;
  /** Every object, in no particular order. */
  list(): AsyncIterable<{ digest: string; bytes: number }>;
  /** Removes an object; false when it was not there. */
  delete(digest: string): Promise<boolean>;
  /** Reads every byte of an object and compares. */
  verify(digest: string): Promise<ObjectState>;
}
