// The runs of a comparison by column, as the server sends them, and again when runs change. Pure.
import type { CompareTable } from '../../../server/protocol/metrics.ts';
import { type Cell, type Dimension, isMissing } from '../../charts/dimension.ts';

type SentColumn = CompareTable['columns'][number];

export interface CompareColumn extends Dimension {
  kind: SentColumn['kind'];
  type: SentColumn['type'];
  name: string;
  /** Not all runs have the same value. */
  differs: boolean;
}

export interface CompareData {
  ids: readonly string[];
  titles: readonly string[];
  statuses: readonly string[];
  columns: readonly CompareColumn[];
  /** The row of each run. */
  rowOf: ReadonlyMap<string, number>;
}

/** A column's name among all; a parameter and a metric may have the same. */
export function columnId({ kind, name }: Pick<SentColumn, 'kind' | 'name'>): string {
  return `${kind}:${name}`;
}

/** The data of the pages of one answer, in their order. */
export function compareDataOf(tables: readonly CompareTable[]): CompareData {
  return tables.reduce<CompareData>((data, table) => withTable(data, table, []), {
    ids: [],
    titles: [],
    statuses: [],
    columns: [],
    rowOf: new Map(),
  });
}

/** The data after some runs changed, came or went: rows keep their place, new ones stand at the end. */
export function withTable(data: CompareData, table: CompareTable, removed: readonly string[]): CompareData {
  const gone = new Set(removed);
  const kept = gone.size > 0 ? data.ids.flatMap((id, row) => (gone.has(id) ? [] : [row])) : undefined;
  const pick = <T>(values: readonly T[]): T[] => (kept ? kept.map((row) => values[row]!) : [...values]);
  const [ids, titles, statuses] = [pick(data.ids), pick(data.titles), pick(data.statuses)];
  const rowOf = new Map(ids.map((id, row) => [id, row]));
  const rows = table.runs.map((run) => {
    const row = rowOf.get(run.id) ?? ids.length;
    rowOf.set(run.id, row);
    [ids[row], titles[row], statuses[row]] = [run.id, run.title, run.status];
    return row;
  });
  const sent = new Map(table.columns.map((column) => [columnId(column), column]));
  const columns = data.columns.map((column) => withValues({ ...column, values: pick(column.values) }, sent, rows));
  const known = new Set(data.columns.map((column) => column.id));
  for (const [id, { kind, type, name }] of sent) {
    if (known.has(id)) continue;
    columns.push(withValues({ id, title: name, name, kind, type, differs: false, values: [] }, sent, rows));
  }
  return { ids, titles, statuses, rowOf, columns: columns.map((column) => filled(column, ids.length)) };
}

function withValues(
  column: CompareColumn & { values: readonly Cell[] },
  sent: ReadonlyMap<string, SentColumn>,
  rows: readonly number[],
): CompareColumn {
  const values = column.values as Cell[];
  const from = sent.get(column.id);
  for (const [i, row] of rows.entries()) values[row] = from ? namedNumber(from.values[i], from.type) : null;
  return { ...column, type: from?.type ?? column.type };
}

/** A number that JSON has no word for, in a column of numbers. */
function namedNumber(cell: SentColumn['values'][number] | undefined, type: SentColumn['type']): Cell {
  const isNamed = cell === 'NaN' || cell === 'Infinity' || cell === '-Infinity';
  return isNamed && type !== 'string' ? Number(cell) : cell;
}

function filled(column: CompareColumn, length: number): CompareColumn {
  const values = Array.from({ length }, (_, row) => column.values[row] ?? null);
  return { ...column, values, differs: values.some((value) => !Object.is(value, values[0])) };
}

/** Whether any of the rows has a value in a column. */
export function hasValues({ values }: CompareColumn, rows: readonly number[]): boolean {
  return rows.some((row) => !isMissing(values[row]));
}
