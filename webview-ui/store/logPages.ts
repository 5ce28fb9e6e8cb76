// A run's log by pages of lines: whatever its length, only the pages somebody looked at are here, and the end, which
// grows. Pure; live.ts and LogsTab.tsx fetch and feed.

export const pageLines = 500;
/** Pages kept; those looked at longest ago are given up, and fetched again when they are looked at again. */
const keptPages = 60;

export interface LogPages {
  /** Lines of the whole log so far. */
  total: number;
  /** Text of each line, by page number; the page at the end is shorter, and grows. */
  pages: Map<number, string[]>;
  /** Byte offset of what comes next. */
  next: number;
  /** Whether the last line has its end. */
  lineEnded: boolean;
  ended: boolean;
  /** Whether the end of the log has been read: before, an empty place means nothing. */
  ready: boolean;
  /** Counts every change, so that a view knows when to draw. */
  version: number;
}

/** The end of the log as it was read at one moment. */
export interface LogEnd {
  total: number;
  bytes: number;
  ended: boolean;
  lines: readonly { line: number; offset: number; text: string }[];
}

export function emptyLogPages(): LogPages {
  return { total: 0, pages: new Map(), next: 0, lineEnded: true, ended: false, ready: false, version: 0 };
}

/** Begins with the end of the log; its lines begin where a page begins. */
export function beginAtEnd(log: LogPages, end: LogEnd): void {
  const last = end.lines.at(-1);
  const isCut = last !== undefined && last.offset + byteLength(last.text) >= end.bytes;
  Object.assign(log, { total: end.total, next: end.bytes, lineEnded: !isCut, ended: end.ended, ready: true });
  log.pages.clear();
  if (last)
    log.pages.set(
      Math.floor(end.lines[0]!.line / pageLines),
      end.lines.map((line) => line.text),
    );
  log.version += 1;
}

/**
 * Takes in what was written since. Returns false, with nothing changed, if something between is missing.
 * @param piece text that begins at byte `offset`, and may begin and end in the middle of a line
 */
export function appendText(
  log: LogPages,
  piece: { offset: number; next: number; text: string; ended: boolean },
): boolean {
  if (piece.offset !== log.next) return false;
  log.next = piece.next;
  log.ended = piece.ended;
  log.version += 1;
  if (piece.text === '') return true;
  const texts = piece.text.split('\n');
  const isEnded = texts.at(-1) === '';
  if (isEnded) texts.pop();
  for (const [i, text] of texts.entries()) {
    if (i === 0 && !log.lineEnded) addToLine(log, log.total - 1, text);
    else {
      addLine(log, text);
    }
  }
  log.lineEnded = isEnded;
  return true;
}

function addLine(log: LogPages, text: string): void {
  const number = Math.floor(log.total / pageLines);
  const page = log.pages.get(number) ?? (log.total % pageLines === 0 ? [] : undefined);
  if (page) {
    page.push(text);
    log.pages.set(number, page);
  }
  log.total += 1;
  giveUpOldest(log, number);
}

function addToLine(log: LogPages, line: number, text: string): void {
  const page = log.pages.get(Math.floor(line / pageLines));
  const at = line % pageLines;
  if (page && page[at] !== undefined) page[at] += text;
}

/** Takes a page in that was asked for. A page that has grown meanwhile stays as it is. */
export function takePage(log: LogPages, number: number, lines: readonly string[]): void {
  const held = log.pages.get(number);
  if (held && held.length >= lines.length) return;
  log.pages.delete(number);
  log.pages.set(number, [...lines]);
  giveUpOldest(log, Math.floor(Math.max(0, log.total - 1) / pageLines));
  log.version += 1;
}

/** The text of a line, or undefined while its page is not here. Looking at a page keeps it. */
export function lineAt(log: LogPages, line: number): string | undefined {
  const number = Math.floor(line / pageLines);
  const page = log.pages.get(number);
  if (!page) return undefined;
  return page[line % pageLines];
}

/** The pages of lines `first` to `last` (not included) that have to be fetched; the others count as looked at now. */
export function missingPages(log: LogPages, first: number, last: number): number[] {
  const missing: number[] = [];
  for (let number = Math.floor(first / pageLines); number * pageLines < Math.min(last, log.total); number += 1) {
    const page = log.pages.get(number);
    const wanted = Math.min(pageLines, log.total - number * pageLines);
    if (!page || page.length < wanted) missing.push(number);
    else {
      log.pages.delete(number);
      log.pages.set(number, page);
    }
  }
  return missing;
}

function giveUpOldest(log: LogPages, last: number): void {
  for (const number of log.pages.keys()) {
    if (log.pages.size <= keptPages) return;
    if (number !== last) log.pages.delete(number);
  }
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
