import type { Answer, Call, OperationName } from '../protocol/operations.ts';

/** What the API calls: one function for each operation of the contract. */
export type Services = { [N in OperationName]: (call: ParsedCall<N>) => Promise<Answer<N>> };

/** A call as the API's schemas have let it through. */
export type ParsedCall<N extends OperationName> = Call<N> & {
  /** Who calls, for receipts and requests. */
  actor: string;
};
