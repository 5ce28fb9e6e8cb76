// Colours and styles of terminal output: the SGR sequences of ECMA-48 (ESC [ … m), with xterm's 256 and 24-bit
// colours. Every other escape sequence is left out of the text.

/** A colour: an index of the 16 of the theme, or a fixed `#rrggbb`. */
export type AnsiColor = number | string;

export interface AnsiStyle {
  readonly foreground?: AnsiColor;
  readonly background?: AnsiColor;
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly italic?: boolean;
  readonly underline?: boolean;
  readonly inverse?: boolean;
  readonly strike?: boolean;
}

export interface AnsiSpan {
  readonly text: string;
  readonly style: AnsiStyle;
}

export const plainStyle: AnsiStyle = {};

/** CSI sequences, OSC sequences (titles, links; ended by BEL or ST), and two-character escapes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are control characters
const escapes = /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_a-z0-9=>]?/g;

const attributes: Record<number, Partial<AnsiStyle>> = {
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  9: { strike: true },
  22: { bold: undefined, dim: undefined },
  23: { italic: undefined },
  24: { underline: undefined },
  27: { inverse: undefined },
  29: { strike: undefined },
  39: { foreground: undefined },
  49: { background: undefined },
};

/** One line as spans of one style each; `style` is what earlier lines left switched on. */
export function parseAnsi(line: string, style: AnsiStyle = plainStyle): AnsiSpan[] {
  if (!line.includes('\x1b')) return line === '' ? [] : [{ text: line, style }];
  const spans: AnsiSpan[] = [];
  let current = style;
  let from = 0;
  for (const match of line.matchAll(escapes)) {
    if (match.index > from) spans.push({ text: line.slice(from, match.index), style: current });
    if (match[2] === 'm') current = applySgr(current, match[1]!);
    from = match.index + match[0].length;
  }
  if (from < line.length) spans.push({ text: line.slice(from), style: current });
  return spans;
}

/** The style that stays switched on after a line. */
export function styleAfter(line: string, style: AnsiStyle): AnsiStyle {
  if (!line.includes('\x1b')) return style;
  let current = style;
  for (const match of line.matchAll(escapes)) if (match[2] === 'm') current = applySgr(current, match[1]!);
  return current;
}

/** A progress bar rewrites its line after each carriage return: only the last state counts, as in a terminal. */
export function lastRewrite(text: string): string {
  const trimmed = text.endsWith('\r') ? text.slice(0, -1) : text;
  return trimmed.slice(trimmed.lastIndexOf('\r') + 1);
}

/** The text alone. */
export function stripAnsi(line: string): string {
  return line.includes('\x1b') ? line.replace(escapes, '') : line;
}

function applySgr(style: AnsiStyle, parameters: string): AnsiStyle {
  const codes = parameters.split(/[;:]/).map((code) => (code === '' ? 0 : Number(code)));
  let next = style;
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i]!;
    if (code === 38 || code === 48) {
      const { color, used } = extendedColor(codes.slice(i + 1));
      if (color !== undefined) next = { ...next, [code === 38 ? 'foreground' : 'background']: color };
      i += used;
    } else {
      next = applyCode(next, code);
    }
  }
  return next;
}

function applyCode(style: AnsiStyle, code: number): AnsiStyle {
  if (code === 0) return plainStyle;
  if (code >= 30 && code <= 37) return { ...style, foreground: code - 30 };
  if (code >= 40 && code <= 47) return { ...style, background: code - 40 };
  if (code >= 90 && code <= 97) return { ...style, foreground: code - 90 + 8 };
  if (code >= 100 && code <= 107) return { ...style, background: code - 100 + 8 };
  return attributes[code] ? { ...style, ...attributes[code] } : style;
}

/** `5;N` (256 colours) or `2;R;G;B`, after 38 or 48; `used` counts the codes it took. */
function extendedColor(codes: number[]): { color?: AnsiColor; used: number } {
  const [mode, first = 0, second = 0, third = 0] = codes;
  if (mode === 5) return { color: paletteColor(first), used: 2 };
  if (mode === 2) return { color: hex(first, second, third), used: 4 };
  return { used: 1 };
}

/** xterm's palette: 16 of the theme, a 6 × 6 × 6 cube, 24 greys. */
function paletteColor(index: number): AnsiColor {
  if (index < 16) return index;
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return hex(grey, grey, grey);
  }
  const level = (value: number) => (value === 0 ? 0 : 55 + value * 40);
  const cube = index - 16;
  return hex(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6));
}

function hex(red: number, green: number, blue: number): string {
  return `#${[red, green, blue].map((part) => Math.min(255, part).toString(16).padStart(2, '0')).join('')}`;
}
