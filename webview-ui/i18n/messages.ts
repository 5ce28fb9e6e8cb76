import type { en } from './en.ts';

/** Every text by its key: what English has, every other language must have. */
export type Messages = Translated<typeof en>;

type Translated<T> = { readonly [K in keyof T]: TranslatedText<T[K]> };

type TranslatedText<T> = T extends string
  ? string
  : T extends (...values: infer A) => string
    ? (...values: A) => string
    : Translated<T>;
