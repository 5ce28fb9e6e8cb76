/** The one node of the local runtime: this machine. */
import { availableParallelism, hostname, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Capacity } from '../runtime.ts';
import { readGpus } from './gpus.ts';

/** nvidia-smi reports no changes, so it is asked again, and costs some tenths of a second each time. */
const LOOK_AGAIN_MS = 15_000;

/** @param isOurs whether a process belongs to one of our workloads */
export async function* watchCapacity(
  signal: AbortSignal,
  isOurs: (pid: number) => Promise<boolean>,
): AsyncGenerator<Capacity> {
  let last: Capacity | undefined;
  while (!signal.aborted) {
    const capacity = await readCapacity(isOurs);
    if (!isDeepStrictEqual(capacity, last)) yield capacity;
    last = capacity;
    await delay(LOOK_AGAIN_MS, undefined, { signal, ref: false }).catch(() => {});
  }
}

async function readCapacity(isOurs: (pid: number) => Promise<boolean>): Promise<Capacity> {
  // A container's limit, where there is one; otherwise 0 or more than the machine has.
  const limit = process.constrainedMemory();
  const memoryBytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return { nodes: [{ name: hostname(), cpus: availableParallelism(), memoryBytes, ...(await readGpus(isOurs)) }] };
}
