// A table whose numbers stand in line. Columns that can be sorted say so; a row that leads somewhere has the link in its
// first cell for the keyboard, and may be clicked anywhere.
import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { m } from '../i18n/index.ts';
import { Icon } from './Icon.tsx';
import { Button } from './toolkit.tsx';

/** Rows drawn at once; more are a click away. */
const rowsAtOnce = 300;

export interface Column<T> {
  id: string;
  title: ComponentChildren;
  cell: (row: T) => ComponentChildren;
  /** Numbers are aligned at their end. */
  isNumber?: boolean;
  /** Takes the room that the others leave, and is cut off there. */
  isFilling?: boolean;
  /** What the column sorts by; rows without a value stand last in both directions. */
  sortBy?: (row: T) => number | string | undefined;
}

export interface TableProps<T> {
  caption: string;
  columns: Column<T>[];
  rows: readonly T[];
  keyOf: (row: T) => string;
  onOpen?: (row: T) => void;
  sort?: Sort;
  /** As wide as its content, for tables of few columns. */
  isCompact?: boolean;
}

export interface Sort {
  column: string;
  descending: boolean;
}

export function Table<T>({ caption, columns, rows, keyOf, onOpen, sort: first, isCompact }: TableProps<T>) {
  const [sort, setSort] = useState(first);
  const by = columns.find((column) => column.id === sort?.column)?.sortBy;
  // columns are new objects each time; the sort names one
  const sorted = useMemo(() => (by && sort ? sortRows(rows, by, sort.descending) : rows), [rows, sort]);
  const [limit, setLimit] = useState(rowsAtOnce);
  const choose = (column: string) =>
    setSort((before) => ({ column, descending: before?.column === column ? !before.descending : false }));

  return (
    <div class="table-scroll">
      <table class={isCompact ? 'table compact' : 'table'}>
        <caption class="sr-only">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.id} scope="col" class={classOf(column)} aria-sort={ariaSort(column, sort)}>
                {column.sortBy ? (
                  <button type="button" onClick={() => choose(column.id)}>
                    {column.title}
                    <span class="sort-mark">
                      {sort?.column === column.id && <Icon name={sort.descending ? 'down' : 'up'} />}
                    </span>
                  </button>
                ) : (
                  column.title
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, limit).map((row) => (
            // the link in the row serves the keyboard
            <tr key={keyOf(row)} class={onOpen ? 'opens' : undefined} onClick={onOpen && (() => onOpen(row))}>
              {columns.map((column) => (
                <td key={column.id} class={classOf(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > limit && <Button onClick={() => setLimit(limit + rowsAtOnce)}>{m.showMore}</Button>}
    </div>
  );
}

function classOf<T>({ isNumber, isFilling }: Column<T>): string | undefined {
  if (isFilling) return 'fill';
  return isNumber ? 'end' : undefined;
}

function ariaSort<T>(column: Column<T>, sort: Sort | undefined): 'ascending' | 'descending' | 'none' | undefined {
  if (!column.sortBy) return undefined;
  if (sort?.column !== column.id) return 'none';
  return sort.descending ? 'descending' : 'ascending';
}

function sortRows<T>(rows: readonly T[], by: NonNullable<Column<T>['sortBy']>, descending: boolean): T[] {
  const direction = descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [left, right] = [by(a), by(b)];
    if (isMissing(left) || isMissing(right)) return Number(isMissing(left)) - Number(isMissing(right));
    if (typeof left === 'number' && typeof right === 'number') return direction * (left - right);
    return direction * String(left).localeCompare(String(right), undefined, { numeric: true });
  });
}

function isMissing(value: number | string | undefined): boolean {
  return value === undefined || Number.isNaN(value);
}
