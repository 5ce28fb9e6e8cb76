import { SlipwayError } from '../protocol/errors.ts';
import { nearestKey } from '../protocol/parseSlipwayFile.ts';

/** Wrong use of the command line: the process ends with status 2. */
export function usageError(message: string, hint: string): SlipwayError {
  return new SlipwayError('usage', message, hint);
}

/**
 * Names the known word that an unknown one was probably meant to be.
 * @param where the command so far, without `slipway`; empty at the beginning
 */
export function unknownWord(what: string, word: string, known: readonly string[], where: string): SlipwayError {
  const nearest = nearestKey(word, [...known]);
  const hint = nearest ? `Did you mean ${nearest}?` : `See ${['slipway', where, '--help'].filter(Boolean).join(' ')}.`;
  return usageError(`${where ? `${where}: ` : ''}unknown ${what} ${word}`, hint);
}
