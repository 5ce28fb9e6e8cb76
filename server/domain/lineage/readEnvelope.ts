import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import * as z from 'zod';
import { Name } from '../../protocol/names.ts';
import { type Envelope, payloadType, preAuthenticationEncoding, type Statement } from './receipt.ts';

/** A receipt as it came out of its envelope; the signature is not checked yet. */
export interface ReadReceipt {
  /** Hex SHA-256 of the decoded payload. */
  id: string;
  statement: Statement;
  payload: Uint8Array;
  keyid: string;
  signature: Uint8Array;
}

/** A public key that receipts are signed with: the base64 DER of its SPKI, and the hex SHA-256 of that. */
export interface ReceiptKey {
  keyid: string;
  spki: string;
}

const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
const digest = z
  .object({
    sha256: hex64,
    md5: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .optional(),
  })
  .catchall(z.string());
const name = z.string().min(1);

const statementSchema = z.object({
  _type: z.literal('https://in-toto.io/Statement/v1'),
  subject: z.array(z.object({ name, digest })).min(1),
  predicateType: z.literal('https://slipway.dev/receipt/v1'),
  predicate: z.object({
    project: Name,
    seq: z.number().int().positive(),
    kind: name,
    at: z.iso.datetime(),
    actor: z.string(),
    inputs: z.array(z.object({ name, digest, source: z.string().optional() })),
    decision: z.string(),
    evidence: z.record(z.string(), z.unknown()),
    prev: hex64.nullable(),
  }),
});

const envelopeSchema = z.strictObject({
  payload: z.string(),
  payloadType: z.literal(payloadType),
  signatures: z.tuple([z.strictObject({ keyid: hex64, sig: z.string() })]),
});

/**
 * Reads one envelope, as JSON text or parsed. Base64 counts only in its one canonical form, so that no two envelopes
 * say the same.
 * @returns the receipt, or in words why it is none
 */
export function readEnvelope(input: unknown): ReadReceipt | string {
  const json = typeof input === 'string' ? parseJson(input) : input;
  if (json === undefined) return 'the envelope is not JSON';
  const envelope = envelopeSchema.safeParse(json);
  if (!envelope.success) return `the envelope is malformed: ${firstIssue(envelope.error)}`;
  const { payload: encoded, signatures } = envelope.data satisfies Envelope;
  const [{ keyid, sig }] = signatures;
  const payload = fromBase64(encoded);
  const signature = fromBase64(sig);
  if (!payload || !signature) return `the ${payload ? 'signature' : 'payload'} is not base64`;
  const content = parseJson(payload);
  if (content === undefined) return 'the payload is not JSON in UTF-8';
  const statement = statementSchema.safeParse(content);
  if (!statement.success) return `the statement is malformed: ${firstIssue(statement.error)}`;
  const id = createHash('sha256').update(payload).digest('hex');
  return { id, statement: content as Statement, payload, keyid, signature };
}

/**
 * The public key of an entry of a key list.
 * @returns the key, or in words why it is none: not an Ed25519 key, or the key id is not that of the key
 */
export function readKey({ keyid, spki }: ReceiptKey): KeyObject | string {
  const der = fromBase64(spki);
  if (!der) return 'the key is not base64';
  if (createHash('sha256').update(der).digest('hex') !== keyid) return 'the key id is not the SHA-256 of the key';
  try {
    const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ed25519' ? key : `the key is ${key.asymmetricKeyType}, not ed25519`;
  } catch {
    return 'the key is not an SPKI structure';
  }
}

/** A key list's entry for a public key in PEM. @throws Error when the text is no public key */
export function keyOfPem(pem: string): ReceiptKey {
  const der = createPublicKey(pem).export({ type: 'spki', format: 'der' });
  return { keyid: createHash('sha256').update(der).digest('hex'), spki: der.toString('base64') };
}

/** Whether the signature over DSSE's pre-authentication encoding is that of the key. */
export function isSignedBy({ payload, signature }: ReadReceipt, key: KeyObject): boolean {
  return verify(null, preAuthenticationEncoding(payloadType, payload), key, signature);
}

function fromBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

function parseJson(source: string | Uint8Array): unknown {
  try {
    return JSON.parse(typeof source === 'string' ? source : new TextDecoder('utf-8', { fatal: true }).decode(source));
  } catch {
    return undefined;
  }
}

function firstIssue(error: z.ZodError): string {
  const { path, message } = error.issues[0]!;
  return path.length > 0 ? `${path.join('.')}: ${message}` : message;
}
