/**
 * The way of one request through the gateway: which endpoint, whether it may, to which replica, and what to do when
 * that one fails. A request is sent again only if none of its bytes was sent, or if it is idempotent (RFC 9110,
 * 9.2.2) and no byte of an answer came.
 */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { SlipwayError } from '../protocol/errors.ts';
import type { Connection, Exchange, ExchangeFailure } from './connection.ts';
import { refusals, refuse } from './refusal.ts';
import type { Replica } from './replica.ts';
import { cookieValue, endpointOf, type RequestHead, readRequestHead } from './requestHead.ts';
import type { ResponseHead } from './responseParser.ts';
import { type Mirror, mirror } from './shadow.ts';
import type { Statistics } from './statistics.ts';
import { type Choice, choose, type Endpoint, type Table } from './table.ts';

export interface ProxyContext {
  table: Table;
  statistics: Statistics;
  /** Requests under way, for timeouts and for draining. */
  active: Set<{ checkTimeout(nowMs: number): void }>;
  /** While draining, answers close their connections. */
  isDraining: boolean;
}

/** Bodies up to this size are read before they are sent on: they can be sent again. */
const BUFFERED_BODY_BYTES = 64 * 1024;
/** Answers up to this size are copied to be sent together with their head. */
const SMALL_ANSWER_BYTES = 16 * 1024;
/** A client that sends malformed or endless requests to failing replicas must not occupy all of them in turn. */
const MAX_ATTEMPTS = 4;
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
const NO_BODY = Buffer.alloc(0);

/**
 * Handles one request.
 * @param wantsContinue the client waits for `100 Continue` before it sends the body
 */
export function proxyRequest(
  context: ProxyContext,
  request: IncomingMessage,
  response: ServerResponse,
  wantsContinue: boolean,
): void {
  const place = endpointOf(request.url ?? '/');
  const head = readRequestHead(request, place?.target ?? '/');
  const hasBody = head.isChunked || (head.contentLength ?? 0) > 0;
  const admission = admit(context.table, place?.name ?? null, head, request);
  if ('error' in admission) {
    refuse(response, admission.error, head.requestId, hasBody);
    return;
  }
  const { endpoint } = admission;
  if (wantsContinue) response.writeContinue();
  const proxied = new ProxiedRequest(context, endpoint, head, request, response);
  if (!hasBody) proxied.start(NO_BODY);
  else if (!head.isChunked && head.contentLength! <= BUFFERED_BODY_BYTES) {
    readBody(request, (body) => proxied.start(body));
  } else proxied.start(null);
}

/** Whether a request may go to an endpoint, and to which. */
export function admit(
  table: Table,
  name: string | null,
  head: RequestHead,
  request: IncomingMessage,
): { endpoint: Endpoint } | { error: SlipwayError } {
  if (name === null) return { error: refusals.notFound() };
  if (head.hosts > 1) return { error: refusals.badRequest('it has more than one Host field') };
  if (request.httpVersionMajor !== 1) {
    return { error: refusals.badRequest(`HTTP/${request.httpVersion} is not spoken here`) };
  }
  if (request.httpVersion === '1.0' && head.isChunked) {
    return { error: refusals.badRequest('HTTP/1.0 has no Transfer-Encoding') };
  }
  const endpoint = table.get(name);
  if (endpoint === undefined) return { error: refusals.noSuchEndpoint(name) };
  const { token, maxBodyBytes, maxInFlight } = endpoint.route;
  if (token !== null && !hasToken(head.authorization, token)) return { error: refusals.unauthorized(name) };
  const access = endpoint.keys?.check(head.authorization, performance.now()) ?? 'ok';
  if (access === 'unknown') return { error: refusals.unknownKey(name) };
  if (access === 'tooFast') return { error: refusals.tooFast(name) };
  if (endpoint.load.inFlight >= maxInFlight) return { error: refusals.overloaded(name, maxInFlight) };
  if ((head.contentLength ?? 0) > maxBodyBytes) return { error: refusals.bodyTooLarge(name, maxBodyBytes) };
  return { endpoint };
}

