import { SlipwayError } from '../protocol/errors.ts';
import { nearestKey } from '../protocol/parseSlipwayFile.ts';

/** Wrong use of the command line: the process ends with status 2. */
export function usageError(message: string, hint: string): SlipwayError {
  return new SlipwayError('usage', message, hint);
}

/** Names the known word that an unknown one was probably meant to be. */
export function unknownWord(what: string, word: string, known: readonly string[], command: string): SlipwayError {
  const nearest = nearestKey(word, [...known]);
  const hint = nearest ? `Did you mean ${nearest}?` : `See ${command} --help.`;
  return usageError(`${command}: unknown ${what} ${word}`, hint);
}
