/**
 * An incremental parser of HTTP/1.1 responses (RFC 9112). The gateway reads its replicas with it: it keeps
 * connections open, tells exactly whether an answer has begun, and hands body bytes on without copying them.
 */
import { SlipwayError } from '../protocol/errors.ts';

export interface ResponseHead {
  status: number;
  reason: string;
  /** Name and value alternately, as they came, without the hop-by-hop fields (RFC 9110, 7.6.1). */
  fields: string[];
  /** Bytes of the body to come; null where only its end will tell. */
  bodyBytes: number | null;
  /** Whether the replica wants the connection closed after this answer. */
  closes: boolean;
}

export interface ResponseEvents {
  onHead(head: ResponseHead): void;
  onData(chunk: Buffer): void;
  /** The answer is complete; the parser waits for the next one. */
  onEnd(): void;
}

const MAX_HEAD_BYTES = 64 * 1024;
const MAX_CHUNK_LINE_BYTES = 1024;
const HEAD_END = Buffer.from('\r\n\r\n');
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

type Part =
  | 'idle'
  | 'head'
  | 'length'
  | 'chunkSize'
  | 'chunkData'
  | 'chunkEnd'
  | 'trailers'
  | 'untilClose'
  | 'upgraded';

/** Parses one connection's answers, one after the other. Bytes that break the protocol throw `gateway.badAnswer`. */
export class ResponseParser {
  #part: Part = 'idle';
  /** Bytes of a head or of a chunk's size line that are not complete yet. */
  #pending: Buffer | null = null;
  /** Body or chunk bytes still to come. */
  #remaining = 0;
  #method = 'GET';
  readonly #events: ResponseEvents;

  constructor(events: ResponseEvents) {
    this.#events = events;
  }

  /** The next answer is one to this method (an answer to HEAD has no body). */
  expect(method: string): void {
    this.#method = method;
    this.#part = 'head';
    this.#pending = null;
  }

