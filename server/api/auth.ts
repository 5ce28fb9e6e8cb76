/**
 * Who calls: the holder of the token (programs) or of a session cookie (our own pages in a browser). Secrets are kept
 * and compared as SHA-256 digests, so that neither a look-up nor a comparison tells by its time how close a guess was.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Who a request comes from, once it has shown a valid credential. */
export type Principal = { kind: 'token' } | Session;

export interface Session {
  kind: 'session';
  /** The external origin at which the ticket was exchanged; undefined at our own. The session counts there only. */
  origin: string | undefined;
  expiresAt: number;
}

export interface Ticket {
  ticket: string;
  expiresAt: number;
}

const ticketMs = 5 * 60 * 1000;
const sessionMs = 12 * 60 * 60 * 1000;
const keptTickets = 1000;
const keptSessions = 1000;
/** A page of another port may add cookies of our name; more than these are not looked at. */
const cookiesLookedAt = 20;

export class Credentials {
  readonly cookieName: string;
  readonly #tokenDigest: Buffer;
  readonly #now: () => number;
  readonly #tickets = new Map<string, { expiresAt: number }>();
  readonly #sessions = new Map<string, Session>();

  /** @param instance names the cookie, since cookies of one host are shared by all its ports */
  constructor(token: string, instance: string, now: () => number = Date.now) {
    if (token === '') throw new Error('An empty token would let everybody in.');
    this.#tokenDigest = sha256(token);
    this.cookieName = `slipway-${instance}`;
    this.#now = now;
  }

  /** Whether an Authorization header carries the token. */
  isToken(authorization: string): boolean {
    const candidate = /^bearer +(\S+) *$/i.exec(authorization)?.[1];
    return candidate !== undefined && timingSafeEqual(sha256(candidate), this.#tokenDigest);
  }

  /** A token that counts for one run and the MLflow API only; it follows from ours, so that it outlives a restart. */
  runToken(run: string): string {
    return `run.${run}.${this.#macOf(run)}`;
  }

  /** The run of an Authorization header with a token of {@link runToken}. */
  runOf(authorization: string): string | undefined {
    const [, run, mac] = /^bearer +run\.([a-z0-9-]{1,64})\.([0-9a-f]{64}) *$/i.exec(authorization) ?? [];
    if (run === undefined || mac === undefined) return undefined;
    return timingSafeEqual(sha256(mac), sha256(this.#macOf(run))) ? run : undefined;
  }

  #macOf(run: string): string {
    return createHmac('sha256', this.#tokenDigest).update(`mlflow/${run}`).digest('hex');
  }

  /** A ticket of 256 bits for one exchange within five minutes. */
  issueTicket(): Ticket {
    const expiresAt = this.#now() + ticketMs;
    return { ticket: keep(this.#tickets, { expiresAt }, keptTickets, this.#now()), expiresAt };
  }

  /**
   * Exchanges a ticket for a session. A ticket that was shown once is gone, whatever follows.
   * @returns the cookie's value; undefined for a ticket that is unknown, used or expired
   */
  redeemTicket(ticket: string, origin: string | undefined): string | undefined {
    const key = sha256(ticket).toString('hex');
    const found = this.#tickets.get(key);
    this.#tickets.delete(key);
    if (!found || found.expiresAt <= this.#now()) return undefined;
    const session: Session = { kind: 'session', origin, expiresAt: this.#now() + sessionMs };
    return keep(this.#sessions, session, keptSessions, this.#now());
  }

  /** The session of a Cookie header. */
  session(cookies: string): Session | undefined {
    for (const value of cookieValues(cookies, this.cookieName).slice(0, cookiesLookedAt)) {
      const found = this.#sessions.get(sha256(value).toString('hex'));
      if (found && found.expiresAt > this.#now()) return found;
    }
    return undefined;
  }

  /** Whether a WebSocket may stay open. */
  isValid(principal: Principal): boolean {
    return principal.kind === 'token' || principal.expiresAt > this.#now();
  }

  /** The Set-Cookie header of a session. */
  setCookie(value: string, isSecure: boolean): string {
    const secure = isSecure ? '; Secure' : '';
    const maxAge = sessionMs / 1000;
    return `${this.cookieName}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAge}${secure}`;
  }
}

/** Every value that a Cookie header has under a name. */
function cookieValues(cookies: string, name: string): string[] {
  return cookies
    .split(';')
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie.startsWith(`${name}=`))
    .map((cookie) => cookie.slice(name.length + 1));
}

/** Keeps something under the digest of a fresh secret; expired entries go, then the oldest beyond the limit. */
function keep<T extends { expiresAt: number }>(map: Map<string, T>, value: T, limit: number, now: number): string {
  for (const [key, { expiresAt }] of map) if (expiresAt <= now) map.delete(key);
  while (map.size >= limit) map.delete(map.keys().next().value!);
  const secret = randomBytes(32).toString('base64url');
  map.set(sha256(secret).toString('hex'), value);
  return secret;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
