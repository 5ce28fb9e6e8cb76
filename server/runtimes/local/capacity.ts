/** The one node of the local runtime: this machine. */
import { availableParallelism, hostname, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Capacity } from '../runtime.ts';
import { readGpus } from './gpus.ts';

/** nvidia-smi reports no changes, so it is asked again, and costs some tenths of a second each time. */
const LOOK_AGAIN_MS = 15_000;

/** Unchanged, it is told again after so long: whoever takes less for free than there is learns better. */
const TELL_AGAIN_MS = 60_000;

/** What decides whether somebody else uses a GPU. */
export interface GpuUse {
  /** Whether a process belongs to one of our workloads. */
  isOurs(pid: number): Promise<boolean>;
  /** Whether another user's control plane has the GPU of this UUID. */
  isLeased(gpu: string): Promise<boolean>;
}

export async function* watchCapacity(signal: AbortSignal, use: GpuUse): AsyncGenerator<Capacity> {
  let last: Capacity | undefined;
  let toldAt = 0;
  while (!signal.aborted) {
    const capacity = await readCapacity(use);
    if (!isDeepStrictEqual(capacity, last) || performance.now() - toldAt >= TELL_AGAIN_MS) {
      yield capacity;
      toldAt = performance.now();
    }
    last = capacity;
    await delay(LOOK_AGAIN_MS, undefined, { signal, ref: false }).catch(() => {});
  }
}

async function readCapacity({ isOurs, isLeased }: GpuUse): Promise<Capacity> {
  // A container's limit, where there is one; otherwise 0 or more than the machine has.
  const limit = process.constrainedMemory();
  const memoryBytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  const { gpus, problems } = await readGpus(isOurs);
  for (const gpu of gpus)
    if (!gpu.busyByForeign && gpu.uuid !== undefined) gpu.busyByForeign = await isLeased(gpu.uuid);
  return { nodes: [{ name: hostname(), cpus: availableParallelism(), memoryBytes, gpus, problems }] };
}
