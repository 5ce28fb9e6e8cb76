import * as z from 'zod';
import { SlipwayError } from '../../server/protocol/errors.ts';
import {
  type Answer,
  type CallInput,
  type OperationName,
  type OperationSpec,
  operations,
  operationUrl,
} from '../../server/protocol/operations.ts';
import { t } from '../text/language.ts';

/** Where a control plane answers, and the right to ask. */
export interface Address {
  url: string;
  token: string;
}

/** An operation's input without its types: what a page sends. */
export interface RawInput {
  params?: unknown;
  query?: unknown;
  body?: unknown;
}

/** Calls to one control plane; every method rejects with a {@link SlipwayError}. */
export interface ApiClient {
  readonly address: Address;
  /** Calls an operation; the answer is checked against the operation's schema. */
  call<N extends OperationName>(name: N, ...input: Input<N>): Promise<Answer<N>>;
  /** The answer as it came, for a page that asks through us. */
  callRaw(name: OperationName, input: RawInput): Promise<unknown>;
  /** The bytes of an operation that answers with a stream. */
  bytes<N extends OperationName>(name: N, ...input: Input<N>): Promise<Uint8Array>;
}

/** The input may be left away where nothing in it must be given. */
type Input<N extends OperationName> = Record<never, never> extends CallInput<N> ? [CallInput<N>?] : [CallInput<N>];

const ErrorAnswer = z.object({ code: z.string(), message: z.string(), hint: z.string().default('') });

export function createApiClient(address: Address): ApiClient {
  async function send(name: OperationName, input: RawInput): Promise<Response> {
    const url = operationUrl(
      name,
      input.params as Record<string, string> | undefined,
      input.query as Record<string, unknown> | undefined,
    );
    const headers: Record<string, string> = { authorization: `Bearer ${address.token}` };
    if (input.body !== undefined) headers['content-type'] = 'application/json';
    const spec: OperationSpec = operations[name];
    const body = input.body === undefined ? null : JSON.stringify(input.body);
    const response = await fetch(address.url + url, { method: spec.method, headers, body }).catch((error: Error) => {
      throw unreachable(error);
    });
    if (!response.ok) throw await refusal(response);
    return response;
  }

  async function callRaw(name: OperationName, input: RawInput): Promise<unknown> {
    const response = await send(name, input);
    return response.json().catch((error: Error) => {
      throw unreachable(error);
    });
  }

  return {
    address,
    callRaw,
    async call(name, ...[input]) {
      const answer = operations[name].response.safeParse(await callRaw(name, (input ?? {}) as RawInput));
      if (answer.success) return answer.data as Answer<typeof name>;
      throw new SlipwayError(
        'client.unexpectedAnswer',
        t('The control plane answered {0} in a way this extension does not understand.', name),
        z.prettifyError(answer.error),
        502,
      );
    },
    async bytes(name, ...[input]) {
      const response = await send(name, (input ?? {}) as RawInput);
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}

function unreachable(error: Error): SlipwayError {
  const cause = error.cause instanceof Error ? error.cause.message : error.message;
  return new SlipwayError(
    'client.unreachable',
    t('The control plane does not answer ({0}).', cause),
    t('It reconnects by itself; "Slipway: Restart Control Plane" starts it anew.'),
    503,
    { cause: error },
  );
}

async function refusal(response: Response): Promise<SlipwayError> {
  const body = ErrorAnswer.safeParse(await response.json().catch(() => undefined));
  if (body.success) return new SlipwayError(body.data.code, body.data.message, body.data.hint, response.status);
  return new SlipwayError(
    'client.refused',
    t('The control plane refused the call with status {0}.', response.status),
    t('The log has the details.'),
    response.status,
  );
}
