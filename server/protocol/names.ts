import * as z from 'zod';

/** The rule for names of projects, datasets, models, endpoints and pods; titles beside them are free. */
export const namePattern = /^[a-z0-9][a-z0-9-]{0,51}[a-z0-9]$/;

export const Name = z
  .string()
  .regex(
    namePattern,
    'A name is 2 to 53 characters: lower-case letters a–z, digits and hyphens, with a letter or digit first and last.',
  );

/** Reads `digits@v3` or `digits` as a name and, where it stands, a version number. */
export function parseVersionRef(text: string): { name: string; version?: number } | undefined {
  const match = /^([a-z0-9][a-z0-9-]{0,51}[a-z0-9])(?:@v([1-9]\d{0,8}))?$/.exec(text);
  if (!match) return undefined;
  return match[2] === undefined ? { name: match[1]! } : { name: match[1]!, version: Number(match[2]) };
}
