// Chains of receipts for tests, sealed as the engine seals them.
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  type Envelope,
  payloadType,
  preAuthenticationEncoding,
  type Signer,
  type Statement,
  sealReceipt,
} from '../../../../server/domain/lineage/receipt.ts';
import type { ReceiptKey } from '../../../../server/domain/lineage/verify.ts';
import type { Digests, ReceiptDraft } from '../../../../server/domain/reducer.ts';

export interface TestKey extends Signer, ReceiptKey {
  privateKey: KeyObject;
  pem: string;
}

export function newKey(): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return {
    keyid: createHash('sha256').update(spki).digest('hex'),
    spki: spki.toString('base64'),
    sign: (bytes) => sign(null, bytes, privateKey),
    privateKey,
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

export interface Sealed {
  id: string;
  envelope: Envelope;
}

/** Seals drafts into a chain, after what `head` says. */
export function seal(
  drafts: readonly ReceiptDraft[],
  signer: Signer,
  project = 'digits',
  head?: { seq: number; id: string },
): Sealed[] {
  return drafts.map((draft, i) => {
    const { id, envelope, statement } = sealReceipt(
      draft,
      { project, head, at: 1_700_000_000_000 + i, actor: 'user-1' },
      signer,
    );
    head = { seq: statement.predicate.seq, id };
    return { id, envelope };
  });
}

/** The same receipt with another predicate, signed anew. */
export function reseal({ envelope }: Sealed, change: Partial<Statement['predicate']>, signer: Signer): Sealed {
  const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString()) as Statement;
  const payload = Buffer.from(JSON.stringify({ ...statement, predicate: { ...statement.predicate, ...change } }));
  const sig = Buffer.from(signer.sign(preAuthenticationEncoding(payloadType, payload))).toString('base64');
  const id = createHash('sha256').update(payload).digest('hex');
  return {
    id,
    envelope: { payload: payload.toString('base64'), payloadType, signatures: [{ keyid: signer.keyid, sig }] },
  };
}

/** Digests that stand for some bytes. */
export function digestsOf(text: string): { md5: string; sha256: string } {
  const hash = (algorithm: string) => createHash(algorithm).update(text).digest('hex');
  return { md5: hash('md5'), sha256: hash('sha256') };
}

export function draft(
  kind: string,
  name: string,
  more: Partial<ReceiptDraft> & { digest?: Digests } = {},
): ReceiptDraft {
  const { digest, ...rest } = more;
  return { kind, subject: { name, digest }, inputs: [], decision: 'done', evidence: { of: name }, ...rest };
}

/** dataset → split → run with a model → validation → model version → alias. */
export function loop(): ReceiptDraft[] {
  const dataset = { name: 'dataset:digits@v1', digest: digestsOf('data') };
  const split = { name: 'split:digits@v1', digest: digestsOf('split') };
  const output = { name: 'output:r1/model', digest: digestsOf('model') };
  const model = { name: 'model:digits@v1', digest: output.digest };
  const code = { name: 'code', digest: digestsOf('code'), source: 'external' };
  return [
    draft('dataset.added', dataset.name, { digest: dataset.digest, evidence: { folder: true, files: 3 } }),
    draft('split.made', split.name, { digest: split.digest, inputs: [dataset] }),
    draft('run.finished', 'run:r1', {
      products: [output],
      inputs: [dataset, split, code],
      evidence: { accuracy: 0.5, text: '🚢 µ' },
    }),
    draft('validation.decided', 'validation:v1', { inputs: [output] }),
    draft('model.registered', model.name, { digest: model.digest, inputs: [output] }),
    draft('alias.moved', 'alias:digits/production', { inputs: [model] }),
  ];
}
