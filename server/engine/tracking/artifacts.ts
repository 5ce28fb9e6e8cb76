/**
 * Files that MLflow clients log: those of a run among its outputs (`output/mlflow`), those of a logged model beside.
 * Addressed as the client was told: `EXPERIMENT/RUN/artifacts/PATH` or `EXPERIMENT/models/MODEL/artifacts/PATH`.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Folders } from '../context.ts';
import { runFolder } from '../runFolder.ts';
import { TrackingError } from './errors.ts';

export interface ArtifactFile {
  /** Below the folder that was asked for the list of. */
  path: string;
  is_dir: boolean;
  file_size?: number;
}

export class Artifacts {
  readonly #folders: Folders;
  #writes = 0;

  constructor(folders: Folders) {
    this.#folders = folders;
  }

  /** The run that an artifact belongs to; undefined for those of logged models. @throws TrackingError */
  runOf(address: string): string | undefined {
    return partsOf(address).run;
  }

  /** Writes a file whole or not at all. */
  async write(address: string, bytes: Readable): Promise<void> {
    const file = this.#place(address);
    const temporary = `${file}.${process.pid}-${++this.#writes}.partial`;
    await mkdir(path.dirname(file), { recursive: true });
    try {
      await pipeline(bytes, createWriteStream(temporary, { mode: 0o600 }));
      await rename(temporary, file);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async read(address: string): Promise<Readable> {
    const file = this.#place(address);
    const found = await stat(file).catch(() => undefined);
    if (!found?.isFile()) throw new TrackingError('RESOURCE_DOES_NOT_EXIST', 'There is no such artifact.', 404);
    return createReadStream(file);
  }

  /** @param root address of the artifacts of a run or model; paths in the answer are relative to it */
  async list(root: string, below: string): Promise<ArtifactFile[]> {
    const folder = this.#place(below === '' ? root : `${root}/${below}`);
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    const files = await Promise.all(
      entries.map(async (entry): Promise<ArtifactFile> => {
        const relative = below === '' ? entry.name : `${below}/${entry.name}`;
        if (entry.isDirectory()) return { path: relative, is_dir: true };
        const { size } = await stat(path.join(folder, entry.name));
        return { path: relative, is_dir: false, file_size: size };
      }),
    );
    return files.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  #place(address: string): string {
    const { run, model, rest } = partsOf(address);
    const root =
      run === undefined
        ? path.join(this.#folders.data, 'mlflow', 'models', model!)
        : path.join(runFolder(this.#folders.runs, run).output, 'mlflow');
    return path.join(root, ...rest);
  }
}

/** Every part is a plain name: nothing leads out of the folder. */
function partsOf(address: string): { run?: string; model?: string; rest: string[] } {
  const parts = address.split('/').filter((part) => part !== '');
  const isPlain = parts.every((part) => part !== '.' && part !== '..' && !/[\\\0]/.test(part));
  const isModel = parts[1] === 'models';
  const id = parts[isModel ? 2 : 1];
  const rest = parts.slice(isModel ? 4 : 3);
  const isRooted = parts[isModel ? 3 : 2] === 'artifacts';
  if (!isPlain || !isRooted || id === undefined || !/^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/.test(id)) {
    throw new TrackingError('INVALID_PARAMETER_VALUE', 'This is no path of an artifact.', 400);
  }
  return isModel ? { model: id, rest } : { run: id, rest };
}
