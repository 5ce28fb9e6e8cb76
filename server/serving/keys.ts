/**
 * Access by keys: a file names each key by the SHA-256 of its secret, so that who reads it can call nothing. A key
 * that leaves the file is revoked with the next reading; each has a rate of its own.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';

export const keysSchema = z.array(
  z.object({
    id: z.string().min(1),
    /** SHA-256 of the secret, 64 hex digits. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/, '64 lowercase hex digits'),
    /** Requests a second on average; as many may come at once. None: no limit. */
    ratePerSecond: z.number().positive().optional(),
  }),
);
export type Key = z.infer<typeof keysSchema>[number];

interface Bucket {
  tokens: number;
  at: number;
}

export type KeyCheck = 'ok' | 'unknown' | 'tooFast';

/** The keys of one endpoint, with what each has left of its rate. */
export class Keys {
  readonly keys: readonly Key[];
  readonly #digests: Buffer[];
  readonly #buckets: Map<string, Bucket>;

  /** @param before what was left under the keys that stay */
  constructor(keys: readonly Key[], before?: Keys) {
    this.keys = keys;
    this.#digests = keys.map(({ sha256 }) => Buffer.from(sha256, 'hex'));
    this.#buckets = before ? before.#buckets : new Map();
    const ids = new Set(keys.map(({ id }) => id));
    for (const id of this.#buckets.keys()) if (!ids.has(id)) this.#buckets.delete(id);
  }

  /** Whether the bearer of `Authorization: Bearer SECRET` may ask now. Takes equally long for every wrong secret. */
  check(authorization: string | null, nowMs: number): KeyCheck {
    const match = /^Bearer +(\S+) *$/i.exec(authorization ?? '');
    if (match === null) return 'unknown';
    const given = createHash('sha256').update(match[1]!).digest();
    let found: Key | undefined;
    for (const [index, digest] of this.#digests.entries()) {
      if (timingSafeEqual(digest, given)) found = this.keys[index];
    }
    if (found === undefined) return 'unknown';
    return this.#take(found, nowMs) ? 'ok' : 'tooFast';
  }

  /** A token bucket that holds one second's worth, and one request at least. */
  #take({ id, ratePerSecond }: Key, nowMs: number): boolean {
    if (ratePerSecond === undefined) return true;
    const size = Math.max(1, ratePerSecond);
    const before = this.#buckets.get(id) ?? { tokens: size, at: nowMs };
    const tokens = Math.min(size, before.tokens + ((nowMs - before.at) / 1000) * ratePerSecond);
    const isAllowed = tokens >= 1;
    this.#buckets.set(id, { tokens: isAllowed ? tokens - 1 : tokens, at: nowMs });
    return isAllowed;
  }
}
