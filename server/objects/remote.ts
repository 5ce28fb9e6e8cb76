import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { SlipwayError } from '../protocol/errors.ts';
import { FolderRemote } from './folderRemote.ts';
import type { S3Access } from './s3Access.ts';
import { S3Remote } from './s3Remote.ts';

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

/**
 * Opens the remote that an address names: `s3://bucket/prefix`, `file:///folder`, or a folder's absolute path.
 * @throws SlipwayError `remote.address`, `remote.credentials`, `remote.unreachable`
 */
export async function openRemote(address: string, access: () => S3Access, signal?: AbortSignal): Promise<Remote> {
  const s3 = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*?))?\/*$/.exec(address);
  if (s3) return S3Remote.open({ address, bucket: s3[1]!, prefix: s3[2] ?? '', access }, signal);
  if (address.startsWith('file://')) return FolderRemote.open(address, fileURLToPath(address));
  if (address.startsWith('/')) return FolderRemote.open(address, resolve(address));
  throw new SlipwayError(
    'remote.address',
    `${JSON.stringify(address)} names no remote.`,
    'Use s3://BUCKET/PREFIX, or the absolute path of a folder (a mounted NAS).',
  );
}
