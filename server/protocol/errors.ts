/**
 * An error meant for a person: what happened, to which object, and what to do. Everything that leaves a
 * module boundary towards the API, the CLI or the editor is one of these; any other exception is a bug.
 */
export class SlipwayError extends Error {
  override readonly name = 'SlipwayError';

  /**
   * @param code stable, dotted, lower case: `dataset.empty`, `yaml.unknownKey`
   * @param message what happened, to which object
   * @param hint what the user can do; empty when there is nothing to do
   * @param status the HTTP status the API answers with
   */
  constructor(
    readonly code: string,
    message: string,
    readonly hint = '',
    readonly status = 400,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The shape of an error on the wire. */
export interface ErrorBody {
  code: string;
  message: string;
  hint: string;
}

/** The wire form of any error; what is not a {@link SlipwayError} becomes `internal` and shows no internals. */
export function errorBody(error: unknown): ErrorBody {
  if (error instanceof SlipwayError) return { code: error.code, message: error.message, hint: error.hint };
  return { code: 'internal', message: 'Something unexpected happened inside Slipway.', hint: 'The log has the details.' };
}
