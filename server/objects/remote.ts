import type { Readable } from 'node:stream';

/** Objects somewhere else, in the same layout as here, so that `dvc pull` reads what is pushed and the other way round. */
export interface Remote {
  /** As a person writes it; holds no secret. */
  readonly address: string;
  /** Which of these objects are there. */
  present(digests: readonly string[], signal?: AbortSignal): Promise<Set<string>>;
  /**
   * Stores a local object; the remote, or the reading, checks the bytes against the digest. What is there stays.
   * @throws SlipwayError `object.damaged` when the local bytes are others; `remote.…`
   */
  upload(digest: string, path: string, bytes: number, signal?: AbortSignal): Promise<void>;
  /** @throws SlipwayError `object.missing`; `remote.…` */
  download(digest: string, signal?: AbortSignal): Promise<Readable>;
  /** Small documents beside the objects, by name. */
  writeNote(name: string, text: string, signal?: AbortSignal): Promise<void>;
  /** Null when there is none. */
  readNote(name: string, signal?: AbortSignal): Promise<string | null>;
  /** The names of the documents that begin with a prefix. */
  listNotes(prefix: string, signal?: AbortSignal): Promise<string[]>;
  /** Runs work again after a fault that passes; a stream that breaks is begun anew. */
  retrying<T>(what: string, work: () => Promise<T>, signal?: AbortSignal, patienceMs?: number): Promise<T>;
  close(): void;
}
