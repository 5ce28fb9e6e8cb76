import { SlipwayError } from '../protocol/errors.ts';

export function damaged(digest: string, path: string): SlipwayError {
  return new SlipwayError(
    'object.damaged',
    `The object ${path} does not have the digest ${digest} that it is named by: its bytes were damaged.`,
    'Find what else is damaged with `slipway dataset verify`; add the data again, or pull it from a remote that has it.',
    409,
  );
}

export function unreachable(address: string, what: string, error: unknown): SlipwayError {
  return new SlipwayError(
    'remote.unreachable',
    `The remote ${address} did not take part (${what}): ${(error as Error).message}`,
    'Try again when it answers: what is there already is not sent again.',
    502,
    { cause: error },
  );
}
