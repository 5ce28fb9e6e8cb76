import * as z from 'zod';
import { SlipwayError } from '../protocol/errors.ts';
import {
  type Answer,
  type CallInput,
  type OperationName,
  type OperationSpec,
  operations,
  operationUrl,
} from '../protocol/operations.ts';

/** The input may be left away where nothing in it must be given. */
type Input<N extends OperationName> = Record<never, never> extends CallInput<N> ? [CallInput<N>?] : [CallInput<N>];

/** Where a control plane answers, and the right to ask. */
export interface Address {
  url: string;
  token: string;
}

interface RawInput {
  params?: Record<string, string>;
  query?: Record<string, unknown>;
  body?: unknown;
}

/** Calls to one control plane. Every method rejects with a {@link SlipwayError}, or with an AbortError on Ctrl-C. */
export interface Client {
  readonly address: Address;
  /** Where the control plane answers now: a restart may have moved it. */
  locate(): Promise<Address>;
  /** Calls an operation; the answer is checked against its schema. Ctrl-C ends it. */
  call<N extends OperationName>(name: N, ...input: Input<N>): Promise<Answer<N>>;
  /** As `call`, but goes through although Ctrl-C was pressed: what is to be cancelled is. */
  callAnyway<N extends OperationName>(name: N, ...input: Input<N>): Promise<Answer<N>>;
  /** The bytes of an operation that answers with a stream. */
  stream<N extends OperationName>(name: N, ...input: Input<N>): Promise<AsyncIterable<Uint8Array>>;
}

const ErrorAnswer = z.object({ code: z.string(), message: z.string(), hint: z.string().default('') });

export function createClient(address: Address, locate: () => Promise<Address>, signal: AbortSignal): Client {
  async function send(name: OperationName, input: RawInput, abort: AbortSignal | undefined): Promise<Response> {
    const spec: OperationSpec = operations[name];
    const headers: Record<string, string> = { authorization: `Bearer ${address.token}` };
    if (input.body !== undefined) headers['content-type'] = 'application/json';
    const response = await fetch(address.url + operationUrl(name, input.params, input.query), {
      method: spec.method,
      headers,
      body: input.body === undefined ? null : JSON.stringify(input.body),
      signal: abort ?? null,
    }).catch((error: Error) => {
      throw abort?.aborted ? error : unreachable(address.url, error);
    });
    if (!response.ok) throw await refusal(response);
    return response;
  }

  async function call<N extends OperationName>(name: N, input: RawInput, abort?: AbortSignal): Promise<Answer<N>> {
    const response = await send(name, input, abort);
    const json: unknown = await response.json().catch((error: Error) => {
      throw abort?.aborted ? error : unreachable(address.url, error);
    });
    const answer = operations[name].response.safeParse(json);
    if (answer.success) return answer.data as Answer<N>;
    throw new SlipwayError(
      'client.unexpectedAnswer',
      `The control plane answered ${name} in a way this command does not understand: ${z.prettifyError(answer.error)}`,
      'Use the same version of Slipway on both sides.',
      502,
    );
  }

  return {
    address,
    locate,
    call: (name, ...[input]) => call(name, (input ?? {}) as RawInput, signal),
    callAnyway: (name, ...[input]) => call(name, (input ?? {}) as RawInput),
    async stream(name, ...[input]) {
      const { body } = await send(name, (input ?? {}) as RawInput, signal);
      return (body ?? []) as AsyncIterable<Uint8Array>;
    },
  };
}

/** The control plane did not answer: it ended, or nothing listens at the address. */
export function unreachable(url: string, error: Error): SlipwayError {
  const cause = error.cause instanceof Error ? error.cause.message : error.message;
  return new SlipwayError(
    'client.unreachable',
    `The control plane at ${url} does not answer (${cause}).`,
    'Start it with slipway serve, or check --server.',
    503,
    { cause: error },
  );
}

async function refusal(response: Response): Promise<SlipwayError> {
  const body = ErrorAnswer.safeParse(await response.json().catch(() => undefined));
  if (body.success) return new SlipwayError(body.data.code, body.data.message, body.data.hint, response.status);
  return new SlipwayError(
    'client.refused',
    `The control plane refused the call with status ${response.status}.`,
    'Its log has the details: server.log in the data folder.',
    response.status,
  );
}
