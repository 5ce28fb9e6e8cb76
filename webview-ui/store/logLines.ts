// A run's log as lines, growing in place. Text comes in pieces that end anywhere, also in the middle of a line; an
// earlier piece may be put in front later. The oldest lines are given up beyond a limit, and can be fetched again.
import { type AnsiStyle, plainStyle, styleAfter } from '../format/ansi.ts';

/** Lines kept at most; at 18 pixels each they also stay below the height that browsers can scroll. */
export const maxLines = 400_000;

export interface LogLine {
  readonly text: string;
  /** What colours earlier lines have left switched on. */
  readonly style: AnsiStyle;
}

export interface LogLines {
  lines: LogLine[];
  /** Byte offsets of the first byte held and of the next one to come. */
  start: number;
  next: number;
  ended: boolean;
  /** Counts every change, so that a view knows when to draw. */
  version: number;
  /** Whether the last line is complete. */
  lineEnded: boolean;
  /** Where lines began at known byte offsets: the places at which the log can be cut. */
  cuts: { offset: number; line: number }[];
}

export interface LogPiece {
  offset: number;
  next: number;
  text: string;
  ended: boolean;
}

export function emptyLogLines(): LogLines {
  return { lines: [], start: -1, next: -1, ended: false, version: 0, lineEnded: true, cuts: [] };
}

/** Takes the next piece in; a piece that does not join the held text begins the log anew. */
export function appendPiece(log: LogLines, piece: LogPiece, limit = maxLines): void {
  log.version += 1;
  log.ended = piece.ended;
  if (piece.offset !== log.next) Object.assign(log, { lines: [], start: piece.offset, lineEnded: true, cuts: [] });
  log.next = piece.next;
  if (piece.text === '') return;
  if (log.lineEnded) log.cuts.push({ offset: piece.offset, line: log.lines.length });
  const texts = piece.text.split('\n');
  if (texts.at(-1) === '') texts.pop();
  if (!log.lineEnded) {
    const last = log.lines.pop()!;
    texts[0] = last.text + texts[0];
    pushLines(log.lines, texts, last.style);
  } else {
    pushLines(log.lines, texts, followingStyle(log.lines.at(-1)));
  }
  log.lineEnded = piece.text.endsWith('\n');
  if (log.lines.length > limit) cut(log, log.lines.length - limit);
}

/** Puts an earlier piece in front; it must end where the held text begins. Returns how many lines were added. */
export function prependPiece(log: LogLines, piece: LogPiece): number {
  if (piece.next !== log.start || piece.text === '') return 0;
  const before = log.lines.length;
  const texts = piece.text.split('\n');
  const lines: LogLine[] = [];
  const joined = texts.pop()! + (log.lines[0]?.text ?? '');
  pushLines(lines, [...texts, ...(before > 0 || joined !== '' ? [joined] : [])], plainStyle);
  log.lines = lines.concat(log.lines.slice(1));
  const added = log.lines.length - before;
  for (const place of log.cuts) place.line += added;
  log.cuts = [{ offset: piece.offset, line: 0 }, ...log.cuts.filter((place) => place.offset !== log.start)];
  log.start = piece.offset;
  log.version += 1;
  return added;
}

/** Gives up the oldest lines, at least so many, at the first place whose byte offset is known. */
function cut(log: LogLines, lines: number): void {
  const place = log.cuts.find((candidate) => candidate.line >= lines);
  if (!place) return;
  log.lines = log.lines.slice(place.line);
  log.start = place.offset;
  log.cuts = log.cuts
    .filter((candidate) => candidate.line >= place.line)
    .map((candidate) => ({ ...candidate, line: candidate.line - place.line }));
}

function pushLines(lines: LogLine[], texts: readonly string[], style: AnsiStyle): void {
  let current = style;
  for (const text of texts) {
    const line = { text: lastRewrite(text), style: current };
    lines.push(line);
    current = followingStyle(line);
  }
}

function followingStyle(line: LogLine | undefined): AnsiStyle {
  return line ? styleAfter(line.text, line.style) : plainStyle;
}

/** A progress bar rewrites its line after each carriage return: only the last state counts, as in a terminal. */
function lastRewrite(text: string): string {
  const trimmed = text.endsWith('\r') ? text.slice(0, -1) : text;
  return trimmed.slice(trimmed.lastIndexOf('\r') + 1);
}
