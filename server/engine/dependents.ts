/** What depends on a thing, looked up in the stored receipts. */
import { type Dependent, dependentsOf } from '../domain/lineage/deletion.ts';
import type { ReadTransaction } from '../store/index.ts';
import { statementOf } from './receipts.ts';

/** Everything that was made from the named things and is still there, nearest first. */
export async function findDependents(read: ReadTransaction, names: readonly string[]): Promise<Dependent[]> {
  // One query, so that all is of one moment; newest first in each project.
  const rows = (await read.receipts({})).toReversed();
  return dependentsOf(names, rows.map(statementOf));
}
