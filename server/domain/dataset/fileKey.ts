import { SlipwayError } from '../../protocol/errors.ts';

/** Reads a file's class, group or time out of its name; null when the name has none. */
export type FileKey = (relpath: string) => string | null;

/** More wildcards than this would let one pattern take very long on one name. */
const MAX_WILDCARDS = 8;

/**
 * What `by` of a split means:
 * - `label`: the first folder of the name, as torchvision's ImageFolder takes it (`cat/x/1.png` → `cat`)
 * - `folder`: the whole folder (`cat/x/1.png` → `cat/x`)
 * - `name`: the file's own name (`2024/05-01.csv` → `05-01.csv`)
 * - a pattern over the whole name with one `{word}` that is read out: `scans/{patient}_*.png`;
 *   `*` and `{word}` stay within one folder, `**` may cross folders.
 *
 * @throws SlipwayError `split.by` when it is none of these
 */
export function fileKey(by: string): FileKey {
  if (by === 'label') return (relpath) => relpath.match(/^([^/]+)\//)?.[1] ?? null;
  if (by === 'folder') return (relpath) => relpath.match(/^(.+)\/[^/]+$/)?.[1] ?? null;
  if (by === 'name') return (relpath) => relpath.slice(relpath.lastIndexOf('/') + 1);
  const pattern = compilePattern(by);
  return (relpath) => pattern.exec(relpath)?.[1] ?? null;
}

function compilePattern(by: string): RegExp {
  const parts = by.split(/(\*\*|\*|\{\w+\})/);
  const wildcards = parts.filter((_, index) => index % 2 === 1);
  const keys = wildcards.filter((part) => part.startsWith('{'));
  if (keys.length !== 1 || wildcards.length > MAX_WILDCARDS) {
    throw new SlipwayError(
      'split.by',
      `The split's \`by: ${by}\` is not understood.`,
      'Use label, folder, name, or a pattern with one {word}, as in "scans/{patient}_*.png".',
    );
  }
  const source = parts.map((part) => {
    if (part === '**') return '.*?';
    if (part === '*') return '[^/]*?';
    if (keys.includes(part)) return '([^/]+?)';
    return part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  });
  return new RegExp(`^${source.join('')}$`, 's');
}
