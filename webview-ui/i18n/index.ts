// The language of the pages: texts by typed keys, and numbers and times in the reader's way. The locale is set once, by
// the host's first message, before anything is drawn.
import {
  formatBytes,
  formatCount,
  formatMemory,
  formatParam,
  formatPercent,
  formatShort,
  formatValue,
} from '../../server/protocol/format/number.ts';
import { axisTime, clockTime, exactTime, formatSpan, relativeTime } from '../../server/protocol/format/time.ts';
import { en } from './en.ts';
import { ko } from './ko.ts';
import type { Messages } from './messages.ts';

/** The texts of the reader's language. */
export let m: Messages = en;
let locale = 'en';

/** Chooses the language by a BCP 47 tag such as `ko-KR`; numbers and dates follow the tag, texts the nearest we have. */
export function setLocale(tag: string): void {
  m = tag.toLowerCase().startsWith('ko') ? ko : en;
  locale = Intl.NumberFormat.supportedLocalesOf([tag])[0] ?? 'en';
}

type Given<F extends (...args: never[]) => string> = Parameters<F>[0];

export const value = (given: Given<typeof formatValue>): string => formatValue(given, locale);
export const tickValue = (amount: number): string => formatShort(amount, locale);
export const count = (amount: number): string => formatCount(amount, locale);
export const bytes = (amount: number): string => formatBytes(amount, locale);
export const memory = (amount: number): string => formatMemory(amount, locale);
export const percent = (share: number): string => formatPercent(share, locale);
export const param = (given: Given<typeof formatParam>): string => formatParam(given, locale);
export const span = (spanMs: number): string => formatSpan(spanMs, m.spanUnits);
export const clock = (atMs: number): string => clockTime(atMs, locale);
/** A moment on an axis of so many milliseconds: the time of day, with seconds or the date where these tell more. */
export const moment = (atMs: number, spanMs: number): string => axisTime(atMs, spanMs, locale);
export const exact = (atMs: number): string => exactTime(atMs, locale);
export const relative = (atMs: number, nowMs: number): string => relativeTime(atMs, nowMs, locale);

/** A latency: whole milliseconds, with one digit more below ten. */
export function milliseconds(ms: number): string {
  return m.milliseconds(ms < 10 ? ms.toFixed(1) : count(ms));
}
