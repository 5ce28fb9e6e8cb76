// Times and spans as people read them: relative, with the exact one at hand. Pure: now and the locale are passed in.

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** The largest unit that fits, from which size on (ms) and how long it is (ms). */
const steps: [unit: Intl.RelativeTimeFormatUnit, fromMs: number, lengthMs: number][] = [
  ['year', 365 * dayMs, 365 * dayMs],
  ['month', 45 * dayMs, 30 * dayMs],
  ['day', 22 * hourMs, dayMs],
  ['hour', 45 * minuteMs, hourMs],
  ['minute', 45 * secondMs, minuteMs],
];

/** `2 hours ago`, `in 5 minutes`, `now`; seconds are not counted, so that nothing flickers. */
export function relativeTime(atMs: number, nowMs: number, locale: string): string {
  const format = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' });
  const distance = atMs - nowMs;
  for (const [unit, fromMs, lengthMs] of steps) {
    if (Math.abs(distance) >= fromMs) {
      const amount = Math.round(distance / lengthMs);
      return format.format(amount === 0 ? Math.sign(distance) : amount, unit);
    }
  }
  return format.format(0, 'second');
}

/** How long until {@link relativeTime} may read differently, in milliseconds. */
export function relativeTimeStepMs(atMs: number, nowMs: number): number {
  const distance = Math.abs(atMs - nowMs);
  return distance < hourMs ? 15 * secondMs : 5 * minuteMs;
}

/** Date and time to the second, for the hover of a relative time. */
export function exactTime(atMs: number, locale: string, timeZone?: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium', timeZone }).format(atMs);
}

/** The time of day: `14:20`. */
export function clockTime(atMs: number, locale: string, timeZone?: string): string {
  return new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hour12: false, timeZone }).format(atMs);
}

/** A moment on an axis: seconds where the axis spans minutes, the date where it spans days. */
export function axisTime(atMs: number, spanMs: number, locale: string, timeZone?: string): string {
  if (spanMs < 10 * minuteMs) {
    const options = { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false } as const;
    return new Intl.DateTimeFormat(locale, { ...options, timeZone }).format(atMs);
  }
  if (spanMs < 2 * dayMs) return clockTime(atMs, locale, timeZone);
  return new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric', timeZone }).format(atMs);
}

/** What follows the number of each unit of a span, with its space where the language has one. */
export interface SpanUnits {
  days: string;
  hours: string;
  minutes: string;
  seconds: string;
}

/** A span with its two largest units: `2 h 5 min`, `43 s`; fractions below ten seconds. */
export function formatSpan(spanMs: number, units: SpanUnits): string {
  const span = Math.max(0, spanMs);
  if (span === 0) return `0${units.seconds}`;
  if (span < 10 * secondMs) return `${(span / secondMs).toFixed(1)}${units.seconds}`;
  const seconds = Math.round(span / secondMs);
  if (seconds < 60) return `${seconds}${units.seconds}`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return pair(minutes, units.minutes, seconds % 60, units.seconds);
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return pair(hours, units.hours, minutes % 60, units.minutes);
  return pair(Math.floor(hours / 24), units.days, hours % 24, units.hours);
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit} ${small}${smallUnit}`;
}
