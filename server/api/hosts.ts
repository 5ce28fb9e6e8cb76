/**
 * Which Host and which Origin are ours. A browser page of another site can reach a loopback port (directly, or by
 * rebinding its own name to 127.0.0.1), but it can forge neither header: these two rules keep it out.
 */
import type { IncomingMessage } from 'node:http';
import { SlipwayError } from '../protocol/errors.ts';

/** The hosts under which one listener is reached, as Host headers carry them. */
export interface OwnHosts {
  /** `127.0.0.1:8080`, `localhost:8080`, … */
  listener: ReadonlySet<string>;
  /** Those of `--allow-host`. */
  allowed: ReadonlySet<string>;
}

/**
 * The hosts of a listener bound to `address` and `port`.
 * @param allowHosts names, or names with a port, under which a proxy in front is reached
 */
export function ownHosts(address: string, port: number, allowHosts: readonly string[]): OwnHosts {
  const isIpv6 = address.includes(':');
  const isAny = address === '0.0.0.0' || address === '::';
  const isLoopback = isAny || address === '::1' || address === 'localhost' || /^127\./.test(address);
  const names = new Set<string>(isAny ? [] : [isIpv6 ? `[${address}]` : address]);
  if (isLoopback) names.add('localhost');
  if (isAny) names.add('127.0.0.1');
  if (address === '::') names.add('[::1]');
  const listener = new Set([...names].map((name) => `${name}:${port}`));
  if (port === 80) for (const name of names) listener.add(name);
  const allowed = allowHosts.map((value) => value.trim().toLowerCase()).filter((value) => value !== '');
  return {
    listener,
    allowed: new Set(allowed.flatMap((name) => (hasPort(name) ? [name] : [name, `${name}:${port}`]))),
  };
}

/**
 * The one host that a request names, in lower case; undefined if it names none, several, or one in its target that is
 * not that of its Host header (the absolute form, RFC 9112 § 3.2.2).
 */
export function hostOf(request: IncomingMessage): string | undefined {
  const named: string[] = [];
  const raw = request.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) if (raw[i]!.toLowerCase() === 'host') named.push(raw[i + 1]!);
  if (named.length !== 1) return undefined;
  const host = named[0]!.toLowerCase();
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(request.url ?? '')?.[1];
  return authority === undefined || authority.toLowerCase() === host ? host : undefined;
}

/** The path and the query of a request's target, whatever its form. */
export function targetOf(request: IncomingMessage): { path: string; query: string } {
  const target = (request.url ?? '/').replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  const mark = target.indexOf('?');
  if (mark < 0) return { path: target || '/', query: '' };
  return { path: target.slice(0, mark) || '/', query: target.slice(mark + 1) };
}

/** Whether a Host header is one of the listener's own. */
export function isOwnHost(hosts: OwnHosts, host: string): boolean {
  return hosts.listener.has(host) || hosts.allowed.has(host);
}

/** Whether an Origin header is one of our own pages'. An allowed host is an origin only of requests to itself. */
export function isOwnOrigin(hosts: OwnHosts, origin: string, host: string | undefined): boolean {
  const [, scheme, name] = /^(https?):\/\/([^/?#@\\\s]+)$/.exec(origin) ?? [];
  if (scheme === undefined || name === undefined) return false;
  if (hosts.listener.has(name)) return scheme === 'http';
  return name === host && hosts.allowed.has(name);
}

/** At most this many origins are known; the oldest goes. */
const keptOrigins = 100;

/** The exact external origins under which a forwarder of the editor shows our ports. */
export class ExternalOrigins {
  /** Whether a cookie may be issued, by origin. */
  readonly #origins = new Map<string, boolean>();
  readonly #neverAllowed: () => ReadonlySet<string>;

  /** @param neverAllowed origins that stay foreign whatever is registered: those of foreign applications */
  constructor(neverAllowed: () => ReadonlySet<string>) {
    this.#neverAllowed = neverAllowed;
  }

  /**
   * Allows the origin of a URL that `asExternalUri` gave. With a path, the origin is one that the editor shares among
   * ports (code-server's `/proxy/P/`), or that of a foreign application: no cookie is ever issued there.
   * @throws SlipwayError `origin.invalid`
   */
  register(url: string): void {
    const parsed = new URL(url);
    const isPlain = parsed.username === '' && parsed.password === '' && parsed.hostname !== '';
    if (!/^https?:$/.test(parsed.protocol) || !isPlain) {
      throw new SlipwayError(
        'origin.invalid',
        'That is not an external origin of a web page.',
        'Give what asExternalUri returned: http:// or https://, a host, no user name.',
      );
    }
    if (this.#neverAllowed().has(parsed.origin)) return;
    const mayHoldCookie = parsed.pathname === '/' && parsed.search === '' && this.#origins.get(parsed.origin) !== false;
    this.#origins.delete(parsed.origin);
    this.#origins.set(parsed.origin, mayHoldCookie);
    if (this.#origins.size > keptOrigins) this.#origins.delete(this.#origins.keys().next().value!);
  }

  has(origin: string): boolean {
    return this.#origins.has(origin);
  }

  mayHoldCookie(origin: string): boolean {
    return this.#origins.get(origin) === true;
  }

  hasHost(host: string): boolean {
    return [...this.#origins.keys()].some((origin) => hostOfOrigin(origin) === host);
  }
}

/** `https://a.example:8443` → `a.example:8443`. */
export function hostOfOrigin(origin: string): string {
  return origin.slice(origin.indexOf('://') + 3);
}

function hasPort(name: string): boolean {
  return /:\d+$/.test(name) && !/^[0-9a-f:]+$/.test(name);
}
