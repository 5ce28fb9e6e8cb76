import { Worker } from 'node:worker_threads';
import { SlipwayError } from '../protocol/errors.ts';
import { type FileColumns, FileTable } from './fileTable.ts';

export interface AddRequest {
  /** The dataset's folder, or its one file. */
  path: string;
  /** The store's root; null: hash only, copy nothing. */
  storeRoot: string | null;
  /** Where the stat indexes lie, one file for each dataset's folder; null: every file is read. */
  statIndexFolder: string | null;
  /** Whether to read every file again, whatever the stat index says. */
  rehash?: boolean;
  /** Threads that read and hash; default: one for each core, at most eight. */
  threads?: number;
  /** Where a file that calls `serveAdd` lies as JavaScript that Node can run. */
  workerPath: string;
  /** Handed to that file's summary. */
  summaryInput?: unknown;
  signal?: AbortSignal;
  onProgress?: (progress: AddProgress) => void;
}

/** What is done so far, at most ten times a second. */
export interface AddProgress {
  files: number;
  bytes: number;
  totalFiles: number;
  totalBytes: number;
  filesPerSecond: number;
}

export interface AddedFile {
  relpath: string;
  md5: string;
  sha256: string;
  bytes: number;
}

export interface AddResult {
  /** The real path of what was added. */
  root: string;
  isSingleFile: boolean;
  /** In no particular order. */
  files: FileTable;
  bytes: number;
  /** Files that were read; the stat index knew the others. */
  hashedFiles: number;
  /** Links to folders, which are not part of the dataset. */
  folderLinks: string[];
  /** What the worker made of the files; undefined where it makes nothing of them. */
  summary: unknown;
  seconds: number;
}

/** What the worker is started with: the request without what cannot cross to a thread. */
export type AddJob = Required<Omit<AddRequest, 'signal' | 'onProgress' | 'threads'>> & {
  role: 'add';
  threads: number | null;
  /** One Int32: not 0 when the add is cancelled. Shared, so that threads see it in the middle of their work. */
  cancelled: SharedArrayBuffer;
};

export type AddMessage =
  | { type: 'progress'; progress: AddProgress }
  | { type: 'done'; result: Omit<AddResult, 'files'> & { files: FileColumns } }
  | { type: 'refused'; code: string; message: string; hint: string; status: number };

/**
 * Reads a folder or a file into a store. When the promise resolves every object is durable and the files were, all at
 * one moment, as the result says. What was stored before an error, a cancel or a crash stays, complete, and makes the
 * next try shorter; half a file is never stored. Several adds may run at once, in several processes.
 *
 * @throws SlipwayError of `walkDataset`; `dataset.changedDuringAdd`, `dataset.cancelled`, `object.noRoom`
 */
export function addFolder(request: AddRequest): Promise<AddResult> {
  const { path, storeRoot, statIndexFolder, rehash = false, threads = null, workerPath, signal, onProgress } = request;
  const cancelled = new SharedArrayBuffer(4);
  const { summaryInput } = request;
  const job: AddJob = {
    ...{ role: 'add', path, storeRoot, statIndexFolder, rehash, threads, workerPath, summaryInput, cancelled },
  };
  const cancel = () => Atomics.store(new Int32Array(cancelled), 0, 1);
  if (signal?.aborted) cancel();

  return new Promise<AddResult>((resolve, reject) => {
    const worker = new Worker(workerPath, { workerData: job, resourceLimits: { maxYoungGenerationSizeMb: 16 } });
    signal?.addEventListener('abort', cancel);
    worker.on('message', (message: AddMessage) => {
      if (message.type === 'progress') onProgress?.(message.progress);
      else if (message.type === 'done') resolve({ ...message.result, files: new FileTable(message.result.files) });
      else reject(new SlipwayError(message.code, message.message, message.hint, message.status));
    });
    worker.on('error', reject);
    worker.on('exit', (code) => {
      signal?.removeEventListener('abort', cancel);
      reject(new Error(`the add of ${path} ended with status ${code} and no result`));
    });
  });
}

/** The files of a table as objects; only for tables that are known to be small. */
export function addedFiles(files: FileTable): AddedFile[] {
  return Array.from({ length: files.count }, (_, row) => ({
    relpath: files.name(row),
    md5: files.md5(row),
    sha256: files.sha256(row),
    bytes: files.bytes(row),
  }));
}
