/**
 * A log by lines: any range of a million of them without reading what is before, and search. A log is only appended to,
 * so an index of where every thousandth line begins is made once, in one pass, and goes on where it stopped.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { hasEnded, type RunState } from '../domain/run/run.ts';
import { SlipwayError } from '../protocol/errors.ts';
import type { Context } from './context.ts';
import { workloadId } from './runFolder.ts';

export interface LogLine {
  /** From 0. */
  line: number;
  /** Byte where it begins. */
  offset: number;
  text: string;
}

interface LineIndex {
  /** Byte where line `i * markEvery` begins. */
  marks: number[];
  /** Lines that have ended, and the byte behind the last of them. */
  lines: number;
  end: number;
}

const markEvery = 1000;
const chunkBytes = 1 << 20;
/** Of one line that is shown or searched. */
const maxLineCharacters = 16_384;
const maxLineBytes = 1 << 16;
const newLine = 10;
const keptIndexes = 64;

/** Latest used last. */
const indexes = new Map<string, { index: LineIndex; busy: Promise<unknown> }>();

export interface LogPage {
  total: number;
  bytes: number;
  ended: boolean;
  lines: LogLine[];
}

/** Lines `[from, from + limit)` of the run's latest attempt; negative `from` counts from the end. */
export async function logLines(context: Context, run: RunState, from: number, limit: number): Promise<LogPage> {
  const ended = hasEnded(run.status);
  const empty = { total: 0, bytes: 0, ended, lines: [] };
  return withLog(context, run, empty, async (log, index, size) => {
    const total = index.lines + (size > index.end ? 1 : 0);
    const first = Math.min(from < 0 ? Math.max(0, total + from) : from, total);
    const lines: LogLine[] = [];
    for await (const line of linesFrom(log, index, size, first)) {
      if (lines.length >= limit) break;
      lines.push(line);
    }
    return { total, bytes: size, ended, lines };
  });
}

export interface LogSearch {
  text: string;
  /** `text` is a regular expression. */
  pattern: boolean;
  matchCase: boolean;
  /** Line to begin at. */
  from: number;
  limit: number;
}

export interface LogMatches {
  matches: LogLine[];
  /** The line to go on from; null when all lines were looked at. */
  next: number | null;
  total: number;
}

/** How long one search may look; what is left is found by the next call. */
const searchMs = 500;

/** @throws SlipwayError `log.badPattern` */
export async function searchLog(context: Context, run: RunState, search: LogSearch): Promise<LogMatches> {
  const isMatch = matcher(search);
  return withLog(context, run, { matches: [], next: null, total: 0 }, async (log, index, size) => {
    const total = index.lines + (size > index.end ? 1 : 0);
    const started = performance.now();
    const matches: LogLine[] = [];
    for await (const line of linesFrom(log, index, size, Math.min(search.from, total))) {
      if (matches.length >= search.limit) return { matches, next: line.line, total };
      if (line.line % markEvery === 0 && performance.now() - started > searchMs && line.line > search.from) {
        return { matches, next: line.line, total };
      }
      if (isMatch(line.text)) matches.push(line);
    }
    return { matches, next: null, total };
  });
}