/** The head as the replica gets it, up to and without the lines about the body and the connection. */
export function upstreamHead(endpoint: Endpoint, head: RequestHead, replica: Replica, clientAddress: string): string {
  const { secret } = replica.options;
  const { name } = endpoint.route;
  const isOurs = endpoint.route.token !== null || endpoint.keys !== null;
  return (
    `${head.method} ${head.target} HTTP/1.1\r\n${head.lines}` +
    (head.hosts === 0 ? `Host: ${name}\r\n` : '') +
    (!isOurs && head.authorization !== null ? `Authorization: ${head.authorization}\r\n` : '') +
    `X-Request-Id: ${head.requestId}\r\nX-Forwarded-Prefix: /endpoints/${name}\r\n` +
    `X-Forwarded-For: ${head.forwardedFor === null ? '' : `${head.forwardedFor}, `}${clientAddress}\r\n` +
    (secret === null ? '' : `X-Slipway-Replica-Secret: ${secret}\r\n`)
  );
}

/** The fields of an answer as the client gets them: the replica's, and where the answer came from. */
export function clientFields(head: ResponseHead, requestId: string, { revision }: Choice): string[] {
  const { fields } = head;
  for (let index = fields.length - 2; index >= 0; index -= 2) {
    const name = fields[index]!;
    if ((name.length === 12 || name.length === 17 || name.length === 18) && OURS.has(name.toLowerCase())) {
      fields.splice(index, 2);
    }
  }
  fields.push('X-Request-Id', requestId, 'X-Slipway-Revision', revision.name);
  if (revision.receipt !== null) fields.push('X-Slipway-Receipt', revision.receipt);
  return fields;
}

/** What decides the revision of an endpoint with `sticky`; null where the request has no such value. */
export function stickyKeyOf(endpoint: Endpoint, head: RequestHead, request: IncomingMessage): string | null {
  const { sticky } = endpoint.route;
  if (sticky === null) return null;
  if ('cookie' in sticky) return cookieValue(head.cookie, sticky.cookie);
  const value = request.headers[sticky.header.toLowerCase()];
  return typeof value === 'string' ? value : null;
}

const OURS = new Set(['x-request-id', 'x-slipway-receipt', 'x-slipway-revision']);

class ProxiedRequest implements Exchange {
  readonly method: string;
  readonly #context: ProxyContext;
  readonly #endpoint: Endpoint;
  readonly #head: RequestHead;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  /** Null for a body that streams through. */
  #body: Buffer | null = NO_BODY;
  #choice: Choice | null = null;
  #connection: Connection | null = null;
  #attempts = 0;
  #startedMs = 0;
  #deadlineMs = 0;
  #latencyMs: number | null = null;
  #isOver = false;
  #bodyBytes = 0;
  #bodyBytesToCome: number | null = null;
  /** A small answer that came in one piece. */
  #wholeBody: Buffer | null = null;
  #listensForDrain = false;
  #mirror: Mirror | null = null;
  #isSample = false;

