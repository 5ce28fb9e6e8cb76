import { currentLocale } from './language.ts';

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
/** Enough to tell two accuracies apart, and narrow. */
const significantDigits = 4;

/** A whole number with its thousands apart: `1,797`. */
export function formatCount(value: number): string {
  return new Intl.NumberFormat(currentLocale(), { maximumFractionDigits: 0 }).format(value);
}

/** Bytes with an SI unit: `1.4 MB`. */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  while (amount >= 999.5 && unit < byteUnits.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || amount >= 100 ? 0 : 1;
  return `${new Intl.NumberFormat(currentLocale(), { maximumFractionDigits: digits }).format(amount)} ${byteUnits[unit]}`;
}

/** A metric; non-finite values, which the wire carries by name, keep their names. */
export function formatValue(value: number | string): string {
  if (typeof value === 'string') return value;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(significantDigits - 1).replace('e+', 'e');
  return new Intl.NumberFormat(currentLocale(), { maximumSignificantDigits: significantDigits }).format(value);
}

/** A share between 0 and 1: `0.4 %`. */
export function formatShare(share: number): string {
  const digits = share !== 0 && Math.abs(share) < 0.1 ? 1 : 0;
  return `${new Intl.NumberFormat(currentLocale(), { maximumFractionDigits: digits }).format(share * 100)} %`;
}

/** Parameters on one line: `lr=0.01 hidden=64`. */
export function formatParams(params: Record<string, string | number | boolean | null>): string {
  return Object.entries(params)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