  push(input: Buffer): void {
    let bytes = input;
    if (this.#pending !== null) {
      bytes = Buffer.concat([this.#pending, input]);
      this.#pending = null;
    }
    let at = 0;
    while (at < bytes.length) {
      const next = this.#step(bytes, at);
      if (next < 0) {
        this.#pending = at === 0 ? bytes : bytes.subarray(at);
        return;
      }
      at = next;
    }
  }

  /** The connection has ended: completes an answer that ends with it; true if nothing is missing. */
  finish(): boolean {
    if (this.#part !== 'untilClose') return false;
    this.#end();
    return true;
  }

  /** Consumes one element at `at` and returns where the next begins, or -1 if it is not complete yet. */
  #step(bytes: Buffer, at: number): number {
    switch (this.#part) {
      case 'idle':
        throw badAnswer('bytes follow that no request asked for');
      case 'head':
        return this.#readHead(bytes, at);
      case 'length':
      case 'chunkData': {
        const until = Math.min(bytes.length, at + this.#remaining);
        this.#remaining -= until - at;
        const isLast = this.#remaining === 0;
        const chunk = at === 0 && until === bytes.length ? bytes : bytes.subarray(at, until);
        if (isLast && this.#part === 'chunkData') this.#part = 'chunkEnd';
        this.#events.onData(chunk);
        if (isLast && this.#part === 'length') this.#end();
        return until;
      }
      case 'chunkSize': {
        const end = lineEnd(bytes, at);
        if (end < 0) return -1;
        const size = /^([0-9a-f]{1,12})[ \t]*(;.*)?$/i.exec(bytes.toString('latin1', at, end))?.[1];
        if (size === undefined) throw badAnswer('a chunk size is not a hexadecimal number');
        this.#remaining = Number.parseInt(size, 16);
        this.#part = this.#remaining === 0 ? 'trailers' : 'chunkData';
        return end + 2;
      }
      case 'chunkEnd':
        if (bytes.length - at < 2) return -1;
        if (bytes[at] !== 13 || bytes[at + 1] !== 10) throw badAnswer('a chunk is longer than its size');
        this.#part = 'chunkSize';
        return at + 2;
      case 'trailers': {
        const end = lineEnd(bytes, at);
        if (end < 0) return -1;
        if (end === at) this.#end();
        return end + 2;
      }
      case 'untilClose':
      case 'upgraded':
        this.#events.onData(at === 0 ? bytes : bytes.subarray(at));
        return bytes.length;
    }
  }

  #readHead(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(HEAD_END, at);
    if (end < 0) {
      if (bytes.length - at > MAX_HEAD_BYTES) throw badAnswer(`its head is above ${MAX_HEAD_BYTES} bytes`);
      return -1;
    }
    const { head, length, isChunked } = parseHead(bytes.toString('latin1', at, end));
    const { status } = head;
    if (status === 101) {
      this.#part = 'upgraded';
      this.#events.onHead(head);
      return end + 4;
    }
    if (status < 200) return end + 4;
    const isBodiless = this.#method === 'HEAD' || status === 204 || status === 304;
    head.bodyBytes = isBodiless ? 0 : length;
    if (head.bodyBytes === 0) {
      this.#events.onHead(head);
      this.#end();
    } else if (isChunked) {
      this.#part = 'chunkSize';
      this.#events.onHead(head);
    } else if (length !== null) {
      this.#part = 'length';
      this.#remaining = length;
      this.#events.onHead(head);
    } else {
      head.closes = true;
      this.#part = 'untilClose';
      this.#events.onHead(head);
    }
    return end + 4;
  }

  #end(): void {
    this.#part = 'idle';
    this.#events.onEnd();
  }
}

function lineEnd(bytes: Buffer, at: number): number {
  const end = bytes.indexOf('\r\n', at, 'latin1');
  if (end < 0 && bytes.length - at > MAX_CHUNK_LINE_BYTES) throw badAnswer('a line of its chunked body is too long');
  return end;
}

function parseHead(text: string): { head: ResponseHead; length: number | null; isChunked: boolean } {
  const lineLength = text.indexOf('\r\n');
  const statusLine = lineLength < 0 ? text : text.slice(0, lineLength);
  const status = Number(statusLine.slice(9, 12));
  if (!/^HTTP\/1\.[01] [1-9][0-9][0-9]( |$)/.test(statusLine)) throw badAnswer('its status line is malformed');
  const fields: string[] = [];
  let length: number | null = null;
  let isChunked = false;
  let closes = statusLine.charCodeAt(7) === 48;
  const nominated: string[] = [];
  let at = lineLength < 0 ? text.length : lineLength + 2;
  while (at < text.length) {
    let end = text.indexOf('\r\n', at);
    if (end < 0) end = text.length;
    const colon = text.indexOf(':', at);
    if (colon < 0 || colon > end) throw badAnswer('a header line has no colon');
    const name = text.slice(at, colon);
    const value = text.slice(colon + 1, end).trim();
    at = end + 2;
    if (!TOKEN.test(name)) throw badAnswer('a header name is malformed');
    switch (hopByHopName(name)) {
      case '':
        fields.push(name, value);
        break;
      case 'content-length':
        if (!/^[0-9]{1,15}$/.test(value) || (length !== null && length !== Number(value))) {
          throw badAnswer('its Content-Length is malformed or differs');
        }
        length = Number(value);
        fields.push(name, value);
        break;
      case 'transfer-encoding':
        if (value.toLowerCase() !== 'chunked' || isChunked) throw badAnswer(`Transfer-Encoding ${value} is not known`);
        isChunked = true;
        break;
      case 'connection':
        for (const option of value.toLowerCase().split(',')) {
          const token = option.trim();
          if (token === 'close') closes = true;
          else if (token === 'keep-alive') closes = false;
          else if (token !== 'upgrade') nominated.push(token);
        }
    }
  }
  // RFC 9112, 6.3: with both, the transfer coding counts and the connection is not to be trusted afterwards.
  if (isChunked && length !== null) {
    length = null;
    closes = true;
    removeFields(fields, ['content-length']);
  }
  if (nominated.length > 0) removeFields(fields, nominated);
  return { head: { status, reason: statusLine.slice(13), fields, bodyBytes: null, closes }, length, isChunked };
}

/** The lower-case name of a field that concerns the connection, or '' for one that is passed on. */
function hopByHopName(name: string): string {
  switch (name.length) {
    case 7: // Trailer, Upgrade
    case 10: // Connection, Keep-Alive
    case 14: // Content-Length
    case 16: // Proxy-Connection
    case 17: {
      const lower = name.toLowerCase();
      return HOP_BY_HOP.has(lower) ? lower : '';
    }
    default:
      return '';
  }
}

const HOP_BY_HOP = new Set([
  'trailer',
  'upgrade',
  'connection',
  'keep-alive',
  'content-length',
  'proxy-connection',
  'transfer-encoding',
]);

function removeFields(fields: string[], lowerNames: readonly string[]): void {
  for (let index = fields.length - 2; index >= 0; index -= 2) {
    if (lowerNames.includes(fields[index]!.toLowerCase())) fields.splice(index, 2);
  }
}

function badAnswer(reason: string): SlipwayError {
  return new SlipwayError('gateway.badAnswer', `The replica's answer is not valid HTTP: ${reason}.`, '', 502);
}
