/**
 * Answers that the gateway gives itself, for want of a replica's: JSON with a code, a message and a hint.
 */
import type { ServerResponse } from 'node:http';
import { errorBody, SlipwayError } from '../protocol/errors.ts';

/** Seconds after which a client may try again when nothing is ready: the time a check needs to see a replica. */
const RETRY_AFTER_S = 1;

export const refusals = {
  noSuchEndpoint: (name: string) =>
    new SlipwayError(
      'gateway.noSuchEndpoint',
      `There is no endpoint "${name}".`,
      'Requests go to /endpoints/NAME/…; `slipway endpoint list` shows the names.',
      404,
    ),
  notFound: () =>
    new SlipwayError('gateway.notFound', 'The gateway serves /endpoints/NAME/… only.', 'Check the path.', 404),
  unauthorized: (name: string) =>
    new SlipwayError(
      'gateway.unauthorized',
      `The endpoint "${name}" is private and the request has no valid token.`,
      'Send it as `Authorization: Bearer TOKEN`.',
      401,
    ),
  unknownKey: (name: string) =>
    new SlipwayError(
      'gateway.unauthorized',
      `The endpoint "${name}" takes requests with a key, and this one has none that it knows.`,
      'Send it as `Authorization: Bearer KEY`; `slipway endpoint key` makes one.',
      401,
    ),
  tooFast: (name: string) =>
    new SlipwayError(
      'gateway.tooFast',
      `The key has sent more requests to "${name}" than its rate allows.`,
      'Send more slowly, or ask for a higher rate.',
      429,
    ),
  overloaded: (name: string, limit: number) =>
    new SlipwayError(
      'gateway.overloaded',
      `The endpoint "${name}" has ${limit} requests in flight, as many as it takes.`,
      'Try again shortly; more replicas take more requests.',
      503,
    ),
  badRequest: (reason: string) =>
    new SlipwayError('gateway.badRequest', `The request is not valid HTTP: ${reason}.`, '', 400),
  bodyTooLarge: (name: string, limitBytes: number) =>
    new SlipwayError(
      'gateway.bodyTooLarge',
      `The request's body is above the ${limitBytes} bytes that the endpoint "${name}" takes.`,
      'Send less at a time, or raise the endpoint’s limit.',
      413,
    ),
  noReadyReplica: (name: string) =>
    new SlipwayError(
      'gateway.noReadyReplica',
      `No replica of the endpoint "${name}" is ready.`,
      'Try again shortly; `slipway endpoint show` tells the state of each replica.',
      503,
    ),
  replicaFailed: (name: string, revision: string, reason: string) =>
    new SlipwayError(
      'gateway.replicaFailed',
      `A replica of "${name}" (${revision}) took the request and gave no answer: ${reason}.`,
      'It may have done its work; send again only what may be done twice.',
      502,
    ),
  replicaTimedOut: (name: string, revision: string, timeoutMs: number) =>
    new SlipwayError(
      'gateway.replicaTimedOut',
      `A replica of "${name}" (${revision}) gave no answer within ${timeoutMs} ms.`,
      'The model may be overloaded; the endpoint’s timeout can be raised.',
      504,
    ),
  upgradeNotSupported: (protocol: string) =>
    new SlipwayError('gateway.upgradeNotSupported', `An upgrade to "${protocol}" is not supported.`, '', 501),
};

/** Header fields and body of a refusal. */
export function refusalParts(error: SlipwayError, requestId: string): { fields: string[]; body: string } {
  const body = `${JSON.stringify({ ...errorBody(error), requestId })}\n`;
  const fields = ['Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(body))];
  fields.push('X-Request-Id', requestId);
  if (error.status === 503 || error.status === 429) fields.push('Retry-After', String(RETRY_AFTER_S));
  if (error.status === 401) fields.push('WWW-Authenticate', 'Bearer realm="slipway"');
  return { fields, body };
}

/** Answers with a refusal; `closes` also ends the connection (where the rest of the request was not read). */
export function refuse(response: ServerResponse, error: SlipwayError, requestId: string, closes: boolean): void {
  const { fields, body } = refusalParts(error, requestId);
  if (closes) fields.push('Connection', 'close');
  response.writeHead(error.status, fields);
  response.end(body);
}
