/** Carries a call out: those of sessions, origins and the process here, all others by the engine's services. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ApiOperation, ControlPlane } from '../engine/services.ts';
import { protocolRange } from '../protocol/discovery.ts';
import { SlipwayError } from '../protocol/errors.ts';
import type { Answer, OperationName, Received } from '../protocol/operations.ts';
import { apiHeaders, sendJson } from './answers.ts';
import type { Principal } from './auth.ts';
import { type Gate, type Source, sessionOrigin } from './gate.ts';
import { pagePath } from './pages.ts';
import type { Route } from './router.ts';

export interface CallContext {
  controlPlane: ControlPlane;
  gate: Gate;
  /** Our own address, as tickets' URLs begin. */
  url: string;
  onHandOver: () => void;
}

/** One call that has passed every check. */
export interface Caller {
  request: IncomingMessage;
  response: ServerResponse;
  source: Source;
  /** Undefined only for what everybody may call. */
  principal: Principal | undefined;
}

/** A parsed call of some operation. */
export type AnyCall = { params: Record<string, string>; query: unknown; body: unknown };

type OwnCalls = { [N in ApiOperation]: (context: CallContext, caller: Caller, call: Received<N>) => Answer<N> };

const ownCalls: OwnCalls = {
  getInfo: ({ controlPlane }) => ({
    version: controlPlane.version,
    instance: controlPlane.instance,
    protocol: protocolRange,
    startedAt: controlPlane.startedAt,
    gateway: { url: controlPlane.gateway.url, ready: controlPlane.gateway.isReady },
    mode: 'embedded',
  }),
  createSession: ({ gate }, { request, response, source }, { body }) => {
    const origin = sessionOrigin(gate, request, source);
    const cookie = gate.credentials.redeemTicket(body.ticket, origin);
    if (cookie === undefined) {
      throw new SlipwayError(
        'auth.ticket',
        'The ticket is unknown, used or older than five minutes.',
        'Open the pages by `slipway open`.',
        401,
      );
    }
    const isSecure = origin?.startsWith('https:') ?? false;
    response.setHeader('Set-Cookie', gate.credentials.setCookie(cookie, isSecure));
    return {};
  },
  createTicket: (context, _, { body }) => ticketUrl(context, body.page),
  registerOrigin: ({ gate }, { principal }, { body }) => {
    requireToken(principal);
    gate.external.register(body.origin);
    return {};
  },
  handOver: ({ onHandOver }, { principal, response }, { body }) => {
    requireToken(principal);
    if (body.pid !== undefined && body.pid !== process.pid) {
      throw new SlipwayError(
        'handover.another',
        `The control plane ${body.pid} is gone; this one, ${process.pid}, came in its place.`,
        'Ask it for its version first.',
        409,
      );
    }
    response.once('finish', onHandOver);
    return {};
  },
};

/** A fresh URL of a page, with a single-use ticket in its fragment. @throws SlipwayError for what is no page */
export function ticketUrl(
  { gate, url }: Pick<CallContext, 'gate' | 'url'>,
  page = '',
): { url: string; expiresAt: number } {
  const path = pagePath(page);
  const { ticket, expiresAt } = gate.credentials.issueTicket();
  return { url: `${url}${path}#ticket=${ticket}`, expiresAt };
}

/** Carries a call out and answers it. */
export async function answerCall(context: CallContext, caller: Caller, route: Route, call: AnyCall): Promise<void> {
  const { name, spec } = route;
  const result: unknown = Object.hasOwn(ownCalls, name)
    ? ownCalls[name as ApiOperation](context, caller, call as never)
    : await (context.controlPlane.services[name as never] as (call: AnyCall) => Promise<unknown>)(call);
  if (!spec.stream) sendJson(caller.response, spec.status ?? 200, result);
  else await sendStream(caller.response, spec.stream, dispositionOf(name, call), result as Readable);
}

/** A session that some page got hold of must not widen its own reach. */
function requireToken(principal: Principal | undefined): void {
  if (principal?.kind === 'token') return;
  throw new SlipwayError(
    'auth.tokenOnly',
    'Only the holder of the token may call this.',
    'Send `Authorization: Bearer`.',
    403,
  );
}

/** A browser saves what somebody's dataset holds; it never shows it as a page of ours. */
function dispositionOf(name: OperationName, call: AnyCall): string {
  const path = name === 'readDatasetFile' ? (call.query as { path: string }).path : `${name}.jsonl`;
  const base = path.slice(path.lastIndexOf('/') + 1);
  // RFC 8187: what encodeURIComponent leaves and an ext-value must not have.
  const encoded = encodeURIComponent(base.toWellFormed()).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename*=UTF-8''${encoded}`;
}

async function sendStream(
  response: ServerResponse,
  mediaType: string,
  disposition: string,
  body: Readable,
): Promise<void> {
  await firstBytes(body);
  const headers: OutgoingHttpHeaders = { ...apiHeaders, 'Content-Type': mediaType, 'Content-Disposition': disposition };
  response.writeHead(200, headers);
  await pipeline(body, response);
}

/** Fulfilled when a stream has something to read or has ended; an error before that can still be answered as one. */
function firstBytes(body: Readable): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = finished(body, { writable: false }, (error) => (error ? reject(error) : resolve()));
  body.once('readable', resolve);
  return promise.finally(() => {
    stop();
    body.off('readable', resolve);
  });
}
