// Verifying receipts: signatures, order, chain, and that every input leads back without a gap. Pure: envelopes and keys
// in, problems out; the bytes that the receipts speak of are read by server/engine/verifyBytes.ts. Called by the engine
// for its operation and by `slipway receipts verify`. What a receipt is: receipt.ts; one chain: chain.ts.
import type { KeyObject } from 'node:crypto';
import { addSubjects, agree, append, beginChain, type Chain, hasSubject, type ReceiptPlace } from './chain.ts';
import { deletedNames } from './deletion.ts';
import { isSignedBy, type ReadReceipt, type ReceiptKey, readEnvelope, readKey } from './readEnvelope.ts';
import { type Statement, sha256OfJson } from './receipt.ts';

export type { ReceiptPlace } from './chain.ts';
export { keyOfPem, type ReceiptKey } from './readEnvelope.ts';

export interface VerifyRequest {
  /** Envelopes as JSON text or parsed; the receipts of a chain in its order, chains one after the other or mixed. */
  envelopes: readonly unknown[];
  /** Keys to check signatures with; no trust follows from standing here. */
  keys: readonly ReceiptKey[];
  /** Ids of the keys that are trusted; undefined where nobody said whom to trust. */
  known?: readonly string[];
}

export interface VerifyProblem extends ReceiptPlace {
  message: string;
}

/** A subject whose bytes should be in the store. */
export interface StoredSubject extends ReceiptPlace {
  md5: string;
  sha256: string;
  /** `folder`: the object is a `.dir` manifest; `either`: whichever the store has. */
  shape: 'folder' | 'file' | 'either';
}

export interface Verdict {
  ok: boolean;
  problems: VerifyProblem[];
  /** Whether every chain was signed by a trusted key; `unchecked` where none was named. */
  signer: 'known' | 'unchecked' | 'unknown';
  /** The last receipt of each project's chain; a second chain of a project stands under `PROJECT@<12 hex of its first>`. */
  heads: Record<string, string>;
  /** Receipts read. */
  count: number;
  /** Subjects that need no bytes any more, and the receipt that says so. */
  deleted: { subject: string; by: ReceiptPlace }[];
  stored: StoredSubject[];
}

/** Checks receipts and their chains; nothing is thrown, whatever the envelopes hold. */
export function verifyChains({ envelopes, keys, known }: VerifyRequest): Verdict {
  const reading = new Reading(keys);
  for (const [index, envelope] of envelopes.entries()) reading.take(envelope, index);
  return reading.finish(known);
}

interface Seen {
  chain: Chain;
  subjects: Statement['subject'];
}

class Reading {
  readonly #problems: VerifyProblem[] = [];
  readonly #keys = new Map<string, KeyObject>();
  readonly #chains: Chain[] = [];
  readonly #seen = new Map<string, Seen>();
  /** Inputs that name a receipt of another chain, which may come later in the list. */
  readonly #foreign: { place: ReceiptPlace; chain: Chain; input: Statement['predicate']['inputs'][number] }[] = [];
  readonly #deleted: Verdict['deleted'] = [];
  #stored: (StoredSubject & { chain: Chain })[] = [];
  #count = 0;

  constructor(keys: readonly ReceiptKey[]) {
    for (const key of keys)
      this.#addKey(key, { receipt: '', project: '', seq: 0, kind: '', subject: `key ${key.keyid}` });
  }

  take(envelope: unknown, index: number): void {
    this.#count++;
    const read = readEnvelope(envelope);
    if (typeof read === 'string') {
      this.#report({ receipt: '', project: '', seq: 0, kind: '', subject: `envelope ${index + 1}` }, read);
      return;
    }
    const { predicate, subject } = read.statement;
    const { project, seq, kind } = predicate;
    const place: ReceiptPlace = { receipt: read.id, project, seq, kind, subject: subject[0]!.name };
    if (this.#seen.has(read.id)) {
      this.#report(place, 'it is there twice');
      return;
    }

    const chain = this.#chainOf(read, place);
    this.#report(place, ...append(chain, place, predicate));
    this.#checkSignature(read, chain, place);
    this.#checkInputs(read, chain, place);
    this.#checkSubjects(read, chain, place);
    if (kind === 'key.rotated') this.#rotate(read, chain, place);
    if (kind === 'deleted') this.#forget(read, chain, place);
    this.#seen.set(read.id, { chain, subjects: subject });
    addSubjects(chain, subject);
  }

  finish(known: readonly string[] | undefined): Verdict {
    for (const { place, chain, input } of this.#foreign) {
      const named = this.#seen.get(input.source!.slice('receipt:'.length));
      const source = `the input ${input.name} names the receipt ${input.source!.slice('receipt:'.length)}`;
      if (!named) this.#report(place, `${source}, which is not here`);
      else if (named.chain === chain) this.#report(place, `${source} as one of another chain, but it is of this one`);
      else if (!named.subjects.some((subject) => agree(subject.digest, input.digest))) {
        this.#report(place, `${source}, which made nothing with this digest`);
      }
    }
    const strange =
      known === undefined ? [] : this.#chains.filter((chain) => !known.some((keyid) => chain.signers.has(keyid)));
    for (const chain of strange)
      this.#report(chain.head, `the chain is signed by ${chain.keyid}, which is not the expected key`);
    return {
      ok: this.#problems.length === 0,
      problems: this.#problems,
      signer: known === undefined ? 'unchecked' : strange.length > 0 ? 'unknown' : 'known',
      heads: this.#heads(),
      count: this.#count,
      deleted: this.#deleted,
      stored: this.#stored.map(({ chain: _, ...subject }) => subject),
    };
  }

