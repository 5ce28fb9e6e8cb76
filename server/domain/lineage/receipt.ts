import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { ReceiptDraft } from '../reducer.ts';

/** in-toto Statement v1 (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md). */
export interface Statement {
  _type: 'https://in-toto.io/Statement/v1';
  subject: { name: string; digest: Record<string, string> }[];
  predicateType: 'https://slipway.dev/receipt/v1';
  predicate: {
    project: string;
    seq: number;
    kind: string;
    at: string;
    actor: string;
    inputs: { name: string; digest: Record<string, string>; source?: string }[];
    decision: string;
    evidence: Record<string, unknown>;
    prev: string | null;
  };
}

/** DSSE envelope (https://github.com/secure-systems-lab/dsse/blob/master/envelope.md). */
export interface Envelope {
  payload: string;
  payloadType: typeof payloadType;
  signatures: { keyid: string; sig: string }[];
}

export const payloadType = 'application/vnd.in-toto+json';

/** Signs bytes with the control plane's Ed25519 key. */
export interface Signer {
  keyid: string;
  sign(bytes: Uint8Array): Uint8Array;
}

/** SHA-256 of the RFC 8785 form of a JSON value, in hex. */
export function sha256OfJson(value: unknown): string {
  return createHash('sha256').update(canonicalize(value)!).digest('hex');
}

/** DSSE's pre-authentication encoding: what is signed. */
export function preAuthenticationEncoding(type: string, payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/**
 * Numbers, chains and signs a receipt. `head` is the receipt before it in its project's chain, if any.
 * @returns the envelope, its statement and the receipt's id (hex SHA-256 of the decoded payload)
 */
export function sealReceipt(
  draft: ReceiptDraft,
  place: { project: string; head?: { seq: number; id: string }; at: number; actor: string },
  signer: Signer,
): { id: string; statement: Statement; envelope: Envelope } {
  const subject = {
    name: draft.subject.name,
    digest: draft.subject.digest ?? { sha256: sha256OfJson(draft.evidence) },
  };
  const statement: Statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [subject, ...(draft.products ?? [])],
    predicateType: 'https://slipway.dev/receipt/v1',
    predicate: {
      project: place.project,
      seq: (place.head?.seq ?? 0) + 1,
      kind: draft.kind,
      at: new Date(place.at).toISOString(),
      actor: place.actor,
      inputs: draft.inputs,
      decision: draft.decision,
      evidence: draft.evidence,
      prev: place.head?.id ?? null,
    },
  };
  const payload = Buffer.from(canonicalize(statement)!);
  const sig = Buffer.from(signer.sign(preAuthenticationEncoding(payloadType, payload))).toString('base64');
  return {
    id: createHash('sha256').update(payload).digest('hex'),
    statement,
    envelope: { payload: payload.toString('base64'), payloadType, signatures: [{ keyid: signer.keyid, sig }] },
  };
}
