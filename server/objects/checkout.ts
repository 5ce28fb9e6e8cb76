import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { lstat, mkdir, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { SlipwayError } from '../protocol/errors.ts';
import { isNoEntry } from './fileStore.ts';
import { type CheckoutEntry, siblingOf, writeFiles } from './writeFiles.ts';

export interface CheckoutRequest {
  storeRoot: string;
  entries: readonly CheckoutEntry[];
  /** The folder to write; it may be missing, empty, or an earlier checkout in which nothing was changed. */
  to: string;
  /** Where it is remembered what was written, so that a later checkout may replace it. */
  recordFolder: string;
  signal?: AbortSignal;
}

/** The files of a folder with what stat(2) says of them, by name. */
type FolderState = Record<string, string>;

/**
 * Writes a version's files, as copies that are the user's own to change, and nothing else. All or nothing: they are
 * written beside `to` and take its place at the end.
 *
 * @throws SlipwayError `checkout.notOurs` when files there are not, or not any more, as a checkout wrote them;
 * `dataset.manifest`, `object.missing`, `checkout.noRoom`
 */
export async function checkout({ storeRoot, entries, to, recordFolder, signal }: CheckoutRequest): Promise<void> {
  const target = await realTarget(to);
  const record = join(recordFolder, `${createHash('sha256').update(target).digest('hex')}.json`);
  const isOccupied = await assertReplaceable(target, record);
  const written = siblingOf(target);
  const replaced = siblingOf(target);
  try {
    await writeFiles(storeRoot, entries, written, 0o666 & ~process.umask(), signal);
    const state = await folderState(written);
    if (isOccupied) await rename(target, replaced);
    await rename(written, target);
    await mkdir(recordFolder, { recursive: true });
    await writeFile(record, JSON.stringify(state));
  } finally {
    await rm(written, { recursive: true, force: true });
  }
  await rm(replaced, { recursive: true, force: true });
}

/** The path without links, so that the same folder has one record; its parents are made. */
async function realTarget(to: string): Promise<string> {
  const path = resolve(to);
  await mkdir(dirname(path), { recursive: true });
  try {
    return await realpath(path);
  } catch (error) {
    if (isNoEntry(error)) return join(await realpath(dirname(path)), basename(path));
    throw error;
  }
}

/** Whether there are files to replace. They must all be as the record of an earlier checkout says. */
async function assertReplaceable(target: string, record: string): Promise<boolean> {
  const state = await folderState(target);
  const names = Object.keys(state);
  if (names.length === 0) return false;
  const written = await readRecord(record);
  const foreign = names.find((name) => state[name] !== written[name]);
  if (foreign === undefined) return true;
  throw new SlipwayError(
    'checkout.notOurs',
    `${target} holds files that this checkout would lose: ${JSON.stringify(foreign)} was not written, or was changed since, by a checkout.`,
    'Choose another folder, or move the files away.',
    409,
  );
}

async function readRecord(record: string): Promise<FolderState> {
  try {
    return JSON.parse(await readFile(record, 'utf8')) as FolderState;
  } catch (error) {
    if (isNoEntry(error)) return {};
    throw error;
  }
}

async function folderState(folder: string): Promise<FolderState> {
  const state: FolderState = Object.create(null);
  for (const entry of await readdirOrNone(folder)) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    state[relative(folder, path)] = await signatureOf(path);
  }
  return state;
}

async function readdirOrNone(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { recursive: true, withFileTypes: true });
  } catch (error) {
    if (isNoEntry(error)) return [];
    throw error;
  }
}

/** A name that is not UTF-8 cannot be looked up by its text; it is certainly not one of ours. */
async function signatureOf(path: string): Promise<string> {
  try {
    const { size, mtimeNs, ctimeNs, ino, dev } = await lstat(path, { bigint: true });
    return `${size}:${mtimeNs}:${ctimeNs}:${ino}:${dev}`;
  } catch (error) {
    if (isNoEntry(error)) return 'unknown';
    throw error;
  }
}
