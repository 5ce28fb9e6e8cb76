// Numbers, sizes and texts as people read them. Pure: the locale is passed in. Units always stand with the number.

/** Significant digits that still tell two losses apart and keep columns narrow. */
const significantDigits = 4;

const decimalUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/**
 * A metric as it is read in tables and head lines, always with the same precision, so that columns align; non-finite
 * values by their names.
 */
export function formatValue(value: number | string | null | undefined, locale: string): string {
  return formatFloat(value, locale, significantDigits);
}

/** A value on an axis or in a line of text: without the zeros that a column needs. */
export function formatShort(value: number | string, locale: string): string {
  return formatFloat(value, locale, 1);
}

function formatFloat(value: number | string | null | undefined, locale: string, leastDigits: number): string {
  if (value === undefined || value === null) return '–';
  const number = toNumber(value);
  if (Number.isNaN(number)) return 'NaN';
  if (number === Infinity) return '+∞';
  if (number === -Infinity) return '−∞';
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) {
    const text = number.toExponential(significantDigits - 1);
    return (leastDigits === 1 ? text.replace(/\.?0+e/, 'e') : text).replace('e+', 'e').replace('-', '−');
  }
  if (Number.isInteger(number)) return formatCount(number, locale);
  const options =
    size >= 1000
      ? { maximumFractionDigits: 1 }
      : { minimumSignificantDigits: leastDigits, maximumSignificantDigits: significantDigits };
  return new Intl.NumberFormat(locale, options).format(number).replace('-', '−');
}

/** A number as the wire carries it: non-finite ones are named. */
export function toNumber(value: number | string): number {
  return typeof value === 'number' ? value : Number(value);
}

/** A whole number with its thousands apart. */
export function formatCount(value: number, locale: string): string {
  return new Intl.NumberFormat(locale, { maximumFractionDigits: 0 }).format(value).replace('-', '−');
}

/** Bytes with a decimal (SI) unit, as disks and file managers count. */
export function formatBytes(bytes: number, locale: string): string {
  return scaled(bytes, 1000, decimalUnits, locale);
}

/** Bytes with a binary unit, as memory is asked for: 2Gi is 2 GiB. */
export function formatMemory(bytes: number, locale: string): string {
  return scaled(bytes, 1024, binaryUnits, locale);
}

function scaled(bytes: number, base: number, units: string[], locale: string): string {
  let unit = 0;
  let amount = bytes;
  while (amount >= base - 0.5 && unit < units.length - 1) {
    amount /= base;
    unit += 1;
  }
  const digits = unit === 0 || amount >= 100 ? 0 : 1;
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(amount)} ${units[unit]}`;
}

/** A share between 0 and 1 in percent; small ones keep enough digits not to read as zero. */
export function formatPercent(share: number, locale: string): string {
  const digits = share !== 0 && Math.abs(share) < 0.01 ? 2 : Math.abs(share) < 0.1 ? 1 : 0;
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(share * 100)} %`;
}

/** A parameter's value as it stands in a table. */
export function formatParam(value: string | number | boolean | null, locale: string): string {
  if (typeof value === 'number') return formatExact(value, locale);
  return value === null ? 'null' : String(value);
}

/** A number with every digit it has: what was asked for must not look rounded. */
function formatExact(value: number, locale: string): string {
  if (!Number.isFinite(value)) return formatValue(value, locale);
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-4 || size >= 1e15) ? String(value) : String(value).replace('-', '−');
}

/** Cuts a long text in the middle, where names differ least; `length` counts characters of the result. */
export function middleEllipsis(text: string, length: number): string {
  const characters = Array.from(text);
  if (characters.length <= length) return text;
  const kept = Math.max(length - 1, 2);
  const tail = Math.floor(kept / 2);
  return `${characters.slice(0, kept - tail).join('')}…${characters.slice(characters.length - tail).join('')}`;
}
