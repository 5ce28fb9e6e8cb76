// What a chart gives away: its numbers as text, its picture as PNG or SVG. Files are named by what they show.
import type { Client } from '../store/client.ts';
import { type Draw, paintCanvas, svgPen } from './pen.ts';
import type { ChartTheme } from './theme.ts';

/** Numbers as they stand in a file: every digit, no thousands apart. */
export type TableCell = string | number | undefined;

export interface NumberTable {
  head: readonly string[];
  rows: readonly (readonly TableCell[])[];
}

export interface Picture {
  draw: Draw;
  width: number;
  height: number;
  theme: Pick<ChartTheme, 'font' | 'background'>;
}

const pngPixels = 2;

/** Comma-separated values after RFC 4180. */
export function csvOf({ head, rows }: NumberTable): string {
  const line = (cells: readonly TableCell[]) =>
    cells
      .map((cell) => {
        const text = String(cell ?? '');
        return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
      })
      .join(',');
  return [head, ...rows].map((cells) => `${line(cells)}\r\n`).join('');
}

/** Tab-separated values, as spreadsheets take them from the clipboard. */
export function tsvOf({ head, rows }: NumberTable): string {
  return [head, ...rows]
    .map((cells) => cells.map((cell) => String(cell ?? '').replace(/[\t\r\n]+/g, ' ')).join('\t'))
    .join('\n');
}

export function svgOf({ draw, width, height, theme }: Picture): string {
  const pen = svgPen(width, height, theme.font, theme.background);
  draw(pen, width, height);
  return pen.document();
}

export function saveCsv(client: Client, name: string, table: NumberTable): void {
  saveText(client, `${fileName(name)}.csv`, csvOf(table));
}

export function saveSvg(client: Client, name: string, picture: Picture): void {
  saveText(client, `${fileName(name)}.svg`, svgOf(picture));
}

export function savePng(client: Client, name: string, { draw, width, height, theme }: Picture): void {
  const canvas = document.createElement('canvas');
  paintCanvas(canvas, draw, theme.font, width, height, pngPixels, theme.background);
  const base64 = canvas.toDataURL('image/png').split(',')[1]!;
  client.send({ type: 'save', name: `${fileName(name)}.png`, base64 });
}

function saveText(client: Client, name: string, text: string): void {
  client.send({ type: 'save', name, base64: base64Of(new TextEncoder().encode(text)) });
}

function base64Of(bytes: Uint8Array): string {
  let binary = '';
  // in pieces: a call takes only so many arguments
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(binary);
}

/** Letters and digits of any script; what separates them becomes one hyphen. */
function fileName(title: string): string {
  return title.replace(/[^\p{L}\p{N}.]+/gu, '-').replace(/^[-.]+|-+$/g, '') || 'slipway';
}
