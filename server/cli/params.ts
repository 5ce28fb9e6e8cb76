import { usageError } from './usage.ts';

export type ParamValue = string | number | boolean;

/**
 * Reads `--param lr=0.01`: numbers and booleans as such, everything else as text. The last of the same name counts.
 * @throws SlipwayError `usage`
 */
export function parseParams(texts: readonly string[]): Record<string, ParamValue> {
  const params: Record<string, ParamValue> = {};
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals < 1) throw usageError(`--param ${text} is not NAME=VALUE`, 'Write for example --param lr=0.01.');
    params[text.slice(0, equals)] = paramValue(text.slice(equals + 1));
  }
  return params;
}

/** A decimal number as YAML would read it; `0x10`, `007` and what a number cannot hold exactly stay text. */
function paramValue(text: string): ParamValue {
  if (text === 'true' || text === 'false') return text === 'true';
  if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/.test(text)) return text;
  const number = Number(text);
  const isExact = Number.isFinite(number) && (!/^-?\d+$/.test(text) || Number.isSafeInteger(number));
  return isExact ? number : text;
}
