import { isUtf8 } from 'node:buffer';
import { type Dirent, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { SlipwayError } from '../protocol/errors.ts';
import { IGNORE_FILE, type IgnoreRules, isIgnored, rulesAbove, rulesIn } from './ignoreRules.ts';
import { type FileState, fileState } from './statIndex.ts';

/** A file of a dataset as it lies on disk. */
export interface WalkedFile extends FileState {
  /** Name below the dataset's folder, with `/`; of a single file, its base name. */
  relpath: string;
  path: string;
}

/** What was walked, besides its files. */
export interface WalkedDataset {
  /** The real path of what was walked. */
  root: string;
  isSingleFile: boolean;
  /** Links to folders; like DVC, a walk does not enter them. */
  folderLinks: string[];
}

export interface Walk extends WalkedDataset {
  files: WalkedFile[];
}

/** Folders that DVC leaves out wherever they are (dvc/ignore.py). */
const NEVER_DATA = new Set(['.git', '.hg', '.dvc']);

/**
 * Lists the files of a dataset: one file, or a folder with all below it. Blocks: for threads only.
 *
 * Left out are `.git`, `.hg`, `.dvc`, nested DVC repositories, empty folders, what `.dvcignore` files say (from the
 * repository's root down), and those files themselves. A link to a file inside the dataset counts as that file, as in
 * DVC; a link that leads out of it is refused, because its bytes are not the dataset's; a link to a folder inside is
 * listed in `folderLinks` and not entered.
 *
 * @param checkpoint called for each folder; may throw to end the walk
 * @throws SlipwayError `dataset.notFound`, `dataset.fileName`, `dataset.link`, `dataset.specialFile`,
 * `dataset.unreadable`, `dataset.empty`
 */
export function walkDataset(path: string, checkpoint: () => void = () => {}): Walk {
  const files: WalkedFile[] = [];
  return { ...visitDataset(path, (file) => files.push(file), checkpoint), files };
}

/** As {@link walkDataset}, but hands out each file and keeps none. */
export function visitDataset(path: string, onFile: OnFile, checkpoint: () => void): WalkedDataset {
  const root = attempt(path, () => realpathSync(path));
  const stats = attempt(root, () => statSync(root, { bigint: true }));
  const dataset: WalkedDataset = { root, isSingleFile: stats.isFile(), folderLinks: [] };
  if (stats.isFile()) {
    onFile({ relpath: basename(root), path: root, ...fileState(stats) });
    return dataset;
  }
  if (!stats.isDirectory()) throw specialFile(root);

  let isEmpty = true;
  const visit: OnFile = (file) => {
    isEmpty = false;
    onFile(file);
  };
  visitFolder(dataset, root, '', rulesAbove(root), visit, checkpoint);
  if (isEmpty) {
    throw new SlipwayError(
      'dataset.empty',
      `The dataset at ${root} has no files.`,
      'Put files there, or see whether a .dvcignore leaves them all out.',
    );
  }
  return dataset;
}

type OnFile = (file: WalkedFile) => void;

function visitFolder(
  dataset: WalkedDataset,
  folder: string,
  prefix: string,
  above: IgnoreRules,
  onFile: OnFile,
  checkpoint: () => void,
): void {
  checkpoint();
  const entries = attempt(folder, () => readdirSync(folder, { encoding: 'buffer', withFileTypes: true })).map(
    (entry) => ({ entry, name: utf8Name(entry.name, folder) }),
  );
  const has = (name: string) => entries.some((each) => each.name === name);
  if (prefix !== '' && has('.dvc')) return;
  const rules = has(IGNORE_FILE) ? rulesIn(above, folder) : above;

  for (const { entry, name } of entries) {
    if (NEVER_DATA.has(name) || name === IGNORE_FILE) continue;
    const path = `${folder}/${name}`;
    if (rules.length > 0 && isIgnored(rules, path, entry.isDirectory())) continue;
    if (entry.isDirectory()) visitFolder(dataset, path, `${prefix}${name}/`, rules, onFile, checkpoint);
    else visitFile(dataset, entry, path, prefix + name, onFile);
  }
}

function visitFile(dataset: WalkedDataset, entry: Dirent<Buffer>, path: string, relpath: string, onFile: OnFile): void {
  const stats = attempt(path, () => lstatSync(path, { bigint: true }));
  if (stats.isFile()) {
    onFile({ relpath, path, ...fileState(stats) });
    return;
  }
  if (!entry.isSymbolicLink()) throw specialFile(path);
  const target = attempt(path, () => realpathSync(path));
  if (!target.startsWith(`${dataset.root}/`)) {
    throw new SlipwayError(
      'dataset.link',
      `${path} is a link that leads out of the dataset, to ${target}.`,
      'Put a copy of the file there, or leave the link out by .dvcignore.',
    );
  }
  const targetStats = attempt(path, () => statSync(target, { bigint: true }));
  if (targetStats.isFile()) onFile({ relpath, path, ...fileState(targetStats) });
  else if (targetStats.isDirectory()) dataset.folderLinks.push(relpath);
  else throw specialFile(path);
}

function utf8Name(name: Buffer, folder: string): string {
  if (isUtf8(name)) return name.toString('utf8');
  const shown = [...name].map((byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
  );
  throw new SlipwayError(
    'dataset.fileName',
    `The name ${shown.join('')} in ${folder} is not valid UTF-8.`,
    'Rename it (the tool `convmv` renames whole folders), or leave it out by .dvcignore.',
  );
}

function specialFile(path: string): SlipwayError {
  return new SlipwayError(
    'dataset.specialFile',
    `${path} is neither a file nor a folder.`,
    'Move it away, or leave it out by .dvcignore.',
  );
}

/** Runs a file system call and tells its usual failures by the path. */
function attempt<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new SlipwayError('dataset.notFound', `${path} is not there.`, 'Check the path.', 404, { cause: error });
    }
    if (code === 'ELOOP') {
      throw new SlipwayError('dataset.link', `${path} is a link that leads nowhere.`, 'Remove it.', 400, {
        cause: error,
      });
    }
    if (code === 'EACCES' || code === 'EPERM') {
      throw new SlipwayError(
        'dataset.unreadable',
        `${path} may not be read.`,
        `Give yourself access to ${dirname(path)}.`,
        400,
        {
          cause: error,
        },
      );
    }
    throw error;
  }
}
