/**
 * A client's request head as a replica gets it: without the fields that concern the client's connection or that only
 * the gateway may set, read in one pass over the raw fields.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface RequestHead {
  method: string;
  /** The request target with the endpoint's prefix removed. */
  target: string;
  requestId: string;
  /** Header lines to pass on, each with CRLF. */
  lines: string;
  /** Null without a Content-Length. */
  contentLength: number | null;
  isChunked: boolean;
  authorization: string | null;
  forwardedFor: string | null;
  cookie: string | null;
  hosts: number;
  upgrade: string | null;
}

/** Reads what a request asks of which endpoint. Null: its target is not under `/endpoints/NAME`. */
export function endpointOf(url: string): { name: string; target: string } | null {
  // The absolute form (RFC 9112, 3.2.2) names the gateway itself in front of the path.
  const path = url.startsWith('http://') ? url.slice(Math.max(url.indexOf('/', 7), 0)) : url;
  if (!path.startsWith('/endpoints/')) return null;
  const match = /[/?#]/.exec(path.slice(11));
  const end = match === null ? path.length : 11 + match.index;
  const rest = path.slice(end);
  return { name: path.slice(11, end), target: rest.startsWith('/') ? rest : `/${rest}` };
}

/** Reads the head of a request whose target, without the endpoint's prefix, is `target`. */
export function readRequestHead(request: IncomingMessage, target: string): RequestHead {
  const head: RequestHead = {
    method: request.method ?? 'GET',
    target,
    requestId: '',
    lines: '',
    contentLength: null,
    isChunked: false,
    authorization: null,
    forwardedFor: null,
    cookie: null,
    hosts: 0,
    upgrade: null,
  };
  const raw = request.rawHeaders;
  const nominated: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    if (raw[index]!.length === 10 && raw[index]!.toLowerCase() === 'connection') {
      for (const option of raw[index + 1]!.toLowerCase().split(',')) {
        const token = option.trim();
        if (token !== 'host') nominated.push(token);
      }
    }
  }
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!;
    const value = raw[index + 1]!;
    // What a client nominates ends here, but it cannot hide from the gateway how long its body is or who it is.
    if (!isPassedOn(head, name, value) || nominated.includes(name.toLowerCase())) continue;
    head.lines += `${name}: ${value}\r\n`;
  }
  if (head.requestId === '') head.requestId = randomUUID();
  return head;
}

/** The value of a cookie in a Cookie header. */
export function cookieValue(cookies: string | null, name: string): string | null {
  for (const cookie of cookies?.split(';') ?? []) {
    const [key, ...value] = cookie.split('=');
    if (key!.trim() === name) return value.join('=').trim();
  }
  return null;
}

const SANE_REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** Takes note of a field the gateway needs; false if the replica does not get it. */
function isPassedOn(head: RequestHead, name: string, value: string): boolean {
  const first = name.charCodeAt(0) | 32;
  // A WSGI server reads X_Slipway_… as X-Slipway-…: both are the gateway's own.
  if (first === 120) {
    const lower = name.toLowerCase().replaceAll('_', '-');
    if (lower === 'x-forwarded-for') {
      head.forwardedFor = head.forwardedFor === null ? value : `${head.forwardedFor}, ${value}`;
      return false;
    }
    if (lower === 'x-request-id') {
      if (head.requestId === '' && SANE_REQUEST_ID.test(value)) head.requestId = value;
      return false;
    }
    return lower !== 'x-forwarded-prefix' && !lower.startsWith('x-slipway-');
  }
  switch (name.toLowerCase()) {
    case 'connection':
    case 'keep-alive':
    case 'proxy-connection':
    case 'te':
    case 'trailer':
    case 'expect':
      return false;
    case 'upgrade':
      head.upgrade = value.toLowerCase();
      return false;
    case 'content-length':
      head.contentLength = Number(value);
      return false;
    case 'transfer-encoding':
      head.isChunked = true;
      return false;
    case 'authorization':
      head.authorization = value;
      return false;
    case 'cookie':
      head.cookie = value;
      return true;
    case 'host':
      head.hosts++;
      return true;
    default:
      return true;
  }
}
