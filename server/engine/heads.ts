/**
 * The heads of the chains, kept beside the database: a database that lost its last receipts (a damaged write-ahead
 * log, an old copy put back) is still consistent in itself, and only somebody who remembers the head can tell.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Project } from '../protocol/entities.ts';
import { writeAtomically } from '../runtimes/writeAtomically.ts';
import type { Context } from './context.ts';

export type Heads = Record<string, { seq: number; id: string }>;

/** The heads that a data folder remembers; none where it has none yet. */
export async function readHeads(data: string): Promise<Heads> {
  try {
    return JSON.parse(await readFile(join(data, 'heads.json'), 'utf8')) as Heads;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/** Remembers each head after its receipt is committed; never goes back. */
export async function keepHeads(context: Context): Promise<void> {
  const heads = await readHeads(context.folders.data);
  let tail = Promise.resolve();
  context.engine.onChange((changed) => {
    const projects = changed.filter((entity) => entity.topic === 'projects').map((entity) => entity.data as Project);
    if (projects.length === 0) return;
    for (const { name, receipts, head } of projects) {
      if (head !== undefined && receipts >= (heads[name]?.seq ?? 0)) heads[name] = { seq: receipts, id: head };
    }
    tail = tail
      .then(() => writeAtomically(join(context.folders.data, 'heads.json'), `${JSON.stringify(heads, null, 2)}\n`))
      .catch((error: unknown) => context.log('error', 'the heads could not be kept', { error: String(error) }));
  });
}

/** What the remembered heads say of chains as they are stored now. */
export function missingHeads(
  heads: Heads,
  receipts: ReadonlyMap<string, ReadonlySet<string>>,
): { project: string; seq: number; message: string }[] {
  return Object.entries(heads)
    .filter(([project, { id }]) => !receipts.get(project)?.has(id))
    .map(([project, { seq, id }]) => ({
      project,
      seq,
      message: `The last receipt of ${project} that was written, number ${seq} (${id.slice(0, 12)}…), is not in the database.`,
    }));
}