  #report(place: ReceiptPlace, ...messages: string[]): void {
    for (const message of messages) this.#problems.push({ ...place, message });
  }

  #addKey(key: ReceiptKey, place: ReceiptPlace): void {
    const read = readKey(key);
    if (typeof read === 'string') this.#report(place, read);
    else this.#keys.set(key.keyid, read);
  }

  /** The chain of the receipt that it names as the one before; one project may have a chain of each control plane. */
  #chainOf({ statement, keyid }: ReadReceipt, place: ReceiptPlace): Chain {
    const { prev, project } = statement.predicate;
    const before = prev === null ? undefined : this.#seen.get(prev)?.chain;
    if (before?.project === project) return before;
    const own = this.#chains.filter((chain) => chain.project === project);
    const likely = own.findLast((chain) => chain.keyid === keyid) ?? (prev === null ? undefined : own.at(-1));
    if (likely) return likely;
    const chain = beginChain(place, keyid);
    this.#chains.push(chain);
    return chain;
  }

  #checkSignature(read: ReadReceipt, chain: Chain, place: ReceiptPlace): void {
    const key = this.#keys.get(read.keyid);
    if (!key) this.#report(place, `the key ${read.keyid} that it names as its signer is not here`);
    else if (!isSignedBy(read, key)) this.#report(place, 'the signature is wrong');
    else if (read.keyid === chain.keyid) chain.signers.add(read.keyid);
    if (read.keyid !== chain.keyid)
      this.#report(place, `it names ${read.keyid} as its signer, but the key of its chain is ${chain.keyid}`);
  }

  #checkInputs({ statement }: ReadReceipt, chain: Chain, place: ReceiptPlace): void {
    for (const input of statement.predicate.inputs) {
      if (input.source === undefined) {
        if (!hasSubject(chain, input.digest)) {
          this.#report(place, `no earlier receipt made the input ${input.name} (sha256 ${input.digest['sha256']})`);
        }
      } else if (/^receipt:[0-9a-f]{64}$/.test(input.source)) this.#foreign.push({ place, chain, input });
      else if (input.source !== 'external')
        this.#report(place, `the input ${input.name} has the unknown source ${input.source}`);
    }
  }

  #checkSubjects({ statement }: ReadReceipt, chain: Chain, place: ReceiptPlace): void {
    const { kind, evidence } = statement.predicate;
    for (const [index, { name, digest }] of statement.subject.entries()) {
      const own = { ...place, subject: name };
      const { md5, sha256 } = digest;
      if (md5 !== undefined) {
        this.#stored.push({ ...own, md5, sha256: sha256!, shape: shapeOf(name, evidence), chain });
      } else if (kind === 'key.rotated' || evidence['by'] === 'stat') {
        // The SHA-256 is that of a key, or of a list of file times: not of the evidence.
      } else if (index > 0) this.#report(own, 'it has neither bytes (md5) nor evidence of its own');
      else if (sha256OfJson(evidence) !== sha256) this.#report(own, 'its digest is not that of the evidence');
    }
  }

  /** From here on the new key signs. */
  #rotate({ statement }: ReadReceipt, chain: Chain, place: ReceiptPlace): void {
    const { keyid, spki } = statement.predicate.evidence;
    if (typeof keyid !== 'string' || typeof spki !== 'string') {
      this.#report(place, 'the evidence has no keyid and spki of the new key');
      return;
    }
    if (statement.subject[0]!.digest['sha256'] !== keyid) this.#report(place, 'its subject is not the new key');
    this.#addKey({ keyid, spki }, place);
    chain.keyid = keyid;
  }

  /** Of what is deleted nobody expects bytes: of the subject, of the inputs, and of a run's outputs. */
  #forget({ statement }: ReadReceipt, chain: Chain, place: ReceiptPlace): void {
    const names = deletedNames(statement);
    const isGone = (subject: string) =>
      names.some(
        (name) =>
          subject === name || (name.startsWith('run:') && subject.startsWith(`output:${name.slice('run:'.length)}/`)),
      );
    const gone = this.#stored.filter((one) => one.chain === chain && isGone(one.subject));
    this.#stored = this.#stored.filter((one) => !gone.includes(one));
    for (const subject of new Set([...names, ...gone.map((one) => one.subject)]))
      this.#deleted.push({ subject, by: place });
  }

  #heads(): Record<string, string> {
    const heads: Record<string, string> = {};
    for (const { project, head, ids } of this.#chains) {
      const first = ids.get(1) ?? head.receipt;
      heads[Object.hasOwn(heads, project) ? `${project}@${first.slice(0, 12)}` : project] = head.receipt;
    }
    return heads;
  }
}

/** What kind of object a subject's bytes are. A dataset may be a single file; a split is one document. */
function shapeOf(name: string, evidence: Record<string, unknown>): StoredSubject['shape'] {
  if (name.startsWith('split:')) return 'file';
  if (name.startsWith('dataset:'))
    return evidence['folder'] === undefined ? 'either' : evidence['folder'] ? 'folder' : 'file';
  return 'either';
}
