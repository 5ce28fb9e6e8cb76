import { currentLocale, t } from './language.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** The largest unit that fits: from which distance on, and how long one is, in milliseconds. */
const units: [unit: Intl.RelativeTimeFormatUnit, fromMs: number, lengthMs: number][] = [
  ['year', 365 * dayMs, 365 * dayMs],
  ['month', 45 * dayMs, 30 * dayMs],
  ['day', 22 * hourMs, dayMs],
  ['hour', 45 * minuteMs, hourMs],
  ['minute', 45_000, minuteMs],
];

/** `2 hr. ago`, `yesterday`, `now`; seconds are not counted, so that nothing flickers. */
export function relativeTime(atMs: number, nowMs: number): string {
  const format = new Intl.RelativeTimeFormat(currentLocale(), { numeric: 'auto', style: 'short' });
  const distance = atMs - nowMs;
  for (const [unit, fromMs, lengthMs] of units) {
    if (Math.abs(distance) >= fromMs) {
      return format.format(Math.round(distance / lengthMs) || Math.sign(distance), unit);
    }
  }
  return format.format(0, 'second');
}

/** Date and time to the second, for tooltips. */
export function exactTime(atMs: number): string {
  return new Intl.DateTimeFormat(currentLocale(), { dateStyle: 'medium', timeStyle: 'medium' }).format(atMs);
}

/** The time of day: `14:20`. */
export function clockTime(atMs: number): string {
  return new Intl.DateTimeFormat(currentLocale(), { hour: '2-digit', minute: '2-digit', hour12: false }).format(atMs);
}

/** A span in its two largest units: `2 h 5 min`. */
export function formatSpan(spanMs: number): string {
  const seconds = Math.max(0, Math.round(spanMs / 1000));
  if (seconds < 60) return t('{0} s', seconds);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return join(t('{0} min', minutes), seconds % 60 && t('{0} s', seconds % 60));
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return join(t('{0} h', hours), minutes % 60 && t('{0} min', minutes % 60));
  return join(t('{0} d', Math.floor(hours / 24)), hours % 24 && t('{0} h', hours % 24));
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

function join(large: string, small: string | 0): string {
  return small === 0 ? large : `${large} ${small}`;
}
