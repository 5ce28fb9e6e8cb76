import { join } from 'node:path';
import { SlipwayError } from '../protocol/errors.ts';

/** Whether text is an object's name: 32 lowercase hex, with `.dir` for a manifest. */
export function isDigest(text: string): boolean {
  return /^[0-9a-f]{32}(\.dir)?$/.test(text);
}

/** Where DVC 3 keeps an object under a store's root. @throws SlipwayError `object.digest` */
export function objectPath(root: string, digest: string): string {
  if (!isDigest(digest)) {
    throw new SlipwayError('object.digest', `Not an object's digest: ${JSON.stringify(digest)}.`, 'Use 32 hex digits.');
  }
  return join(root, 'files', 'md5', digest.slice(0, 2), digest.slice(2));
}

/** Where objects are written before they get their name; on the same file system, so that a rename is enough. */
export function temporaryFolder(root: string): string {
  return join(root, 'tmp');
}
