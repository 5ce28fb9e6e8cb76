import { isUtf8 } from 'node:buffer';
import { type Dirent, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { SlipwayError } from '../protocol/errors.ts';
import { type FileState, FileTable } from './fileTable.ts';
import { IGNORE_FILE, type IgnoreRules, isIgnored, rulesAbove, rulesIn } from './ignoreRules.ts';

/** What a walk hands out. */
export interface WalkVisitor {
  /** @param relpath the name below the dataset's folder, with `/`; of a single file, its base name */
  onFile: (relpath: string, state: FileState) => void;
  /** Called before the folder is read. @param path absolute */
  onFolder?: (path: string, state: FileState) => void;
  /** Called for each folder; may throw to end the walk. */
  checkpoint?: () => void;
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
  files: FileTable;
  /** Every folder that was read, as it was just before: its mtime moves when a name in it comes or goes. */
  folders: { path: string; state: FileState }[];
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
export function walkDataset(path: string, checkpoint?: () => void): Walk {
  const files = new FileTable();
  const folders: Walk['folders'] = [];
  const dataset = visitDataset(path, {
    onFile: (relpath, state) => files.append(relpath, state),
    onFolder: (folder, state) => folders.push({ path: folder, state: picked(state) }),
    checkpoint,
  });
  return { ...dataset, files, folders };
}

/** As {@link walkDataset}, but hands out each file and keeps none. */
export function visitDataset(path: string, visitor: WalkVisitor): WalkedDataset {
  const root = attempt(path, () => realpathSync(path));
  const stats = attempt(root, () => statSync(root));
  const dataset: WalkedDataset = { root, isSingleFile: stats.isFile(), folderLinks: [] };
  if (stats.isFile()) {
    visitor.onFile(basename(root), stats);
    return dataset;
  }
  if (!stats.isDirectory()) throw specialFile(root);

  let isEmpty = true;
  const onFile: WalkVisitor['onFile'] = (relpath, state) => {
    isEmpty = false;
    visitor.onFile(relpath, state);
  };
  visitFolder(dataset, root, '', rulesAbove(root), { ...visitor, onFile });
  if (isEmpty) {
    throw new SlipwayError(
      'dataset.empty',
      `The dataset at ${root} has no files.`,
      'Put files there, or see whether a .dvcignore leaves them all out.',
    );
  }
  return dataset;
}

function visitFolder(
  dataset: WalkedDataset,
  folder: string,
  prefix: string,
  above: IgnoreRules,
  visitor: WalkVisitor,
): void {
  visitor.checkpoint?.();
  visitor.onFolder?.(
    folder,
    attempt(folder, () => statSync(folder)),
  );
  const entries = readFolder(folder);
  const has = (name: string) => entries.some((each) => each.name === name);
  if (prefix !== '' && has('.dvc')) return;
  const rules = has(IGNORE_FILE) ? rulesIn(above, folder) : above;

  for (const entry of entries) {
    const { name } = entry;
    if (NEVER_DATA.has(name) || name === IGNORE_FILE) continue;
    const path = `${folder}/${name}`;
    if (rules.length > 0 && isIgnored(rules, path, entry.isDirectory())) continue;
    if (entry.isDirectory()) visitFolder(dataset, path, `${prefix}${name}/`, rules, visitor);
    else visitFile(dataset, entry, path, prefix + name, visitor.onFile);
  }
}

/** Names are read as text, which is fast; only where that lost bytes they are read again, to refuse the name by its bytes. */
function readFolder(folder: string): Dirent[] {
  const entries = attempt(folder, () => readdirSync(folder, { withFileTypes: true }));
  if (entries.some(({ name }) => name.includes('\uFFFD'))) {
    for (const name of attempt(folder, () => readdirSync(folder, { encoding: 'buffer' }))) assertUtf8(name, folder);
  }
  return entries;
}

function visitFile(
  dataset: WalkedDataset,
  entry: Dirent,
  path: string,
  relpath: string,
  onFile: WalkVisitor['onFile'],
): void {
  const stats = attempt(path, () => lstatSync(path));
  if (stats.isFile()) {
    onFile(relpath, stats);
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
  const targetStats = attempt(path, () => statSync(target));
  if (targetStats.isFile()) onFile(relpath, targetStats);
  else if (targetStats.isDirectory()) dataset.folderLinks.push(relpath);
  else throw specialFile(path);
}

function picked({ size, mtimeMs, ctimeMs, ino, dev }: FileState): FileState {
  return { size, mtimeMs, ctimeMs, ino, dev };
}

function assertUtf8(name: Buffer, folder: string): void {
  if (isUtf8(name)) return;
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
