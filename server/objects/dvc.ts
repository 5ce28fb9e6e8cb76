import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseDocument, stringify } from 'yaml';
import * as z from 'zod';
import { SlipwayError } from '../protocol/errors.ts';
import { isNoEntry } from './fileStore.ts';
import { siblingOf } from './writeFiles.ts';

export interface DvcRepository {
  root: string;
  /** What `dvc cache dir` says: the root of an object store. */
  cacheFolder: string;
  /** Whether DVC keeps `.gitignore` files. */
  hasGit: boolean;
}

/** What a `.dvc` file says of the data beside it. `files` null: it is a single file. */
export interface DvcOutput {
  /** As DVC writes it: 32 hex, with `.dir` for a folder. */
  digest: string;
  bytes: number;
  files: number | null;
}

/** The DVC repository that a path lies in, null when there is none. */
export async function findDvcRepository(path: string): Promise<DvcRepository | null> {
  const root = folderWith('.dvc', dirname(resolve(path)));
  if (root === null) return null;
  // The later file wins (dvc/config.py, Config.LEVELS); a path is relative to the file it stands in.
  const globalConfig = join(process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'dvc', 'config');
  const levels = ['/etc/xdg/dvc/config', globalConfig, join(root, '.dvc/config'), join(root, '.dvc/config.local')];
  let cacheFolder = join(root, '.dvc', 'cache');
  let isWithoutScm = false;
  for (const file of levels) {
    const settings = await readConfig(file);
    const folder = settings.get('cache.dir');
    if (folder) cacheFolder = resolve(dirname(file), folder.replace(/^~(?=\/|$)/, homedir()));
    isWithoutScm = (settings.get('core.no_scm') ?? String(isWithoutScm)).toLowerCase() === 'true';
  }
  return { root, cacheFolder, hasGit: !isWithoutScm && folderWith('.git', root) !== null };
}

/**
 * Writes `PATH.dvc`, and with Git the line in `.gitignore`, as `dvc add PATH` does. What else stands in an existing
 * `.dvc` file (`meta`, `desc`, comments) stays.
 * @returns the files that were written
 * @throws SlipwayError `dvc.file` when there is a `PATH.dvc` that is none of `dvc add`
 */
export async function writeDvcFile(
  path: string,
  output: DvcOutput,
  repository: DvcRepository | null,
): Promise<string[]> {
  const file = `${path}.dvc`;
  const { digest: md5, bytes: size, files } = output;
  const out = { md5, size, ...(files !== null && { nfiles: files }), hash: 'md5', path: basename(path) };
  const text = mergeDvcFile(file, await readOrNone(file), out);
  const temporary = siblingOf(file);
  await writeFile(temporary, text);
  await rename(temporary, file);
  if (!repository?.hasGit || (await isIgnoredByGit(path))) return [file];
  const gitignore = join(dirname(path), '.gitignore');
  const content = (await readOrNone(gitignore)) ?? '';
  const lead = content === '' || content.endsWith('\n') ? '' : '\n';
  await appendFile(gitignore, `${lead}/${basename(path).replace(/[[\]!*#?]/g, '\\$&')}\n`);
  return [file, gitignore];
}

const DvcFile = z.object({ outs: z.array(z.record(z.string(), z.unknown())).length(1) });

function mergeDvcFile(file: string, existing: string | null, out: Record<string, unknown>): string {
  const style = { singleQuote: true, lineWidth: 0, indentSeq: false };
  if (existing === null) return stringify({ outs: [out] }, style);
  const document = parseDocument(existing);
  if (document.errors.length > 0 || !DvcFile.safeParse(document.toJS()).success) {
    throw new SlipwayError(
      'dvc.file',
      `${file} is not a file that \`dvc add\` wrote.`,
      'Move it away, or add without --dvc.',
      409,
    );
  }
  if (!('nfiles' in out)) document.deleteIn(['outs', 0, 'nfiles']);
  for (const [key, value] of Object.entries(out)) document.setIn(['outs', 0, key], value);
  return document.toString(style);
}

/** The settings of a DVC configuration file (ConfigObj's INI) as `section.key`; none when there is no file. */
async function readConfig(file: string): Promise<Map<string, string>> {
  const settings = new Map<string, string>();
  let section = '';
  for (const line of ((await readOrNone(file)) ?? '').split('\n')) {
    const header = /^\s*\[(.+)\]\s*(#.*)?$/.exec(line)?.[1];
    if (header !== undefined) section = header.replace(/^'(.*)'$/, '$1');
    const setting = /^\s*([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^#]*?))\s*(#.*)?$/.exec(line);
    if (setting) settings.set(`${section}.${setting[1]}`, setting[2] ?? setting[3] ?? setting[4]!);
  }
  return settings;
}

/** As DVC, which adds no line for what Git ignores anyway. Where there is no `git`, nothing is taken for ignored. */
function isIgnoredByGit(path: string): Promise<boolean> {
  return new Promise((settle) => {
    execFile('git', ['check-ignore', '-q', '--', path], { cwd: dirname(path) }, (error) => settle(error === null));
  });
}

function folderWith(name: string, start: string): string | null {
  for (let at = start; ; at = dirname(at)) {
    if (existsSync(join(at, name))) return at;
    if (at === dirname(at)) return null;
  }
}

async function readOrNone(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isNoEntry(error)) return null;
    throw error;
  }
}
