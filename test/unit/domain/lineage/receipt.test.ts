import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import { preAuthenticationEncoding, sealReceipt, sha256OfJson } from '../../../../server/domain/lineage/receipt.ts';
import type { ReceiptDraft } from '../../../../server/domain/reducer.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const spki = publicKey.export({ type: 'spki', format: 'der' });
const signer = {
  keyid: createHash('sha256').update(spki).digest('hex'),
  sign: (bytes: Uint8Array) => sign(null, bytes, privateKey),
};
const place = { project: 'digits', at: Date.UTC(2026, 0, 2), actor: 'u1' };

function draft(more: Partial<ReceiptDraft> = {}): ReceiptDraft {
  const digest = { md5: 'a'.repeat(32), sha256: 'a'.repeat(64) };
  const subject = { name: 'dataset:digits@v1', digest };
  return { kind: 'dataset.added', subject, inputs: [], decision: 'the first version', evidence: { files: 1 }, ...more };
}

describe('receipt', () => {
  it('carries an Ed25519 signature over DSSE’s encoding that anyone can check with the public key', () => {
    const { envelope } = sealReceipt(draft(), place, signer);
    const payload = Buffer.from(envelope.payload, 'base64');
    // Written out as the DSSE specification does, not by our function.
    const signed = Buffer.concat([Buffer.from(`DSSEv1 28 application/vnd.in-toto+json ${payload.length} `), payload]);
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    const [signature] = envelope.signatures;
    assert.ok(verify(null, signed, key, Buffer.from(signature!.sig, 'base64')));
    payload[10]! ^= 1;
    const changed = preAuthenticationEncoding(envelope.payloadType, payload);
    assert.ok(!verify(null, changed, key, Buffer.from(signature!.sig, 'base64')));
  });

  it('is an in-toto statement with the members of the predicate that are promised', () => {
    const { statement } = sealReceipt(draft(), place, signer);
    assert.equal(statement._type, 'https://in-toto.io/Statement/v1');
    assert.equal(statement.predicateType, 'https://slipway.dev/receipt/v1');
    assert.deepEqual(statement.predicate, {
      project: 'digits',
      seq: 1,
      kind: 'dataset.added',
      at: '2026-01-02T00:00:00.000Z',
      actor: 'u1',
      inputs: [],
      decision: 'the first version',
      evidence: { files: 1 },
      prev: null,
    });
  });

  it('links each receipt to the SHA-256 of the payload before it', () => {
    const first = sealReceipt(draft(), place, signer);
    const second = sealReceipt(draft({ kind: 'split.made' }), { ...place, head: { seq: 1, id: first.id } }, signer);
    const digest = createHash('sha256').update(Buffer.from(first.envelope.payload, 'base64')).digest('hex');
    assert.deepEqual([first.id, second.statement.predicate.prev, second.statement.predicate.seq], [digest, digest, 2]);
  });

  it('gives a subject without bytes the SHA-256 of the RFC 8785 JSON of its evidence', () => {
    const evidence = { z: 1, a: { y: [1.0, 'é'], x: null } };
    const { statement } = sealReceipt(draft({ subject: { name: 'run:r1' }, evidence }), place, signer);
    const canonical = '{"a":{"x":null,"y":[1,"é"]},"z":1}';
    assert.equal(statement.subject[0]!.digest['sha256'], createHash('sha256').update(canonical).digest('hex'));
  });

  it('names further products as subjects', () => {
    const products = [{ name: 'output:r1/model', digest: { sha256: 'b'.repeat(64) } }];
    const { statement } = sealReceipt(draft({ products }), place, signer);
    assert.deepEqual(statement.subject[1], products[0]);
  });

  it('hashes JSON whatever the order of its members', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());
        assert.equal(sha256OfJson(turned), sha256OfJson(value));
      }),
    );
  });
});
