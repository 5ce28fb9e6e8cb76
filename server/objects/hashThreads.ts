import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type MessagePort, threadId, Worker } from 'node:worker_threads';
import { SlipwayError } from '../protocol/errors.ts';
import { FileReader, type FileToStore, type StoredFile } from './storeFile.ts';

/** What a hash thread is started with. */
export interface HashJob {
  role: 'hash';
  storeRoot: string | null;
  /** The add's own folder for temporary files. */
  temporaryFolder: string;
  cancelled: SharedArrayBuffer;
}

type Answer =
  | { id: number; files: StoredFile[] }
  | { id: number; refusal: { code: string; message: string; hint: string; status: number } };

/** Throws `dataset.cancelled` once the flag is up. */
export function checkCancelled(flag: Int32Array): void {
  if (Atomics.load(flag, 0) === 0) return;
  throw new SlipwayError('dataset.cancelled', 'Adding the dataset was cancelled.', 'Add it again to go on.', 409);
}

/** The thread's side: answers each batch of files with what was read of them, or with why one could not be. */
export function serveHashing(job: HashJob, port: MessagePort): void {
  const flag = new Int32Array(job.cancelled);
  let count = 0;
  // A folder of its own: creating files in one folder from several threads, they would wait for each other.
  const folder = join(job.temporaryFolder, String(threadId));
  if (job.storeRoot !== null) mkdirSync(folder);
  const nextTemporary = () => join(folder, String(count++));
  const reader = new FileReader(job.storeRoot, nextTemporary, () => checkCancelled(flag));
  port.on('message', ({ id, files }: { id: number; files: FileToStore[] }) => {
    try {
      port.postMessage({ id, files: files.map((file) => reader.read(file)) } satisfies Answer);
    } catch (error) {
      const { code, message, hint, status } = asRefusal(error, job.storeRoot);
      port.postMessage({ id, refusal: { code, message, hint, status } } satisfies Answer);
    }
  });
}

/** Threads that read files; the life cycle is one add's. */
export class HashThreads {
  readonly #workers: Worker[];
  readonly #waiting = new Map<number, PromiseWithResolvers<StoredFile[]>>();
  #nextId = 0;

  constructor(count: number, workerPath: string, job: HashJob) {
    this.#workers = Array.from({ length: count }, () => {
      const worker = new Worker(workerPath, { workerData: job, resourceLimits: { maxYoungGenerationSizeMb: 8 } });
      worker.on('message', (answer: Answer) => this.#settle(answer));
      worker.on('error', (error) => this.#failAll(error));
      return worker;
    });
  }

  /** Reads a batch on the given thread. @throws SlipwayError of `FileReader.read` */
  read(thread: number, files: FileToStore[]): Promise<StoredFile[]> {
    const id = this.#nextId++;
    const waiting = Promise.withResolvers<StoredFile[]>();
    this.#waiting.set(id, waiting);
    this.#workers[thread]!.postMessage({ id, files });
    return waiting.promise;
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)!;
    this.#waiting.delete(answer.id);
    if ('files' in answer) waiting.resolve(answer.files);
    else {
      const { code, message, hint, status } = answer.refusal;
      waiting.reject(new SlipwayError(code, message, hint, status));
    }
  }

  #failAll(error: Error): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}

/** Rethrows what is a bug. */
function asRefusal(error: unknown, storeRoot: string | null): SlipwayError {
  if (error instanceof SlipwayError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
  return new SlipwayError(
    'object.noRoom',
    `The disk of the object store ${storeRoot} is full.`,
    'Make room (`slipway dataset gc` lists what nothing needs) and add again: what is stored is not read twice.',
    507,
    { cause: error },
  );
}
