// The names and digests of a dataset version: DVC's `.dir` manifest and the listing that a shell can recompute.
// Pure: text and digests in, text and digests out. Called by the engine and by the other files of this folder;
// the bytes themselves are read and written by server/objects.
import { createHash } from 'node:crypto';
import { SlipwayError } from '../../protocol/errors.ts';

/** One file of a dataset version. `md5` 32 and `sha256` 64 lowercase hex; `bytes` is the file's size. */
export interface ManifestEntry {
  relpath: string;
  md5: string;
  sha256: string;
  bytes: number;
}

/** What a `.dir` manifest itself holds of a file. */
export type DirEntry = Pick<ManifestEntry, 'relpath' | 'md5'>;

/** A dataset version's digests: `digest` as DVC writes it, `sha256` of the listing (of the file, for a single file). */
export interface DatasetDigests {
  digest: string;
  sha256: string;
  files: number;
  bytes: number;
}

/** Both digests of a folder with these files. @throws SlipwayError `dataset.empty`, `dataset.relpath` */
export function folderDigests(entries: readonly ManifestEntry[]): DatasetDigests {
  if (entries.length === 0) {
    throw new SlipwayError('dataset.empty', 'The dataset has no files.', 'Add a folder with at least one file.');
  }
  const sorted = sortByRelpath(entries);
  return {
    digest: dirDigest(dirManifest(sorted)),
    sha256: createHash('sha256').update(listing(sorted)).digest('hex'),
    files: sorted.length,
    bytes: sorted.reduce((sum, entry) => sum + entry.bytes, 0),
  };
}

/** The digests of a dataset that is one file: the file's own. */
export function fileDigests(entry: ManifestEntry): DatasetDigests {
  return { digest: entry.md5, sha256: entry.sha256, files: 1, bytes: entry.bytes };
}

/**
 * The text of a `.dir` manifest, byte for byte as DVC 3 writes it:
 * `json.dumps(sorted(list, key=relpath), sort_keys=True)` (dvc_data/hashfile/tree.py, `as_bytes`). ASCII only.
 */
export function dirManifest(entries: readonly DirEntry[]): string {
  return [...dirManifestParts(sortByRelpath(entries))].join('');
}

/** The pieces of a {@link dirManifest}, an entry each, of entries in the order of {@link sortByRelpath}. */
export function* dirManifestParts(sorted: Iterable<DirEntry>): Generator<string> {
  let lead = '[';
  for (const { md5, relpath } of sorted) {
    assertRelpath(relpath);
    yield `${lead}{"md5": "${md5}", "relpath": ${pythonJsonString(relpath)}}`;
    lead = ', ';
  }
  yield lead === '[' ? '[]' : ']';
}

/** DVC's name of a manifest: `<md5 of its bytes>.dir`. */
export function dirDigest(manifest: string): string {
  return `${createHash('md5').update(manifest).digest('hex')}.dir`;
}

/**
 * Reads a `.dir` manifest written by Slipway or DVC (with or without the extra keys DVC adds for cloud versioning).
 * @throws SlipwayError `dataset.manifest` when it is not one, or when a name would leave the dataset's folder
 */
export function parseDirManifest(text: string): DirEntry[] {
  const items = parseJson(text);
  if (!Array.isArray(items)) throw badManifest('is not a list');
  const seen = new Set<string>();
  return items.map((item: unknown) => {
    const entry = item as { md5?: unknown; relpath?: unknown } | null;
    const { md5, relpath } = entry ?? {};
    if (typeof md5 !== 'string' || !/^[0-9a-f]{32}$/.test(md5)) throw badManifest('has an entry without an md5');
    if (typeof relpath !== 'string' || !isRelpath(relpath)) {
      throw badManifest(`names a file outside the dataset: ${JSON.stringify(relpath)}`);
    }
    if (seen.has(relpath)) throw badManifest(`names ${JSON.stringify(relpath)} twice`);
    seen.add(relpath);
    return { relpath, md5 };
  });
}

