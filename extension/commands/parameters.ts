import { t } from '../text/language.ts';

export type Parameters = Record<string, string | number | boolean>;

/**
 * Reads `lr=0.01 hidden=64 name="two words"` over the declared parameters.
 * @returns the parameters that differ from the declared ones, or what is wrong with the text
 */
export function parseParameters(text: string, declared: Parameters): { params: Parameters } | { problem: string } {
  const params: Parameters = {};
  for (const part of text.match(/(?:[^\s"]+|"[^"]*")+/g) ?? []) {
    const equals = part.indexOf('=');
    if (equals <= 0) return { problem: t('"{0}" is not of the form name=value.', part) };
    const name = part.slice(0, equals);
    const before = declared[name];
    if (before === undefined) {
      return { problem: t('There is no parameter "{0}". Declared: {1}.', name, Object.keys(declared).join(', ')) };
    }
    const value = readValue(part.slice(equals + 1).replaceAll('"', ''), before);
    if (value === undefined) return { problem: t('"{0}" must be a {1}.', name, typeof before) };
    if (value !== before) params[name] = value;
  }
  return { params };
}

/** The text that {@link parseParameters} reads. */
export function writeParameters(params: Parameters): string {
  return Object.entries(params)
    .map(([name, value]) => `${name}=${/\s/.test(String(value)) ? `"${value}"` : value}`)
    .join(' ');
}

function readValue(text: string, like: string | number | boolean): string | number | boolean | undefined {
  if (typeof like === 'string') return text;
  if (typeof like === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  const number = Number(text);
  return text === '' || Number.isNaN(number) ? undefined : number;
}
