import * as format from '../../server/protocol/format/number.ts';
import { currentLocale } from './language.ts';

/** A whole number with its thousands apart: `1,797`. */
export function formatCount(value: number): string {
  return format.formatCount(value, currentLocale());
}

/** Bytes with an SI unit: `1.4 MB`. */
export function formatBytes(bytes: number): string {
  return format.formatBytes(bytes, currentLocale());
}

/** A metric, as short as it goes; non-finite values have their names. */
export function formatValue(value: number | string): string {
  return format.formatShort(value, currentLocale());
}

/** A share between 0 and 1: `0.4 %`. */
export function formatShare(share: number): string {
  return format.formatPercent(share, currentLocale());
}

/** Parameters on one line: `lr=0.01 hidden=64`. */
export function formatParams(params: Record<string, string | number | boolean | null>): string {
  return Object.entries(params)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
