/**
 * A workload's folder: the only thing that the control plane and the launcher share. Every file appears whole, by
 * rename or link, so that either side may die between any two writes.
 *
 * Who writes what: `workload.json`, `stop.json` the control plane; `started.json` whoever holds `lock.db`, which is the
 * launcher; `exited.json` whoever holds `lock.db`, and that is final. The kernel appends to `log`.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, link, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SlipwayError } from '../../protocol/errors.ts';
import type { EndReason, Workload } from '../runtime.ts';
import type { Leases } from './leases.ts';

export const files = {
  workload: 'workload.json',
  started: 'started.json',
  stop: 'stop.json',
  exited: 'exited.json',
  log: 'log',
  launcherLog: 'launcher.log',
  lock: 'lock.db',
} as const;

/** `workload.json`. */
export interface StoredWorkload extends Workload {
  /** `ID/RANDOM`: in the environment of everything the workload starts, so that it can be recognized. */
  mark: string;
  /** The GPUs that the launcher has to lease first. */
  leases?: Leases;
}

/** The environment variable that carries {@link StoredWorkload.mark}. */
export const markVariable = 'SLIPWAY_WORKLOAD';

/** A process that cannot be mistaken for a later one with the same pid. */
export interface ProcessId {
  pid: number;
  /** When it started, in whatever form the platform tells it; compared, never interpreted. */
  startToken: string;
}

/** `started.json`: without `work` before the work is spawned, with it after. */
export interface Started {
  at: number;
  host: string;
  bootId: string;
  launcher: ProcessId;
  work?: ProcessId;
}

/** `stop.json`. */
export interface StopRequest {
  at: number;
  reason: string;
  graceMs: number;
}

/** `exited.json`. */
export interface Exited {
  at: number;
  exitCode: number | null;
  signal: string | null;
  reason: EndReason;
  detail: string;
}

/**
 * Writes a JSON file of the folder, mode 0600, durably, replacing what is there in one step.
 * @throws SlipwayError `runtime.diskFull`, `runtime.folderNotWritable`
 */
export async function writeRecord(folder: string, name: string, record: object): Promise<void> {
  const temporary = await writeTemporary(folder, name, record);
  await rename(temporary, join(folder, name));
  await syncFolder(folder);
}

/**
 * As {@link writeRecord}, but never replaces.
 * @returns false when the file is there already
 */
export async function createRecord(folder: string, name: string, record: object): Promise<boolean> {
  const temporary = await writeTemporary(folder, name, record);
  try {
    await link(temporary, join(folder, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw writeError(error, join(folder, name));
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(folder);
  return true;
}

/** The parsed JSON of a file of the folder, undefined when there is none. */
export async function readRecord(folder: string, name: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(folder, name), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** What a failed write means to a person; anything unexpected stays what it is. */
export function writeError(error: unknown, path: string): unknown {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new SlipwayError(
        'runtime.diskFull',
        `${path} cannot be written: the disk is full or the quota is used up.`,
        'Free some room, then try again.',
        507,
        { cause: error },
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new SlipwayError(
        'runtime.folderNotWritable',
        `${path} cannot be written: ${(error as Error).message}`,
        'The data folder must belong to the user who runs Slipway.',
        500,
        { cause: error },
      );
    default:
      return error;
  }
}

async function writeTemporary(folder: string, name: string, record: object): Promise<string> {
  const path = join(folder, `.${name}.${randomBytes(6).toString('hex')}`);
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'wx', 0o600);
    await file.writeFile(JSON.stringify(record));
    await file.sync();
    return path;
  } catch (error) {
    await rm(path, { force: true });
    throw writeError(error, join(folder, name));
  } finally {
    await file?.close();
  }
}

/** Makes a rename durable (fsync(2): the entry in the directory needs a sync of its own). */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
