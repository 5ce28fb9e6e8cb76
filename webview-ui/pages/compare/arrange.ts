// Which rows of a comparison stand where: sorted, pinned ones first, in groups. And which columns. Pure.
import { type Cell, isMissing } from '../../charts/dimension.ts';
import { type CompareColumn, type CompareData, hasValues } from './compareData.ts';

export interface Sort {
  /** A column's id, or `run` for the title. */
  column: string;
  descending: boolean;
}

/** All rows in order; those without a value stand last in both directions, equal ones keep their order. */
export function sortedRows(data: CompareData, sort: Sort | undefined): number[] {
  const rows = data.ids.map((_, row) => row);
  if (!sort) return rows;
  const values = sort.column === 'run' ? data.titles : data.columns.find(({ id }) => id === sort.column)?.values;
  if (!values) return rows;
  const direction = sort.descending ? -1 : 1;
  const compareTexts = new Intl.Collator(undefined, { numeric: true }).compare;
  return rows.sort((a, b) => {
    const [left, right] = [values[a], values[b]];
    const [leftLast, rightLast] = [isLast(left), isLast(right)];
    if (leftLast || rightLast) return Number(leftLast) - Number(rightLast);
    if (typeof left === 'number' && typeof right === 'number') return direction * (left - right);
    return direction * compareTexts(String(left), String(right));
  });
}

function isLast(cell: Cell): boolean {
  return isMissing(cell) || Number.isNaN(cell);
}

export type Item =
  | { kind: 'row'; row: number; pinned: boolean }
  | { kind: 'group'; value: Cell; key: string; rows: readonly number[]; isOpen: boolean };

/**
 * What the table shows from top to bottom.
 * @param rows that the filter let through, in order
 * @param options.pinned rows that stand first, whatever the filter says
 * @param options.groupBy the column whose values make groups
 */
export function itemsOf(
  data: CompareData,
  rows: readonly number[],
  options: { pinned: readonly number[]; groupBy?: string | undefined; closed: ReadonlySet<string> },
): Item[] {
  const pinned = new Set(options.pinned);
  const first: Item[] = options.pinned.map((row) => ({ kind: 'row', row, pinned: true }));
  const others = pinned.size > 0 ? rows.filter((row) => !pinned.has(row)) : rows;
  const by = data.columns.find(({ id }) => id === options.groupBy);
  if (!by) return [...first, ...others.map((row): Item => ({ kind: 'row', row, pinned: false }))];
  const groups = new Map<string, { value: Cell; rows: number[] }>();
  for (const row of others) {
    const value = by.values[row];
    const key = String(value ?? '');
    const group = groups.get(key);
    if (group) group.rows.push(row);
    else groups.set(key, { value, rows: [row] });
  }
  return [
    ...first,
    ...[...groups].flatMap(([key, { value, rows: members }]): Item[] => {
      const isOpen = !options.closed.has(key);
      const head: Item = { kind: 'group', value, key, rows: members, isOpen };
      return isOpen ? [head, ...members.map((row): Item => ({ kind: 'row', row, pinned: false }))] : [head];
    }),
  ];
}

/** From left to right: what people chose, then parameters that differ, metrics, the rest. */
const kinds: CompareColumn['kind'][] = ['param', 'metric', 'tag', 'attribute'];

export interface ColumnChoice {
  hidden: ReadonlySet<string>;
  pinned: readonly string[];
  /** Leaves out columns that have the same value in all of the rows. */
  differencesOnly: boolean;
}

export function shownColumns(data: CompareData, rows: readonly number[], choice: ColumnChoice): CompareColumn[] {
  const shown = data.columns.filter((column) => {
    if (choice.hidden.has(column.id)) return false;
    if (choice.pinned.includes(column.id)) return true;
    return choice.differencesOnly && rows.length > 1 ? differsAmong(column, rows) : hasValues(column, rows);
  });
  const place = (column: CompareColumn) => {
    const pinned = choice.pinned.indexOf(column.id);
    return pinned >= 0 ? pinned - choice.pinned.length : kinds.indexOf(column.kind);
  };
  return shown.sort((a, b) => place(a) - place(b));
}

function differsAmong({ values }: CompareColumn, rows: readonly number[]): boolean {
  const first = values[rows[0]!];
  return rows.some((row) => !Object.is(values[row], first));
}
