/**
 * Reading a few entries of a stored `.dir` manifest without reading it all: it is sorted by name, so that a name is found
 * by halving the file, and a page is read from where the one before ended.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { compareCodePoints, type DirEntry, parseDirManifest } from '../domain/dataset/manifest.ts';

/** How an entry begins. Inside a name its quotes would stand escaped, so that it stands at the start of entries only. */
const START = Buffer.from('{"md5": "');
const NAME_AFTER = '", "relpath": "';
const MD5_LENGTH = 32;
/** From here on the rest is read in one piece. */
const WINDOW_BYTES = 64 << 10;
/** A name has up to 4096 bytes (PATH_MAX), each up to six characters of JSON. */
const LONGEST_ENTRY_BYTES = 32 << 10;

interface Placed extends DirEntry {
  /** Where the entry begins, in bytes. */
  start: number;
}

/** The entry of a name; null when it has none. @throws SlipwayError `dataset.manifest` */
export function findEntry(path: string, relpath: string): Promise<DirEntry | null> {
  return reading(path, async (file, size) => {
    const start = await lowerBound(file, size, relpath);
    if (start === null) return (await readAll(file)).find((entry) => entry.relpath === relpath) ?? null;
    const [found] = await entriesFrom(file, start, 1);
    return found?.relpath === relpath ? { relpath, md5: found.md5 } : null;
  });
}

/**
 * So many entries whose names begin with a prefix, in order.
 * @param cursor `next` of the page before
 */
export function readEntries(
  path: string,
  { prefix, cursor, limit }: { prefix: string; cursor: number | null; limit: number },
): Promise<{ entries: DirEntry[]; next: number | null }> {
  return reading(path, async (file, size) => {
    const start = cursor ?? (await lowerBound(file, size, prefix));
    // Not as Slipway and DVC write it: read whole, and the cursor counts entries.
    if (start === null || (cursor !== null && cursor < 0)) return pageOf(await readAll(file), prefix, cursor, limit);
    const found = await entriesFrom(file, start, limit + 1);
    const outside = found.findIndex((entry) => !entry.relpath.startsWith(prefix));
    const inside = outside < 0 ? found : found.slice(0, outside);
    return {
      entries: inside.slice(0, limit).map(({ relpath, md5 }) => ({ relpath, md5 })),
      next: inside.length > limit ? inside[limit]!.start : null,
    };
  });
}

/** Negative, to tell it from a place in the file: −1 − the number of entries before. */
function pageOf(all: readonly DirEntry[], prefix: string, cursor: number | null, limit: number) {
  const start = cursor === null ? 0 : -1 - cursor;
  const wanted = all.filter(({ relpath }) => relpath.startsWith(prefix));
  const end = start + limit;
  return { entries: wanted.slice(start, end), next: end < wanted.length ? -1 - end : null };
}

async function reading<T>(path: string, work: (file: FileHandle, size: number) => Promise<T>): Promise<T> {
  const file = await open(path, 'r');
  try {
    return await work(file, (await file.stat()).size);
  } finally {
    await file.close();
  }
}

async function readAll(file: FileHandle): Promise<DirEntry[]> {
  return parseDirManifest(await file.readFile('utf8'));
}

/**
 * Where the first entry begins whose name is not before the given one (the end of the file when there is none); null
 * when the manifest has not the form that Slipway and DVC 3 give it, or is not sorted where it was looked at.
 */
async function lowerBound(file: FileHandle, size: number, relpath: string): Promise<number | null> {
  // Entries before `low` are before the name; the one at or after `high` is not.
  let low = 1;
  let high = size;
  let lowName = '';
  while (high - low > WINDOW_BYTES) {
    const middle = Math.floor((low + high) / 2);
    const [entry] = await entriesFrom(file, middle, 1);
    if (entry === undefined || entry.start >= high) return null;
    if (compareCodePoints(entry.relpath, lowName) < 0) return null;
    if (compareCodePoints(entry.relpath, relpath) < 0) {
      low = entry.start + 1;
      lowName = entry.relpath;
    } else high = middle;
  }
  const candidates = await entriesFrom(file, low === 1 ? 1 : low - 1, WINDOW_BYTES);
  if (candidates.length === 0) return size === '[]'.length ? size : null;
  const found = candidates.find((entry) => compareCodePoints(entry.relpath, relpath) >= 0);
  return found?.start ?? size;
}

/** Entries from the first that begins at or after a place on: as many as wanted, or as a few windows hold. */
async function entriesFrom(file: FileHandle, from: number, limit: number): Promise<Placed[]> {
  const found: Placed[] = [];
  let at = from;
  while (found.length < limit) {
    const bytes = await readAt(file, at, WINDOW_BYTES + LONGEST_ENTRY_BYTES);
    const before = found.length;
    let next = bytes.indexOf(START);
    while (next >= 0 && found.length < limit) {
      const entry = parseEntry(bytes, next);
      if (entry === null) break;
      found.push({ ...entry.entry, start: at + next });
      next = bytes.indexOf(START, entry.end);
    }
    if (found.length === before || limit >= WINDOW_BYTES) return found;
    at = found.at(-1)!.start + 1;
  }
  return found;
}

/** Null when the entry is cut off or has another form. */
function parseEntry(bytes: Buffer, start: number): { entry: DirEntry; end: number } | null {
  const md5Start = start + START.length;
  const nameStart = md5Start + MD5_LENGTH + NAME_AFTER.length;
  if (bytes.toString('latin1', md5Start + MD5_LENGTH, nameStart) !== NAME_AFTER) return null;
  let end = nameStart;
  while (end < bytes.length && bytes[end] !== QUOTE) end += bytes[end] === BACKSLASH ? 2 : 1;
  if (end >= bytes.length) return null;
  const relpath = JSON.parse(bytes.toString('latin1', nameStart - 1, end + 1)) as string;
  return { entry: { relpath, md5: bytes.toString('latin1', md5Start, md5Start + MD5_LENGTH) }, end };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