  constructor(
    context: ProxyContext,
    endpoint: Endpoint,
    head: RequestHead,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    this.method = head.method;
    this.#context = context;
    this.#endpoint = endpoint;
    this.#head = head;
    this.#request = request;
    this.#response = response;
    response.on('close', () => this.#clientIsGone());
  }

  /** @param body the whole body, or null to stream it from the request */
  start(body: Buffer | null): void {
    this.#body = body;
    this.#context.active.add(this);
    this.#endpoint.load.inFlight++;
    if (body !== null) {
      this.#mirror = mirror(this.#endpoint, this.method, (connection, replica) => this.#write(connection, replica));
      this.#isSample = body.length > 0 && this.#endpoint.samples?.wants() === true;
    }
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#attempt();
  }

  checkTimeout(nowMs: number): void {
    if (nowMs >= this.#deadlineMs) this.#connection?.destroy('timeout');
  }

  onOpen(connection: Connection): void {
    if (this.#isOver) {
      connection.destroy();
      return;
    }
    this.#write(connection, this.#choice!.replica);
    if (this.#body === null) this.#streamBody(connection);
    else connection.requestSent();
  }

  /** Writes the head, and the body where it is known. */
  #write(connection: Connection, replica: Replica): void {
    const address = this.#request.socket.remoteAddress ?? 'unix';
    let head = upstreamHead(this.#endpoint, this.#head, replica, address);
    if (this.#head.isChunked) head += 'Transfer-Encoding: chunked\r\n\r\n';
    else if (this.#head.contentLength !== null) head += `Content-Length: ${this.#head.contentLength}\r\n\r\n`;
    else head += '\r\n';
    if (this.#body === null || this.#body.length === 0) connection.write(head);
    else connection.writeTogether(head, this.#body);
  }

  onHead(head: ResponseHead): void {
    const nowMs = performance.now();
    this.#latencyMs = nowMs - this.#startedMs;
    this.#deadlineMs = nowMs + this.#endpoint.route.timeoutMs;
    const fields = clientFields(head, this.#head.requestId, this.#choice!);
    if (this.#context.isDraining) fields.push('Connection', 'close');
    this.#response.writeHead(head.status, head.reason, fields);
    // An answer without a length may be a stream of events: its head must not wait for the first of them.
    if (head.bodyBytes === null) this.#response.flushHeaders();
    this.#bodyBytesToCome = head.bodyBytes;
  }

  onData(chunk: Buffer): boolean {
    this.#deadlineMs = performance.now() + this.#endpoint.route.timeoutMs;
    if (chunk.length === this.#bodyBytesToCome && chunk.length <= SMALL_ANSWER_BYTES) {
      this.#wholeBody = chunk;
      return true;
    }
    if (this.#response.write(chunk)) return true;
    if (!this.#listensForDrain) {
      this.#listensForDrain = true;
      this.#response.on('drain', () => this.#connection?.resume());
    }
    return false;
  }

  onDrain(): void {
    this.#request.resume();
  }

  onEnd(): void {
    const { statusCode } = this.#response;
    this.#mirror?.answered({ status: statusCode, body: this.#wholeBody });
    if (this.#isSample) this.#takeSample(statusCode);
    this.#finish(statusCode, statusCode >= 500 ? 'the replica answered so' : null);
    // As a string it goes out together with the head, by one system call.
    if (this.#wholeBody !== null) this.#response.end(this.#wholeBody.toString('latin1'), 'latin1');
    else this.#response.end();
  }

  onFailure(failure: ExchangeFailure): void {
    if (this.#isOver) return;
    const { kind, message } = failure;
    const isSafe =
      kind === 'connect' ||
      (kind === 'transport' && !failure.hasAnswerBegun && this.#body !== null && IDEMPOTENT.has(this.method));
    if (kind === 'connect') this.#choice!.replica.setState('down');
    if (isSafe && this.#attempts < MAX_ATTEMPTS) {
      const failed = this.#choice!;
      // An idle connection may end at any time; a new one that breaks is the revision's fault.
      if (kind === 'transport' && this.#connection!.isNew) this.#count(failed, 0, message);
      this.#release();
      this.#attempt(failed);
      return;
    }
    if (kind === 'connect') {
      this.#refuseUnanswered();
      return;
    }
    const { name, timeoutMs } = this.#endpoint.route;
    const revision = this.#choice!.revision.name;
    const error =
      kind === 'timeout'
        ? refusals.replicaTimedOut(name, revision, timeoutMs)
        : refusals.replicaFailed(name, revision, message);
    const hasHead = this.#latencyMs !== null;
    this.#finish(hasHead ? 0 : error.status, kind === 'timeout' ? 'no answer in time' : message);
    // An answer that has begun cannot be taken back: a broken connection is how the client sees that it is not whole.
    if (hasHead) this.#response.destroy();
    else this.#refuse(error);
  }

  #attempt(failed: Choice | null = null): void {
    const stickyKey = stickyKeyOf(this.#endpoint, this.#head, this.#request);
    const choice = choose(this.#endpoint, stickyKey, failed);
    if (choice === null) {
      this.#waitForFirstChecks(failed);
      return;
    }
    this.#attempts++;
    this.#choice = choice;
    choice.replica.inFlight++;
    choice.revision.statistics.inFlight++;
    this.#startedMs = performance.now();
    this.#deadlineMs = this.#startedMs + this.#endpoint.route.timeoutMs;
    this.#connection = choice.replica.send(this, this.#attempts > 1);
  }

  /** Replicas that are new in the routes get the time of one check before a request is refused. */
  #waitForFirstChecks(failed: Choice | null): void {
    const unknown = this.#endpoint.revisions.flatMap(({ weight, replicas }) =>
      weight > 0 ? replicas.filter(({ state, isRetired }) => state === 'unknown' && !isRetired) : [],
    );
    if (unknown.length === 0) {
      this.#refuseUnanswered();
      return;
    }
    void Promise.race(unknown.map((replica) => replica.known())).then(() => {
      if (!this.#isOver) this.#attempt(failed);
    });
  }

  #takeSample(status: number): void {
    const facts = {
      ...{ id: this.#head.requestId, at: Date.now(), revision: this.#choice!.revision.name, path: this.#head.target },
      ...{ status, latencyMs: this.#latencyMs ?? 0 },
    };
    this.#endpoint.samples?.take(facts, this.#body!, this.#wholeBody);
  }

  #streamBody(connection: Connection): void {
    const { maxBodyBytes, name } = this.#endpoint.route;
    this.#request.on('data', (chunk: Buffer) => {
      if (this.#isOver) return;
      this.#bodyBytes += chunk.length;
      if (this.#bodyBytes > maxBodyBytes) {
        this.#refuseTooLarge(refusals.bodyTooLarge(name, maxBodyBytes));
        return;
      }
      this.#deadlineMs = performance.now() + this.#endpoint.route.timeoutMs;
      if (!this.#writeBodyChunk(connection, chunk)) this.#request.pause();
    });
    this.#request.on('end', () => {
      if (this.#isOver) return;
      if (this.#head.isChunked) connection.write('0\r\n\r\n');
      connection.requestSent();
    });
  }

  #writeBodyChunk(connection: Connection, chunk: Buffer): boolean {
    if (!this.#head.isChunked) return connection.write(chunk);
    connection.write(`${chunk.length.toString(16)}\r\n`);
    connection.write(chunk);
    return connection.write('\r\n');
  }

  #refuseTooLarge(error: SlipwayError): void {
    const hasHead = this.#latencyMs !== null;
    this.#finish(hasHead ? 0 : error.status, null);
    this.#connection?.destroy();
    if (hasHead) this.#response.destroy();
    else this.#refuse(error);
  }

  #refuseUnanswered(): void {
    this.#end();
    this.#context.statistics.endpoint(this.#endpoint.route.name).unanswered++;
    this.#context.statistics.version++;
    this.#refuse(refusals.noReadyReplica(this.#endpoint.route.name));
  }

  #refuse(error: SlipwayError): void {
    refuse(this.#response, error, this.#head.requestId, this.#context.isDraining || !this.#request.complete);
  }

  #clientIsGone(): void {
    if (this.#isOver) return;
    if (this.#choice === null) this.#end();
    else this.#finish(0, null);
    this.#connection?.destroy();
  }

  /** Ends and counts the request; with a `problem` as an error. */
  #finish(status: number, problem: string | null): void {
    this.#count(this.#choice!, status, problem);
    this.#end();
  }

  #end(): void {
    this.#isOver = true;
    if (this.#context.active.delete(this)) this.#endpoint.load.inFlight--;
    this.#release();
  }

  #release(): void {
    if (this.#choice === null) return;
    this.#choice.replica.inFlight--;
    this.#choice.revision.statistics.inFlight--;
    this.#choice = null;
  }

  #count({ revision, replica }: Choice, status: number, problem: string | null): void {
    const { statistics } = this.#context;
    replica.ended(problem !== null);
    revision.statistics.count(status, this.#latencyMs, problem !== null);
    statistics.version++;
    if (problem === null) return;
    const { requestId } = this.#head;
    const endpoint = this.#endpoint.route.name;
    statistics.addException({ requestId, endpoint, revision: revision.name, status, message: problem, at: Date.now() });
  }
}

function readBody(request: IncomingMessage, done: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => done(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
}

function hasToken(authorization: string | null, token: string): boolean {
  const match = /^Bearer +(\S+) *$/i.exec(authorization ?? '');
  if (match === null) return false;
  const given = Buffer.from(match[1]!, 'latin1');
  const wanted = Buffer.from(token, 'latin1');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
