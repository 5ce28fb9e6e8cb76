// What the charts and tables over many runs or trials read: one column of cells for each dimension, rows by index.

/** A value as parameters and metrics have it; undefined and null where a row has none. */
export type Cell = number | string | boolean | null | undefined;

export interface Dimension {
  id: string;
  /** As people read it. */
  title: string;
  /** One cell for each row. */
  values: readonly Cell[];
  /** A logarithmic axis; where it is not said, the values decide. */
  isLog?: boolean;
}

/** A finite number, or undefined; the wire names NaN and infinities by strings. */
export function finite(cell: Cell): number | undefined {
  return typeof cell === 'number' && Number.isFinite(cell) ? cell : undefined;
}

/** A number of any kind, also one that the wire names. */
export function isNumeric(cell: Cell): boolean {
  return typeof cell === 'number' || cell === 'NaN' || cell === 'Infinity' || cell === '-Infinity';
}

export function isMissing(cell: Cell): boolean {
  return cell === undefined || cell === null;
}
