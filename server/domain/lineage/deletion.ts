/**
 * Deleting what somebody made, as the chain of receipts sees it: what depends on a thing, and the receipt that says
 * by whom it was deleted. Generic: things are known by the names that receipts give them (`dataset:digits@v1`,
 * `run:r1`, `model:digits@v2`), whatever deletes them.
 */
import type { Digests, ReceiptDraft } from '../reducer.ts';
import type { Statement } from './receipt.ts';

/** Something that was made from what is to be deleted. */
export interface Dependent {
  /** As its receipt names it: `run:r1`. */
  subject: string;
  project: string;
  /** Kind of the receipt that made it. */
  kind: string;
  /** Whether it names the thing itself as an input, or only something that was made from it. */
  isDirect: boolean;
}

/**
 * Everything that was made from the named things, nearest first: what names one of them as an input, what names that,
 * and so on. Of something with several receipts (an alias that moved, a dataset that was split again) the last counts.
 * What was deleted since, and the named things themselves, are left out.
 *
 * @param names names of the things, such as `run:r1`; what came to be in the same receipt (a run's outputs) goes along
 * @param statements of all projects' chains, each chain in its order
 */
export function dependentsOf(names: readonly string[], statements: Iterable<Statement>): Dependent[] {
  const latest = new Map<string, Statement>();
  for (const statement of statements) {
    const { kind } = statement.predicate;
    // What was deleted is gone, with what came to be beside it; made again later, it is there again.
    if (kind === 'deleted') for (const name of deletedNames(statement)) latest.delete(name);
    else latest.set(statement.subject[0]!.name, statement);
  }
  const readers = new Map<string, Statement[]>();
  for (const statement of latest.values()) {
    for (const { name } of statement.predicate.inputs) readers.set(name, [...(readers.get(name) ?? []), statement]);
  }
  const known = new Set(names.flatMap((name) => [name, ...besideOf(latest.get(name))]));
  const found: Dependent[] = [];
  let reached = [...known];
  for (let depth = 0; reached.length > 0; depth++) {
    const following: string[] = [];
    for (const statement of reached.flatMap((name) => readers.get(name) ?? [])) {
      const subject = statement.subject[0]!.name;
      if (known.has(subject)) continue;
      const { project, kind } = statement.predicate;
      found.push({ subject, project, kind, isDirect: depth === 0 });
      for (const name of besideOf(statement)) {
        known.add(name);
        following.push(name);
      }
    }
    reached = following;
  }
  return found;
}

/** The names of all that came to be in one receipt. */
function besideOf(statement: Statement | undefined): string[] {
  return statement?.subject.map(({ name }) => name) ?? [];
}

export interface Deletion {
  /** What was deleted: `model:digits@v2`. */
  subject: string;
  /**
   * Things with bytes of their own that went with it, itself included, as their receipts name them: of these nobody
   * expects bytes any more. A run's outputs go with the run and need not be named.
   */
  parts: readonly { name: string; digest: Digests }[];
  /** Subjects that depended on it when it was deleted. */
  dependents: readonly string[];
  /** When, ms since 1970; tells two deletions of one name apart. */
  at: number;
  /** What else is worth knowing. */
  evidence?: Record<string, unknown>;
}

/** The draft of a `deleted` receipt: its inputs are what went away, so that the chain proves that it was there. */
export function deletedReceipt({ subject, parts, dependents, at, evidence }: Deletion): ReceiptDraft {
  return {
    kind: 'deleted',
    subject: { name: subject },
    inputs: parts.map(({ name, digest }) => ({ name, digest })),
    decision: 'deleted by hand',
    evidence: { ...evidence, subject, dependents: [...dependents], at },
  };
}

/** What a `deleted` receipt says is gone, by name. */
export function deletedNames(statement: Statement): string[] {
  const { subject, predicate } = statement;
  return [...new Set([...subject, ...predicate.inputs].map(({ name }) => name))];
}
