import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SlipwayError } from '../protocol/errors.ts';
import { FolderRemote } from './folderRemote.ts';
import type { Remote } from './remote.ts';
import type { S3Access } from './s3Access.ts';

/**
 * Opens the remote that an address names: `s3://bucket/prefix`, `file:///folder`, or a folder's absolute path.
 * @throws SlipwayError `remote.address`, `remote.credentials`, `remote.unreachable`
 */
export async function openRemote(address: string, access: () => S3Access, signal?: AbortSignal): Promise<Remote> {
  const s3 = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*?))?\/*$/.exec(address);
  if (s3) {
    // Loaded when it is needed: the threads that add data, and most control planes, have no use for an S3 client.
    const { S3Remote } = await import('./s3Remote.ts');
    return S3Remote.open({ address, bucket: s3[1]!, prefix: s3[2] ?? '', access }, signal);
  }
  if (address.startsWith('file://')) return FolderRemote.open(address, fileURLToPath(address));
  if (address.startsWith('/')) return FolderRemote.open(address, resolve(address));
  throw new SlipwayError(
    'remote.address',
    `${JSON.stringify(address)} names no remote.`,
    'Use s3://BUCKET/PREFIX, or the absolute path of a folder (a mounted NAS).',
  );
}
