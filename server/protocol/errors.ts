/**
 * An error meant for a person: what happened, to which object, and what to do. Everything that leaves a
 * module boundary towards the API, the CLI or the editor is one of these; any other exception is a bug.
 */
export class SlipwayError extends Error {
  override readonly name = 'SlipwayError';
  /** Stable, dotted, lower camel case: `dataset.empty`, `yaml.unknownKey`. */
  readonly code: string;
  /** What the user can do; empty when there is nothing to do. */
  readonly hint: string;
  /** The HTTP status the API answers with. */
  readonly status: number;

  /** @param message what happened, to which object */
  constructor(code: string, message: string, hint = '', status = 400, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.hint = hint;
    this.status = status;
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
  return {
    code: 'internal',
    message: 'Something unexpected happened inside Slipway.',
    hint: 'The log has the details.',
  };
}
