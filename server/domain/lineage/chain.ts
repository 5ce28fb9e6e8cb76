/** One chain of receipts as far as it was read: what came to be in it, and the rules that bind one to the next. */
import type { Statement } from './receipt.ts';

type Digests = Record<string, string>;

/** A receipt's name for people: where it stands, and what it speaks of. */
export interface ReceiptPlace {
  /** Id of the receipt; empty when it cannot be read. */
  receipt: string;
  project: string;
  /** 0 when it cannot be read. */
  seq: number;
  kind: string;
  /** The subject that is meant, by default the first. */
  subject: string;
}

/** A chain: the receipts of one project and one control plane. */
export interface Chain {
  project: string;
  /** The key that signs now: `key.rotated` changes it. */
  keyid: string;
  /** Keys that signed in it, with a signature that holds. */
  signers: Set<string>;
  lastSeq: number;
  head: ReceiptPlace;
  ids: Map<number, string>;
  /** Digests of what came to be so far, by SHA-256. */
  subjects: Map<string, Digests[]>;
}

export function beginChain(place: ReceiptPlace, keyid: string): Chain {
  const { project } = place;
  return { project, keyid, signers: new Set(), lastSeq: 0, head: place, ids: new Map(), subjects: new Map() };
}

/** Takes a receipt into its chain. @returns in words what is wrong with its place: number, order, predecessor */
export function append(chain: Chain, place: ReceiptPlace, { prev }: Statement['predicate']): string[] {
  const { seq, receipt } = place;
  const problems: string[] = [];
  const next = chain.lastSeq + 1;
  if (chain.ids.has(seq)) problems.push(`another receipt of the chain has the number ${seq} too`);
  else if (seq > next) {
    problems.push(
      next === seq - 1
        ? `receipt ${next} before it is missing`
        : `receipts ${next} to ${seq - 1} before it are missing`,
    );
  } else if (seq < next) problems.push(`out of order: it comes after receipt ${chain.lastSeq}`);

  const before = chain.ids.get(seq - 1);
  if (seq === 1 && prev !== null) problems.push('it is the first of its chain, but names one before it');
  if (seq > 1 && prev === null) problems.push('it names no receipt before it');
  if (prev !== null && before !== undefined && before !== prev) {
    problems.push(`the receipt before it (${seq - 1}) is not the one that it names`);
  }
  if (!chain.ids.has(seq)) chain.ids.set(seq, receipt);
  if (seq > chain.lastSeq) {
    chain.lastSeq = seq;
    chain.head = place;
  }
  return problems;
}

/** Notes what came to be. */
export function addSubjects(chain: Chain, subjects: readonly { digest: Digests }[]): void {
  for (const { digest } of subjects) {
    const known = chain.subjects.get(digest['sha256']!);
    if (known) known.push(digest);
    else chain.subjects.set(digest['sha256']!, [digest]);
  }
}

/** Whether something with this digest came to be in the chain so far. */
export function hasSubject(chain: Chain, digest: Digests): boolean {
  return (chain.subjects.get(digest['sha256']!) ?? []).some((subject) => agree(subject, digest));
}

/** Whether two sets of digests are of the same bytes: SHA-256 in both, and no other algorithm that contradicts. */
export function agree(a: Digests, b: Digests): boolean {
  return a['sha256'] === b['sha256'] && Object.entries(a).every(([algorithm, hex]) => (b[algorithm] ?? hex) === hex);
}
