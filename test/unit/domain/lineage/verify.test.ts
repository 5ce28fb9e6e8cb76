import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Envelope } from '../../../../server/domain/lineage/receipt.ts';
import { type Verdict, verifyChains } from '../../../../server/domain/lineage/verify.ts';
import { digestsOf, draft, loop, newKey, reseal, type Sealed, seal, type TestKey } from './chains.ts';

const key = newKey();
const other = newKey();
const chain = seal(loop(), key);

function check(sealed: readonly Sealed[], known?: string[], keys: TestKey[] = [key]): Verdict {
  return verifyChains({ envelopes: sealed.map((one) => one.envelope), keys, known });
}

/** The problems as `seq subject: message`. */
function told(verdict: Verdict): string[] {
  assert.equal(verdict.ok, verdict.problems.length === 0);
  return verdict.problems.map(({ seq, subject, message }) => `${seq} ${subject}: ${message}`);
}

describe('verifying chains of receipts', () => {
  it('finds nothing wrong with a chain as the engine seals it', () => {
    const verdict = check(chain, [key.keyid]);
    assert.deepEqual(told(verdict), []);
    assert.equal(verdict.signer, 'known');
    assert.equal(verdict.count, 6);
    assert.deepEqual(verdict.heads, { digits: chain.at(-1)!.id });
  });

  it('says that the signer is unchecked where nobody named a key', () => {
    assert.deepEqual([check(chain).ok, check(chain).signer], [true, 'unchecked']);
  });

  it('says that a chain is not signed by the key that is expected', () => {
    const verdict = check(chain, [other.keyid]);
    assert.equal(verdict.signer, 'unknown');
    assert.match(told(verdict)[0]!, /^6 alias:digits\/production: the chain is signed by .* not the expected key/);
  });

  it('takes text lines as it takes parsed envelopes', () => {
    const envelopes = chain.map((one) => JSON.stringify(one.envelope));
    assert.equal(verifyChains({ envelopes, keys: [key] }).ok, true);
  });

  it('names the subjects whose bytes should be in the store, and what kind of object they are', () => {
    const { stored } = check(chain);
    assert.deepEqual(
      stored.map(({ subject, shape, md5 }) => [subject, shape, md5]),
      [
        ['dataset:digits@v1', 'folder', digestsOf('data').md5],
        ['split:digits@v1', 'file', digestsOf('split').md5],
        ['output:r1/model', 'either', digestsOf('model').md5],
        ['model:digits@v1', 'either', digestsOf('model').md5],
      ],
    );
  });

  describe('after any tampering', () => {
    const position = fc.nat({ max: chain.length - 1 });

    it('finds a changed character of any envelope', () => {
      const fields = ['payload', 'payloadType', 'sig', 'keyid'] as const;
      const property = fc.property(
        position,
        fc.constantFrom(...fields),
        fc.nat(),
        fc.integer({ min: 1, max: 94 }),
        (at, field, where, shift) => {
          const changed = chain.map((one, i) =>
            i === at ? { ...one, envelope: altered(one.envelope, field, where, shift) } : one,
          );
          const verdict = check(changed);
          assert.equal(verdict.ok, false);
          assert.ok(
            verdict.problems.some(
              (one) => one.seq === at + 1 || one.subject === `envelope ${at + 1}` || one.seq === at + 2,
            ),
          );
        },
      );
      fc.assert(property, { numRuns: 300 });
    });

    it('finds a changed bit of any payload, signature and key', () => {
      const property = fc.property(
        position,
        fc.constantFrom('payload', 'sig', 'spki'),
        fc.nat(),
        fc.nat({ max: 7 }),
        (at, field, where, bit) => {
          const flip = (text: string) => {
            const bytes = Buffer.from(text, 'base64');
            bytes[where % bytes.length]! ^= 1 << bit;
            return bytes.toString('base64');
          };
          if (field === 'spki') return !check(chain, undefined, [{ ...key, spki: flip(key.spki) }]).ok;
          const { envelope, id } = chain[at]!;
          const [{ keyid, sig }] = envelope.signatures as [{ keyid: string; sig: string }];
          const changed: Envelope =
            field === 'payload'
              ? { ...envelope, payload: flip(envelope.payload) }
              : { ...envelope, signatures: [{ keyid, sig: flip(sig) }] };
          return !check(chain.with(at, { id, envelope: changed })).ok;
        },
      );
      fc.assert(property, { numRuns: 300 });
    });

    it('finds any receipt that was left out before the last', () => {
      for (let at = 0; at < chain.length - 1; at++) {
        const problems = check(chain.toSpliced(at, 1)).problems;
        assert.ok(
          problems.some(({ seq, message }) => seq === at + 2 && message === `receipt ${at + 1} before it is missing`),
          JSON.stringify(problems),
        );
      }
    });

    it('finds any receipt that is there twice, and where', () => {
      fc.assert(
        fc.property(position, position, (which, where) => {
          const problems = check(chain.toSpliced(where, 0, chain[which]!)).problems;
          assert.ok(problems.some(({ seq, message }) => seq === which + 1 && message === 'it is there twice'));
        }),
      );
    });

    it('finds any other order', () => {
      const order = fc.shuffledSubarray([...chain.keys()], { minLength: chain.length });
      fc.assert(
        fc.property(order, (indices) => {
          const isSame = indices.every((index, i) => index === i);
          assert.equal(check(indices.map((index) => chain[index]!)).ok, isSame);
        }),
      );
    });

    it('names both of two receipts that changed places', () => {
      const swapped = [chain[0]!, chain[1]!, chain[3]!, chain[2]!, chain[4]!, chain[5]!];
      const problems = told(check(swapped));
      assert.ok(problems.includes('4 validation:v1: receipt 3 before it is missing'), problems.join('\n'));
      assert.ok(problems.includes('3 run:r1: out of order: it comes after receipt 4'), problems.join('\n'));
    });

    it('finds a first receipt that names one before it, and a later one that names none', () => {
      const first = reseal(chain[0]!, { prev: '0'.repeat(64) }, key);
      assert.deepEqual(told(check([first])), [
        '1 dataset:digits@v1: it is the first of its chain, but names one before it',
      ]);
      const second = reseal(chain[1]!, { prev: null }, key);
      assert.deepEqual(told(check([chain[0]!, second])), ['2 split:digits@v1: it names no receipt before it']);
    });

    it('finds a receipt that was sealed anew with the same key: the next one names another', () => {
      const forged = seal([draft('split.made', 'split:digits@v1', { digest: digestsOf('other') })], key, 'digits', {
        seq: 1,
        id: chain[0]!.id,
      });
      const problems = told(check(chain.with(1, forged[0]!)));
      assert.ok(
        problems.includes('3 run:r1: the receipt before it (2) is not the one that it names'),
        problems.join('\n'),
      );
    });

    it('finds a receipt that another key signed in the name of the first', () => {
      const [forged] = seal([loop()[0]!], other);
      const envelope = { ...forged!.envelope, signatures: [{ ...forged!.envelope.signatures[0]!, keyid: key.keyid }] };
      assert.ok(
        told(check([{ id: forged!.id, envelope }, ...chain.slice(1)])).includes(
          '1 dataset:digits@v1: the signature is wrong',
        ),
      );
    });

    it('finds a key that changes without a receipt that says so', () => {
      const added = seal([draft('run.finished', 'run:r2')], other, 'digits', { seq: 6, id: chain.at(-1)!.id });
      const problems = told(check([...chain, ...added], undefined, [key, other]));
      assert.match(problems.join('\n'), /^7 run:r2: it names .* as its signer, but the key of its chain is/);
    });

    it('finds a second beginning of a chain by the same key', () => {
      const again = seal([draft('run.finished', 'run:r9')], key);
      assert.deepEqual(told(check([...chain, ...again])), [
        '1 run:r9: another receipt of the chain has the number 1 too',
      ]);
    });
  });

  describe('inputs', () => {
    it('must be subjects of earlier receipts', () => {
      const strange = seal(
        [draft('run.finished', 'run:r2', { inputs: [{ name: 'dataset:x@v1', digest: digestsOf('x') }] })],
        key,
      );
      assert.match(told(check(strange))[0]!, /^1 run:r2: no earlier receipt made the input dataset:x@v1/);
    });

    it('do not count when only the md5 differs', () => {
      const input = { name: 'dataset:digits@v1', digest: { ...digestsOf('data'), md5: digestsOf('x').md5 } };
      const drafts = [loop()[0]!, draft('run.finished', 'run:r2', { inputs: [input] })];
      assert.match(told(check(seal(drafts, key)))[0]!, /no earlier receipt made the input/);
    });

    it('are not made by the receipt itself or by later ones', () => {
      const own = draft('run.finished', 'run:r2', { products: [{ name: 'output:r2/a', digest: digestsOf('a') }] });
      const later = [{ ...own, inputs: [{ name: 'output:r2/a', digest: digestsOf('a') }] }];
      assert.match(told(check(seal(later, key)))[0]!, /no earlier receipt made the input/);
    });

    it('may come from outside, if that is said', () => {
      const inputs = [{ name: 's3://bucket/x', digest: digestsOf('x'), source: 'external' }];
      assert.deepEqual(told(check(seal([draft('run.finished', 'run:r2', { inputs })], key))), []);
      const odd = [{ ...inputs[0]!, source: 'elsewhere' }];
      assert.match(
        told(check(seal([draft('run.finished', 'run:r2', { inputs: odd })], key)))[0]!,
        /unknown source elsewhere/,
      );
    });

    const fromChain = (source: string, digest = digestsOf('data')) =>
      seal(
        [
          draft('run.finished', 'run:z1', {
            inputs: [{ name: 'dataset:digits@v1', digest, source: `receipt:${source}` }],
          }),
        ],
        key,
        'abacus',
      );

    it('may come from another chain by its receipt, wherever that stands in the list', () => {
      const using = fromChain(chain[0]!.id);
      assert.deepEqual(told(check([...using, ...chain])), []);
      assert.deepEqual(told(check([...chain, ...using])), []);
    });

    it('are not accepted from a receipt that is not here, made something else, or is of the same chain', () => {
      assert.match(told(check(fromChain(chain[0]!.id)))[0]!, /which is not here/);
      assert.match(told(check([...chain, ...fromChain(chain[1]!.id)]))[0]!, /which made nothing with this digest/);
      const inputs = [{ name: 'dataset:digits@v1', digest: digestsOf('data'), source: `receipt:${chain[0]!.id}` }];
      const same = seal([draft('run.finished', 'run:r2', { inputs })], key, 'digits', { seq: 6, id: chain.at(-1)!.id });
      assert.match(told(check([...chain, ...same]))[0]!, /but it is of this one/);
    });
  });

  describe('subjects without bytes', () => {
    it('have the digest of their evidence', () => {
      const wrong = draft('run.finished', 'run:r2', { digest: { sha256: digestsOf('x').sha256 } });
      assert.deepEqual(told(check(seal([wrong], key))), ['1 run:r2: its digest is not that of the evidence']);
    });

    it('stand first', () => {
      const wrong = draft('run.finished', 'run:r2', {
        products: [{ name: 'output:r2/a', digest: { sha256: digestsOf('a').sha256 } }],
      });
      assert.match(told(check(seal([wrong], key)))[0]!, /^1 output:r2\/a: it has neither bytes/);
    });

    it('of a version by stat have the digest of its stat list', () => {
      const byStat = draft('dataset.added', 'dataset:big@v1', {
        digest: { sha256: digestsOf('list').sha256 },
        evidence: { by: 'stat' },
      });
      assert.deepEqual(told(check(seal([byStat], key))), []);
    });
  });

  describe('a rotated key', () => {
    const rotation = draft('key.rotated', `key:${other.keyid}`, {
      digest: { sha256: other.keyid },
      evidence: { keyid: other.keyid, spki: other.spki },
    });
    const rotated = seal([...loop(), rotation], key);
    const after = seal([draft('run.finished', 'run:r2')], other, 'digits', { seq: 7, id: rotated.at(-1)!.id });

    it('signs from then on, and either key vouches for the chain', () => {
      const all = [...rotated, ...after];
      assert.deepEqual(told(check(all, [key.keyid])), []);
      assert.deepEqual(told(check(all, [other.keyid])), []);
    });

    it('does not vouch for a chain that only names it', () => {
      assert.equal(check(rotated, [other.keyid]).signer, 'unknown');
    });

    it('ends what the old key may sign', () => {
      const late = seal([draft('run.finished', 'run:r2')], key, 'digits', { seq: 7, id: rotated.at(-1)!.id });
      assert.match(
        told(check([...rotated, ...late]))[0]!,
        /^8 run:r2: it names .* as its signer, but the key of its chain is/,
      );
    });

    it('is announced by the old key, with the whole new key', () => {
      const own = seal([rotation], other, 'digits', { seq: 6, id: chain.at(-1)!.id });
      assert.equal(check([...chain, ...own], undefined, [key, other]).ok, false);
      const half = draft('key.rotated', `key:${other.keyid}`, {
        digest: { sha256: other.keyid },
        evidence: { keyid: other.keyid },
      });
      assert.match(told(check(seal([half], key)))[0]!, /has no keyid and spki/);
    });
  });

  describe('what was deleted', () => {
    it('needs no bytes any more, a run with its outputs', () => {
      const verdict = check(
        seal([...loop().slice(0, 3), draft('deleted', 'run:r1', { evidence: { run: 'r1' } })], key),
      );
      assert.deepEqual(told(verdict), []);
      assert.deepEqual(
        verdict.stored.map((one) => one.subject),
        ['dataset:digits@v1', 'split:digits@v1'],
      );
      assert.deepEqual(
        verdict.deleted.map(({ subject, by }) => [subject, by.seq]),
        [
          ['run:r1', 4],
          ['output:r1/model', 4],
        ],
      );
    });

    it('needs them again when it came to be anew', () => {
      const [dataset] = loop();
      const verdict = check(seal([dataset!, draft('deleted', 'dataset:digits@v1'), dataset!], key));
      assert.deepEqual(
        verdict.stored.map((one) => one.seq),
        [3],
      );
    });
  });

  describe('several chains', () => {
    it('of several projects, and of one project on several control planes, are told apart', () => {
      const second = seal([draft('run.finished', 'run:elsewhere')], other);
      const verdict = check([...chain, ...seal([loop()[0]!], key, 'abacus'), ...second], undefined, [key, other]);
      assert.deepEqual(told(verdict), []);
      assert.deepEqual(Object.keys(verdict.heads), ['digits', 'abacus', `digits@${second[0]!.id.slice(0, 12)}`]);
    });

    it('must each be signed by the expected key', () => {
      const verdict = check([...chain, ...seal(loop(), other, 'abacus')], [key.keyid], [key, other]);
      assert.equal(verdict.signer, 'unknown');
      assert.match(verdict.problems[0]!.project, /^abacus$/);
    });
  });

  it('tells what cannot be read by its place, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.jsonValue()), (junk) => {
        const { problems } = verifyChains({ envelopes: [chain[0]!.envelope, junk], keys: [key] });
        assert.equal(problems[0]!.subject, 'envelope 2');
      }),
    );
  });

  it('refuses a key whose id is not its own', () => {
    const swapped = { ...key, spki: other.spki };
    assert.match(told(check(chain, undefined, [swapped]))[0]!, /the key id is not the SHA-256 of the key/);
  });
});

/** An envelope with one character of a field replaced by another printable one. */
function altered(
  envelope: Envelope,
  field: 'payload' | 'payloadType' | 'sig' | 'keyid',
  where: number,
  shift: number,
): Envelope {
  const change = (text: string) => {
    const at = where % text.length;
    const code = ((text.charCodeAt(at) - 32 + shift) % 95) + 32;
    return text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
  };
  if (field === 'payload') return { ...envelope, payload: change(envelope.payload) };
  if (field === 'payloadType')
    return { ...envelope, payloadType: change(envelope.payloadType) as Envelope['payloadType'] };
  const [signature] = envelope.signatures;
  return { ...envelope, signatures: [{ ...signature!, [field]: change(signature![field]) }] };
}
