import { parseVersionRef } from '../protocol/names.ts';
import { usageError } from './usage.ts';

/**
 * Reads `digits@v3` or `digits` for a call's path: the version is `latest` where none stands.
 * @throws SlipwayError `usage`
 */
export function versionParams(text: string, command: string): { name: string; version: string } {
  const ref = parseVersionRef(text);
  if (!ref) throw usageError(`${command}: ${text} is not a name or NAME@vN`, 'Write for example digits or digits@v3.');
  return { name: ref.name, version: ref.version === undefined ? 'latest' : `v${ref.version}` };
}

/** As {@link versionParams}, where the version must stand. */
export function versionNumberOf(text: string, command: string): { name: string; version: number } {
  const ref = parseVersionRef(text);
  if (ref?.version !== undefined) return { name: ref.name, version: ref.version };
  throw usageError(`${command}: ${text} is not NAME@vN`, 'Name the version, for example digits@v3.');
}
