import type { Cell } from '../../charts/dimension.ts';
import { isMissing } from '../../charts/dimension.ts';
import { exact, m, param, span, value } from '../../i18n/index.ts';
import type { CompareColumn } from './compareData.ts';

/** A cell as it is read; what was given keeps every digit, what was measured those that tell two runs apart. */
export function cellText(cell: Cell, { kind, type }: Pick<CompareColumn, 'kind' | 'type'>): string {
  if (isMissing(cell)) return '–';
  if (typeof cell !== 'number') return String(cell);
  if (type === 'time') return exact(cell);
  if (type === 'duration') return span(cell);
  return kind === 'metric' ? value(cell) : param(cell);
}

/** A column's name as people read it: attributes in the reader's language, everything else as it was written. */
export function columnTitle({ kind, name }: Pick<CompareColumn, 'kind' | 'name'>): string {
  return kind === 'attribute' ? (m.attributeNames[name as keyof typeof m.attributeNames] ?? name) : name;
}
