/** Reading the chain of receipts: lists, single ones, the export, and the check against the store. */
import type { Envelope, Statement } from '../domain/lineage/receipt.ts';
import { SlipwayError } from '../protocol/errors.ts';
import type { ReadTransaction, StoredReceipt } from '../store/index.ts';
import type { Context } from './context.ts';
import { missingHeads, readHeads } from './heads.ts';
import type { PageQuery } from './query.ts';
import { verifyReceipts } from './verifyBytes.ts';

export function statementOf(receipt: StoredReceipt): Statement {
  const envelope = JSON.parse(receipt.envelope) as Envelope;
  return JSON.parse(Buffer.from(envelope.payload, 'base64').toString('utf8')) as Statement;
}

/** Receipts of a project, newest first. */
export async function listReceipts(read: ReadTransaction, query: PageQuery & { project: string; subject?: string }) {
  const limit = query.limit ?? 100;
  const beforeSeq = query.cursor === undefined ? undefined : Number(query.cursor);
  const { project, subject } = query;
  const rows = await read.receipts({ project, subject, beforeSeq, limit: limit + 1 });
  const items = rows.slice(0, limit).map((row) => {
    const statement = statementOf(row);
    const { predicate } = statement;
    return {
      id: row.id,
      project,
      seq: row.seq,
      kind: row.kind,
      at: predicate.at,
      subject: row.subject,
      decision: predicate.decision,
      statement,
    };
  });
  return { items, next: rows.length > limit ? String(items.at(-1)!.seq) : undefined };
}

export async function readReceipt(read: ReadTransaction, id: string) {
  const [row] = await read.receipts({ id, limit: 1 });
  if (!row) throw new SlipwayError('receipt.unknown', `There is no receipt ${id}.`, '', 404);
  return { id, envelope: JSON.parse(row.envelope) as unknown, statement: statementOf(row) };
}

/** JSON lines: the keys, then the envelopes of each project in the order of their chain. */
export async function* exportReceipts(read: ReadTransaction, publicKeys: Record<string, string>, project?: string) {
  const keys = Object.entries(publicKeys).map(([keyid, spki]) => ({ keyid, spki }));
  yield `${JSON.stringify({ keys })}\n`;
  const projects = project === undefined ? await read.receiptProjects() : await withSources(read, project);
  for (const name of projects) {
    for (const row of (await read.receipts({ project: name })).toReversed()) yield `${row.envelope}\n`;
  }
}

/** A project and those whose receipts its own name: without them its inputs would lead nowhere. */
async function withSources(read: ReadTransaction, project: string): Promise<string[]> {
  const needed = new Set([project]);
  for (const name of needed) {
    for (const row of await read.receipts({ project: name })) {
      for (const { source } of statementOf(row).predicate.inputs) {
        const id = /^receipt:([0-9a-f]{64})$/.exec(source ?? '')?.[1];
        const [other] = id === undefined ? [] : await read.receipts({ id, limit: 1 });
        if (other) needed.add(other.project);
      }
    }
  }
  return [...needed];
}

/**
 * Checks the stored receipts, and the bytes they speak of.
 * @param concerns only subjects for which this holds are looked up in the store
 */
export async function verifyStored(
  context: Context,
  publicKeys: Record<string, string>,
  concerns: ((subject: string) => boolean) | undefined,
  onProgress: (objects: number) => void,
  project?: string,
) {
  const { read } = context.engine.store;
  // Before the receipts: what is added meanwhile must not look lost.
  const heads = await readHeads(context.folders.data);
  const envelopes: string[] = [];
  const ids = new Map<string, Set<string>>();
  for (const name of await read.receiptProjects()) {
    // Another project's chain is needed where this one names its receipts; its own problems are not asked for.
    const rows = (await read.receipts({ project: name })).toReversed();
    envelopes.push(...rows.map((row) => row.envelope));
    ids.set(name, new Set(rows.map((row) => row.id)));
  }
  const report = await verifyReceipts({
    envelopes,
    publicKeys,
    objects: context.objects,
    concerns,
    onProgress,
    project,
    signal: context.signal,
  });
  const lost = missingHeads(heads, ids).filter((one) => project === undefined || one.project === project);
  if (concerns !== undefined || lost.length === 0) return report;
  const places = lost.map((one) => ({ ...one, receipt: heads[one.project]!.id, kind: '', subject: '' }));
  return { ...report, ok: false, problems: [...report.problems, ...places] };
}
