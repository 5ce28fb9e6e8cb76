import type { Float } from '../protocol/entities.ts';

/** A number as JSON can carry it: what is not finite by name, so that it is shown rather than lost. */
export function toFloat(value: number): Float {
  if (Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? 'Infinity' : '-Infinity';
}
