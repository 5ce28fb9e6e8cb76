/** Checks of what callers write, shared by the parts. */
import { isAbsolute } from 'node:path';
import { SlipwayError } from '../../protocol/errors.ts';

/** `v3`, `3` or `latest`. */
export function versionNumber(text: string): number | undefined {
  if (text === 'latest') return undefined;
  const match = /^v?([1-9]\d{0,8})$/.exec(text);
  if (!match)
    throw new SlipwayError('request.badVersion', `${JSON.stringify(text)} is not a version.`, 'Write v3, or latest.');
  return Number(match[1]);
}

/** @throws SlipwayError `request.relativePath` */
export function requireAbsolute(path: string): void {
  if (isAbsolute(path)) return;
  throw new SlipwayError('request.relativePath', `${path} is not an absolute path.`, 'Give the whole path.');
}
