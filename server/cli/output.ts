/** How things look on a terminal: tables, sizes, times, colour. */
import { stripVTControlCharacters, styleText } from 'node:util';
import type { Shell } from './shell.ts';

/** Rows in columns two spaces apart, by the width of the text as it is seen; the last column is not padded. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, textWidth(cell));
  }
  return rows
    .map((row) => {
      const padded = row.map((cell, i) =>
        i === row.length - 1 ? cell : cell + ' '.repeat(widths[i]! - textWidth(cell)),
      );
      return padded.join('  ').trimEnd();
    })
    .join('\n');
}

/** A table with a head line, or a sentence where there are no rows. */
export function table(
  shell: Shell,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  none: string,
): string {
  if (rows.length === 0) return none;
  return alignColumns([head.map((cell) => paint(shell, 'dim', cell)), ...rows]);
}

/** Facts, one a line: `name: value`; what is undefined or empty is left out. */
export function facts(entries: readonly (readonly [string, string | number | undefined])[]): string {
  const shown = entries.filter(([, value]) => value !== undefined && value !== '');
  return alignColumns(shown.map(([name, value]) => [`${name}:`, String(value)]));
}

type Style = 'dim' | 'red' | 'green' | 'yellow' | 'bold';

/** Coloured text where stdout is a terminal that may have colours (https://no-color.org). */
export function paint(shell: Shell, style: Style, text: string): string {
  const wanted = shell.stdout.isTTY === true && !shell.env['NO_COLOR'] && shell.env['TERM'] !== 'dumb';
  return wanted ? styleText(style, text, { validateStream: false }) : text;
}

const good = new Set(['succeeded', 'finished', 'done', 'cached', 'completed', 'passed', 'ready', 'serve']);
const bad = new Set(['failed', 'lost', 'rolledBack', 'aborted', 'retrain']);

/** A status in its colour; the word always stands there, so that nothing rests on colour alone. */
export function paintStatus(shell: Shell, status: string): string {
  return good.has(status) ? paint(shell, 'green', status) : bad.has(status) ? paint(shell, 'red', status) : status;
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** `2026-01-31 14:05:09` in local time. */
export function timeText(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** A number in up to six significant digits; what is not finite by its name; a dash for nothing. */
export function numberText(value: number | string | null | undefined): string {
  if (value === null || value === undefined) return '–';
  return typeof value === 'number' ? String(Number(value.toPrecision(6))) : value;
}

/** `lr=0.01 hidden=64` */
export function pairsText(values: Record<string, unknown>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${typeof value === 'number' ? numberText(value) : String(value)}`)
    .join(' ');
}

/**
 * A line that is drawn over itself while something goes on; nothing where stderr is no terminal, or with `--json`.
 * `clear` takes it away.
 */
export function progressLine(shell: Shell): { update(text: string): void; clear(): void } {
  const { stderr } = shell;
  if (!stderr.isTTY || shell.json) return { update: () => {}, clear: () => {} };
  return {
    update: (text) => stderr.write(`\r\u001b[2K${text.slice(0, (stderr.columns || 80) - 1)}`),
    clear: () => stderr.write('\r\u001b[2K'),
  };
}

/** Columns that text takes: East Asian wide characters and emoji take two (Unicode Standard Annex 11). */
function textWidth(text: string): number {
  let width = 0;
  for (const character of stripVTControlCharacters(text)) {
    if (/\p{Mark}/u.test(character)) continue;
    width += wide.test(character) ? 2 : 1;
  }
  return width;
}

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
