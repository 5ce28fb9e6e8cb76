/**
 * What every decision in Slipway is: a pure function from a state and an event to the next state, the commands
 * to carry out and the receipts to write. No I/O, no clock and no randomness that does not come in with the event.
 * States, events and commands are plain JSON, so that they can be stored, replayed and compared.
 */
export interface Reduction<State, Command> {
  state: State;
  commands: Command[];
  receipts: ReceiptDraft[];
}

export type Reducer<State, Event, Command> = (state: State, event: Event) => Reduction<State, Command>;

/** Digests of one thing: `md5` (32 hex, no `.dir`) and `sha256` (64 hex). */
export type Digests = Record<string, string>;

/**
 * A receipt before it is numbered, chained and signed. A subject without `digest` has no bytes of its own: it gets
 * the SHA-256 of the RFC 8785 JSON of `evidence`. `products` are further subjects that came to be in the same step.
 */
export interface ReceiptDraft {
  kind: string;
  subject: { name: string; digest?: Digests };
  products?: { name: string; digest: Digests }[];
  inputs: { name: string; digest: Digests; source?: string }[];
  decision: string;
  evidence: Record<string, unknown>;
}

/** A command that the engine carries out itself, in the same transaction: an event for another reducer. */
export interface Send {
  type: 'send';
  to: { kind: string; id: string };
  event: { type: string } & Record<string, unknown>;
}

export function send(kind: string, id: string, event: Send['event']): Send {
  return { type: 'send', to: { kind, id }, event };
}

/** A reduction that changes nothing. */
export function unchanged<State, Command>(state: State): Reduction<State, Command> {
  return { state, commands: [], receipts: [] };
}