/**
 * What `find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum` prints in the dataset's folder. A name with a
 * backslash, a newline or a carriage return is escaped and its line starts with a backslash (GNU coreutils manual,
 * "md5sum invocation").
 */
export function listing(entries: readonly Pick<ManifestEntry, 'relpath' | 'sha256'>[]): string {
  return [...listingLines(sortByRelpath(entries))].join('');
}

/** The lines of a {@link listing}, of entries in the order of {@link sortByRelpath}. */
export function* listingLines(sorted: Iterable<Pick<ManifestEntry, 'relpath' | 'sha256'>>): Generator<string> {
  for (const { relpath, sha256 } of sorted) {
    assertRelpath(relpath);
    const isEscaped = /[\\\n\r]/.test(relpath);
    const name = isEscaped ? relpath.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r') : relpath;
    yield `${isEscaped ? '\\' : ''}${sha256}  ./${name}\n`;
  }
}

const LISTING_ESCAPES: Record<string, string> = { '\\\\': '\\', '\\n': '\n', '\\r': '\r' };

/** Reads a listing back. @throws SlipwayError `dataset.listing` when a line is not one of sha256sum's */
export function parseListing(text: string): Pick<ManifestEntry, 'relpath' | 'sha256'>[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const match = /^(\\?)([0-9a-f]{64}) {2}\.\/(.+)$/s.exec(line);
      if (!match) throw new SlipwayError('dataset.listing', `Not a line of sha256sum: ${JSON.stringify(line)}.`);
      const [, backslash, sha256, name] = match as unknown as [string, string, string, string];
      const relpath = backslash ? name.replace(/\\[\\nr]/g, (pair) => LISTING_ESCAPES[pair]!) : name;
      return { relpath, sha256 };
    });
}

/** Whether a name stays inside the folder it is relative to: no empty, `.` or `..` part, not absolute, no NUL. */
export function isRelpath(relpath: string): boolean {
  return (
    relpath.isWellFormed() &&
    !relpath.includes('\0') &&
    relpath.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

/** The entries in code-point order of their names, which is also the byte order of their UTF-8. */
export function sortByRelpath<Entry extends { relpath: string }>(entries: readonly Entry[]): Entry[] {
  return sortedOrder(entries.map(({ relpath }) => relpath)).map((at) => entries[at]!);
}

/** The places of names in their code-point order. */
export function sortedOrder(names: readonly string[]): number[] {
  // Below the surrogates JavaScript's own order, which is much faster, is that of the code points.
  const isPlain = !names.some((name) => /[\ud800-\uffff]/.test(name));
  const compare = isPlain
    ? (a: number, b: number) => (names[a]! < names[b]! ? -1 : names[a] === names[b] ? 0 : 1)
    : (a: number, b: number) => compareCodePoints(names[a]!, names[b]!);
  return Array.from(names.keys()).sort(compare);
}

/**
 * Orders two strings by code points. JavaScript's own order is by UTF-16 units, in which an emoji (a surrogate pair,
 * 0xD800…) stands before U+FF21; moving the surrogates above the rest of the plane makes the two orders agree.
 */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codePointRank(x) - codePointRank(y);
  }
  return a.length - b.length;
}

function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Python's `json.dumps` of a string with `ensure_ascii`: JSON's short escapes, all else outside ASCII as `\uXXXX`. */
function pythonJsonString(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function assertRelpath(relpath: string): void {
  if (isRelpath(relpath)) return;
  throw new SlipwayError('dataset.relpath', `Not a name inside a dataset: ${JSON.stringify(relpath)}.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badManifest('is not JSON', error);
  }
}

function badManifest(problem: string, cause?: unknown): SlipwayError {
  return new SlipwayError(
    'dataset.manifest',
    `The dataset's manifest ${problem}.`,
    'Run `slipway dataset verify`.',
    400,
    {
      cause,
    },
  );
}