/** Colours of a terminal are no part of what is searched (ECMA-48 control sequences). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controlSequences = /\u001b\[[0-?]*[ -/]*[@-~]/g;
/** What makes some regular expressions take for ever: a repeated group that repeats inside. */
const nestedRepeat = /\([^()]*[+*}][^()]*\)[+*{]/;

function matcher({ text, pattern, matchCase }: LogSearch): (line: string) => boolean {
  const plain = (line: string) => (line.includes('\u001b') ? line.replace(controlSequences, '') : line);
  if (!pattern) {
    const wanted = matchCase ? text : text.toLowerCase();
    return (line) => (matchCase ? plain(line) : plain(line).toLowerCase()).includes(wanted);
  }
  if (nestedRepeat.test(text)) throw badPattern(text, 'a repeated group may not repeat inside');
  try {
    const expression = new RegExp(text, matchCase ? '' : 'i');
    return (line) => expression.test(plain(line).slice(0, 2000));
  } catch (error) {
    throw badPattern(text, (error as SyntaxError).message);
  }
}

function badPattern(text: string, why: string): SlipwayError {
  return new SlipwayError(
    'log.badPattern',
    `${JSON.stringify(text)} is not a usable regular expression: ${why}.`,
    'Mend it, or search for plain text.',
  );
}

/** Opens the log and brings its index up to date; `none` where there is no log. */
async function withLog<T>(
  context: Context,
  run: RunState,
  none: T,
  work: (log: FileHandle, index: LineIndex, size: number) => Promise<T>,
): Promise<T> {
  const file = join(context.folders.workloads, workloadId(run.spec.id, run.attempt), 'log');
  let log: FileHandle;
  try {
    log = await open(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return none;
    throw error;
  }
  try {
    const { size } = await log.stat();
    return await work(log, await indexOf(file, log, size), size);
  } finally {
    await log.close();
  }
}

async function indexOf(file: string, log: FileHandle, size: number): Promise<LineIndex> {
  const known = indexes.get(file) ?? { index: { marks: [0], lines: 0, end: 0 }, busy: Promise.resolve() };
  indexes.delete(file);
  indexes.set(file, known);
  for (const [oldest] of indexes) {
    if (indexes.size <= keptIndexes) break;
    indexes.delete(oldest);
  }
  // One pass at a time: a second caller finds what the first has read.
  const pass = known.busy.then(() => extend(known.index, log, size));
  known.busy = pass.catch(() => {});
  await pass;
  return known.index;
}

async function extend(index: LineIndex, log: FileHandle, size: number): Promise<void> {
  const buffer = Buffer.allocUnsafe(chunkBytes);
  for (let at = index.end; at < size; ) {
    const { bytesRead } = await log.read(buffer, 0, Math.min(chunkBytes, size - at), at);
    if (bytesRead === 0) return;
    const bytes = buffer.subarray(0, bytesRead);
    for (let end = bytes.indexOf(newLine); end >= 0; end = bytes.indexOf(newLine, end + 1)) {
      index.lines++;
      index.end = at + end + 1;
      if (index.lines % markEvery === 0) index.marks.push(index.end);
    }
    at += bytesRead;
  }
}

/** Lines from a number on, the unfinished last one included. */
async function* linesFrom(log: FileHandle, index: LineIndex, size: number, first: number): AsyncGenerator<LogLine> {
  const mark = Math.min(Math.floor(first / markEvery), index.marks.length - 1);
  let line = mark * markEvery;
  let offset = index.marks[mark]!;
  let rest = Buffer.alloc(0);
  /** Bytes of the line that `rest` no longer holds, because it is too long. */
  let dropped = 0;
  for (let at = offset; at < size; ) {
    const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, size - at));
    const { bytesRead } = await log.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) break;
    at += bytesRead;
    const bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
    let start = 0;
    for (let end = bytes.indexOf(newLine); end >= 0; end = bytes.indexOf(newLine, start)) {
      if (line >= first) yield lineOf(line, offset, bytes.subarray(start, end));
      offset += dropped + end + 1 - start;
      dropped = 0;
      line++;
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > maxLineBytes) {
      dropped += rest.length - maxLineBytes;
      rest = rest.subarray(0, maxLineBytes);
    }
  }
  if (rest.length > 0 && line >= first) yield lineOf(line, offset, rest);
}

function lineOf(line: number, offset: number, bytes: Buffer): LogLine {
  const text = bytes.toString('utf8', 0, Math.min(bytes.length, maxLineBytes)).replace(/\r$/, '');
  return { line, offset, text: text.length > maxLineCharacters ? text.slice(0, maxLineCharacters) : text };
}
