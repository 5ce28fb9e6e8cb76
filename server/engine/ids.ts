import { createHash, randomBytes } from 'node:crypto';

/** Crockford's alphabet: no letter that can be mistaken for a digit (https://www.crockford.com/base32.html). */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * A new id: a letter for the kind, then 9 characters of time and 10 of chance (50 bits), so that ids sort by age. The same
 * `requestId` gives the same id: a request sent twice makes one thing.
 */
export function newId(prefix: string, now: number, requestId?: string): string {
  const source =
    requestId === undefined ? randomBytes(10) : createHash('sha256').update(`${prefix}/${requestId}`).digest();
  const chance = [...source.subarray(0, 10)].map((byte) => alphabet[byte & 31]).join('');
  if (requestId !== undefined)
    return `${prefix}${chance}${[...source.subarray(10, 18)].map((b) => alphabet[b & 31]).join('')}`;
  let time = '';
  for (let rest = now, i = 0; i < 9; i++, rest = Math.floor(rest / 32)) time = alphabet[rest % 32] + time;
  return `${prefix}${time}${chance}`;
}

/** An id that follows from what a thing is made of: the same parts, the same thing. */
export function idOf(prefix: string, parts: unknown): string {
  return `${prefix}${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 20)}`;
}
