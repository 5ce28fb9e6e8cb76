import * as format from '../../server/protocol/format/time.ts';
import { currentLocale, t } from './language.ts';

/** `2 hr. ago`, `yesterday`, `now`; seconds are not counted, so that nothing flickers. */
export function relativeTime(atMs: number, nowMs: number): string {
  return format.relativeTime(atMs, nowMs, currentLocale());
}

/** Date and time to the second, for tooltips. */
export function exactTime(atMs: number): string {
  return format.exactTime(atMs, currentLocale());
}

/** The time of day: `14:20`. */
export function clockTime(atMs: number): string {
  return format.clockTime(atMs, currentLocale());
}

/** A span in its two largest units: `2 h 5 min`. */
export function formatSpan(spanMs: number): string {
  return format.formatSpan(spanMs, {
    days: t('{0} d', ''),
    hours: t('{0} h', ''),
    minutes: t('{0} min', ''),
    seconds: t('{0} s', ''),
  });
}

/** Where a moment lies seen from now, in the reader's own days: weeks begin on Monday. */
export function periodOf(atMs: number, nowMs: number): 'today' | 'thisWeek' | 'earlier' {
  const midnight = new Date(nowMs);
  midnight.setHours(0, 0, 0, 0);
  if (atMs >= midnight.getTime()) return 'today';
  const monday = new Date(midnight);
  monday.setDate(midnight.getDate() - ((midnight.getDay() + 6) % 7));
  return atMs >= monday.getTime() ? 'thisWeek' : 'earlier';
}
