// The words and numbers that a person reads: translation, counts, sizes, times. Pure until `useLanguage` is called once at
// activation, so that unit tests read English without an editor. Everything in extension/ that shows text uses it.

/** Replaces `{0}`, `{1}`, … in an English message by the arguments, in the reader's language. */
export type Translate = (message: string, ...args: (string | number)[]) => string;

let translate: Translate = (message, ...args) =>
  message.replace(/\{(\d+)\}/g, (whole, index: string) => String(args[Number(index)] ?? whole));
let locale = 'en';

/** Sets the reader's language, once. */
export function useLanguage(language: { translate: Translate; locale: string }): void {
  translate = language.translate;
  locale = language.locale;
}

/** A message in the reader's language; every literal given here stands in `l10n/bundle.l10n.*.json`. */
export function t(message: string, ...args: (string | number)[]): string {
  return translate(message, ...args);
}

/** The reader's locale, for formats of the platform. */
export function currentLocale(): string {
  return locale;
}
