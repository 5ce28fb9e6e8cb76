/** The code of a project: captured by digest, read back from the capture. */
import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import ignore, { type Ignore } from 'ignore';
import type { RunSpec } from '../domain/run/run.ts';
import type { ObjectStore } from '../objects/index.ts';
import { SlipwayError } from '../protocol/errors.ts';
import { requireSlipwayFile } from '../protocol/parseSlipwayFile.ts';
import type { SlipwayFile } from '../protocol/slipwayFile.ts';
import { readFolder, storeFolder } from './bytes.ts';

const run = promisify(execFile);
const maxBytes = 100 * 1024 * 1024;
const alwaysLeftOut = ['.git', '.dvc', '.slipway', 'node_modules', '.venv', '__pycache__', '.ipynb_checkpoints'];

export type CodeRef = RunSpec['code'];

/** The code of a folder: git's own list where it is a repository, else everything that no `.gitignore` leaves out. */
export async function listCode(folder: string, leaveOut: string[] = []): Promise<string[]> {
  return ((await gitFiles(folder)) ?? (await walk(folder))).filter((name) => {
    return !leaveOut.some((path) => name === path || name.startsWith(`${path}/`));
  });
}

/**
 * Stores the code of a folder by digest; never the dataset.
 *
 * @throws SlipwayError `code.empty`, `code.tooLarge` (names the largest files), `code.badName`
 */
export async function captureCode(objects: ObjectStore, folder: string, leaveOut: string[] = []): Promise<CodeRef> {
  const names = await listCode(folder, leaveOut);
  const sized = await Promise.all(names.map(async (name) => ({ name, bytes: (await stat(join(folder, name))).size })));
  const bytes = sized.reduce((sum, file) => sum + file.bytes, 0);
  if (sized.length === 0) {
    throw new SlipwayError(
      'code.empty',
      `The folder ${folder} holds no code.`,
      'Start from the folder of your project.',
    );
  }
  if (bytes > maxBytes) {
    const largest = sized.toSorted((a, b) => b.bytes - a.bytes).slice(0, 3);
    const named = largest.map((file) => `${file.name} (${Math.round(file.bytes / 1e6)} MB)`).join(', ');
    throw new SlipwayError(
      'code.tooLarge',
      `The code in ${folder} is ${Math.round(bytes / 1e6)} MB; the largest files are ${named}.`,
      'Name what is not code in .gitignore, or make it a dataset.',
    );
  }
  const entries = await Promise.all(
    sized.map(async ({ name }) => {
      const stored = await objects.putFile(join(folder, name));
      return { relpath: name, md5: stored.digest, sha256: stored.sha256, bytes: stored.bytes };
    }),
  );
  const { md5, sha256 } = await storeFolder(objects, entries);
  return { md5, sha256, ...(await gitState(folder)) };
}

/** The slipway.yaml of a captured project. @throws SlipwayError of the file's own problems */
export async function readCapturedFile(objects: ObjectStore, code: string): Promise<SlipwayFile> {
  const text = await readCapturedText(objects, code, 'slipway.yaml');
  if (text === undefined) throw new SlipwayError('yaml.missing', 'The captured code has no slipway.yaml.', '', 404);
  return requireSlipwayFile(text);
}

/** A text file of captured code, or undefined if it is not there. */
export async function readCapturedText(objects: ObjectStore, code: string, name: string): Promise<string | undefined> {
  const entry = (await readFolder(objects, code)).find((one) => one.relpath === name);
  const path = entry && objects.localPath(entry.md5);
  return path ? readFile(path, 'utf8') : undefined;
}

/** The slipway.yaml of a folder. @throws SlipwayError `yaml.missing` and the file's own problems */
export async function readProjectFile(folder: string): Promise<SlipwayFile> {
  let text: string;
  try {
    text = await readFile(join(folder, 'slipway.yaml'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new SlipwayError(
      'yaml.missing',
      `There is no slipway.yaml in ${folder}.`,
      'Open the folder of your project, or run a program without one: slipway run start -- python train.py',
      404,
    );
  }
  return requireSlipwayFile(text);
}

async function gitFiles(folder: string): Promise<string[] | undefined> {
  let listed: string;
  try {
    const args = ['-C', folder, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'];
    const { stdout } = await run('git', args, { maxBuffer: 256 * 1024 * 1024 });
    listed = stdout;
  } catch {
    // No git here, or no repository: the folder is walked instead.
    return undefined;
  }
  return filesOf(folder, listed.split('\0').filter(Boolean));
}

/** Those of the names that are files: not what git knows but was deleted, no folders, no links that lead nowhere. */
async function filesOf(folder: string, names: string[]): Promise<string[]> {
  const present = await Promise.all(names.map((name) => isFile(join(folder, name))));
  // Bytes that are no UTF-8 were read as U+FFFD, and a file of that name is not found.
  const lost = names.find((name, i) => !present[i] && name.includes('\uFFFD'));
  if (lost !== undefined) {
    const message = `The name of the file ${lost} in ${folder} is not valid UTF-8.`;
    throw new SlipwayError('code.badName', message, 'Rename it, or name it in .gitignore.');
  }
  return names.filter((_, i) => present[i]);
}

async function gitState(folder: string): Promise<{ commit?: string; changed?: boolean }> {
  try {
    const { stdout: commit } = await run('git', ['-C', folder, 'rev-parse', 'HEAD']);
    const { stdout: status } = await run('git', ['-C', folder, 'status', '--porcelain', '--', '.']);
    return { commit: commit.trim(), changed: status.trim() !== '' };
  } catch {
    // No repository, or one without a commit: there is nothing to say.
    return {};
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
}

/** The files below a folder, without what a `.gitignore` leaves out: its own or one of a folder in between. */
async function walk(folder: string): Promise<string[]> {
  const names: string[] = [];
  const visit = async (current: string, above: readonly Rules[]) => {
    const rules = await withOwnRules(current, above);
    for (const entry of await readdir(current, { withFileTypes: true })) {
      const path = join(current, entry.name);
      if (alwaysLeftOut.includes(entry.name) || isIgnored(path, entry.isDirectory(), rules)) continue;
      if (entry.isDirectory()) await visit(path, rules);
      else names.push(slashed(relative(folder, path)));
    }
  };
  await visit(folder, []);
  return filesOf(folder, names);
}

/** The rules of one `.gitignore`, for what lies below its folder. */
interface Rules {
  folder: string;
  matcher: Ignore;
}

async function withOwnRules(folder: string, above: readonly Rules[]): Promise<readonly Rules[]> {
  const text = await readFile(join(folder, '.gitignore'), 'utf8').catch(() => '');
  return text === '' ? above : [...above, { folder, matcher: ignore().add(text) }];
}

/** As git decides: the file nearest to the path that says anything about it (https://git-scm.com/docs/gitignore). */
function isIgnored(path: string, isFolder: boolean, rules: readonly Rules[]): boolean {
  for (const { folder, matcher } of rules.toReversed()) {
    const { ignored, unignored } = matcher.test(slashed(relative(folder, path)) + (isFolder ? '/' : ''));
    if (ignored || unignored) return ignored;
  }
  return false;
}

function slashed(path: string): string {
  return path.split(sep).join('/');
}
