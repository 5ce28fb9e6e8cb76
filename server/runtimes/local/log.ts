/** Reads a workload's log by byte offset, following it while the kernel appends. */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogChunk, LogRequest } from '../runtime.ts';
import { onFolderChange } from './changes.ts';
import { exists, files } from './folder.ts';

const CHUNK_BYTES = 64 << 10;
/** For file systems that report no changes. */
const LOOK_AGAIN_MS = 2000;

/** The log from `offset` on; to its present end, or with `follow` until the workload has ended and all is read. */
export async function* readLog(folder: string, { offset, follow, signal }: LogRequest): AsyncGenerator<LogChunk> {
  const change = new Change(folder, signal);
  let log: FileHandle | undefined;
  try {
    while (!signal.aborted) {
      change.reset();
      // Looked at before the bytes: nothing is appended after exited.json, so what is read then is all.
      const hasEnded = await exists(join(folder, files.exited));
      log ??= await openLog(folder);
      for (let bytes = await readChunk(log, offset); bytes; bytes = await readChunk(log, offset)) {
        yield { offset, bytes };
        if (signal.aborted) return;
        offset += bytes.length;
      }
      if (!follow || hasEnded) return;
      await change.next();
    }
  } finally {
    change.close();
    await log?.close();
  }
}

/** Waits for the next change after {@link Change.reset}, for a while, or for the signal. */
class Change {
  #wait = Promise.withResolvers<void>();
  readonly #signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  readonly #stopWatching: () => void;
  readonly #wake = () => this.#wait.resolve();

  constructor(folder: string, signal: AbortSignal) {
    this.#signal = signal;
    this.#timer = setInterval(this.#wake, LOOK_AGAIN_MS).unref();
    this.#stopWatching = onFolderChange(folder, this.#wake);
    signal.addEventListener('abort', this.#wake);
  }

  reset(): void {
    this.#wait = Promise.withResolvers();
  }

  async next(): Promise<void> {
    if (!this.#signal.aborted) await this.#wait.promise;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#stopWatching();
    this.#signal.removeEventListener('abort', this.#wake);
  }
}

async function openLog(folder: string): Promise<FileHandle | undefined> {
  try {
    return await open(join(folder, files.log), 'r');
  } catch (error) {
    // The launcher makes it when the work begins.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function readChunk(log: FileHandle | undefined, position: number): Promise<Uint8Array | undefined> {
  if (!log) return undefined;
  const { bytesRead, buffer } = await log.read(new Uint8Array(CHUNK_BYTES), 0, CHUNK_BYTES, position);
  return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
}
