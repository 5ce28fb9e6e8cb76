/** What every request has to pass: Host, Origin, credential, and where a cookie may be used from. */
import type { IncomingMessage } from 'node:http';
import { SlipwayError } from '../protocol/errors.ts';
import type { Credentials, Principal, Session } from './auth.ts';
import { type ExternalOrigins, hostOf, hostOfOrigin, isOwnHost, isOwnOrigin, type OwnHosts } from './hosts.ts';

export interface Gate {
  hosts: OwnHosts;
  external: ExternalOrigins;
  credentials: Credentials;
}

/** Where a request comes from. */
export interface Source {
  host: string;
  origin: string | undefined;
  /** Neither host nor origin needs the registration of an external origin. */
  isOwn: boolean;
}

/**
 * Checks Host and Origin.
 * @throws SlipwayError 421 `auth.host`, 403 `auth.origin`
 */
export function checkSource(gate: Gate, request: IncomingMessage): Source {
  const host = hostOf(request);
  const hasOwnHost = host !== undefined && isOwnHost(gate.hosts, host);
  if (host === undefined || !(hasOwnHost || gate.external.hasHost(host))) throw foreignHost();
  const origin = request.headers.origin;
  const hasOwnOrigin = origin === undefined || isOwnOrigin(gate.hosts, origin, host);
  if (!hasOwnOrigin && !gate.external.has(origin)) throw foreignOrigin();
  return { host, origin, isOwn: hasOwnHost && hasOwnOrigin };
}

/**
 * Who calls, from where a caller of that kind may call.
 * @param isUnsafe the request changes something or opens a WebSocket
 * @throws SlipwayError 401 `auth.required`, `auth.token`; 403 `auth.origin`; 421 `auth.host`
 */
export function authenticate(gate: Gate, request: IncomingMessage, source: Source, isUnsafe: boolean): Principal {
  const { authorization, cookie } = request.headers;
  if (authorization !== undefined) {
    if (gate.credentials.isToken(authorization)) return { kind: 'token' };
    throw new SlipwayError('auth.token', 'The token is not that of this control plane.', tokenHint, 401);
  }
  const session = cookie === undefined ? undefined : gate.credentials.session(cookie);
  if (!session) throw new SlipwayError('auth.required', 'This call needs a token or a session.', tokenHint, 401);
  checkSessionSource(gate, request, source, session, isUnsafe);
  return session;
}

const tokenHint =
  'Send `Authorization: Bearer` with the token of the data folder, or open the pages by `slipway open`.';

/**
 * Ports of one host are one site to a browser: it sends a Strict cookie also for what a page on another port asks.
 * What tells our pages apart is the Origin, or the browser's own word for it (Sec-Fetch-Site, W3C Fetch Metadata).
 */
function checkSessionSource(gate: Gate, request: IncomingMessage, source: Source, session: Session, isUnsafe: boolean) {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && (site !== 'none' || isUnsafe)) throw foreignOrigin();
  if (isUnsafe && source.origin === undefined && site !== 'same-origin') throw foreignOrigin();
  const { host, origin } = source;
  if (session.origin === undefined) {
    if (!isOwnHost(gate.hosts, host)) throw foreignHost();
    if (origin !== undefined && !isOwnOrigin(gate.hosts, origin, host)) throw foreignOrigin();
    return;
  }
  if (origin !== undefined && origin !== session.origin) throw foreignOrigin();
  // A forwarder keeps the external name, or puts ours.
  if (!isOwnHost(gate.hosts, host) && host !== hostOfOrigin(session.origin)) throw foreignHost();
}

/** The origin that a session begun by this request is bound to. @throws SlipwayError 403 where no cookie may be */
export function sessionOrigin(gate: Gate, request: IncomingMessage, source: Source): string | undefined {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') throw foreignOrigin();
  if (source.isOwn) return undefined;
  const origin = source.origin;
  if (origin === undefined || isOwnOrigin(gate.hosts, origin, source.host)) throw foreignHost();
  if (!gate.external.mayHoldCookie(origin)) throw foreignOrigin();
  return origin;
}

export function foreignOrigin(): SlipwayError {
  return new SlipwayError(
    'auth.origin',
    'The request comes from a page that is not one of ours.',
    'Open the pages by `slipway open`; programs send no Origin.',
    403,
  );
}

export function foreignHost(): SlipwayError {
  return new SlipwayError(
    'auth.host',
    'The request names a host that is not one of this control plane.',
    'Use the address in server.json, or start `slipway serve` with --allow-host.',
    421,
  );
}
