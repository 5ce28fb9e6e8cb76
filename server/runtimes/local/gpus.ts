/**
 * The GPUs of this machine as nvidia-smi tells them.
 * Field names: `nvidia-smi --help-query-gpu` and `--help-query-compute-apps`.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { GpuCapacity } from '../runtime.ts';

const run = promisify(execFile);
const MEBIBYTE = 2 ** 20;

/** nvidia-smi hangs when the driver does. */
const TIMEOUT_MS = 20_000;

export const gpuQuery = ['--query-gpu=index,uuid,name,memory.total', '--format=csv,noheader,nounits'];
export const processQuery = ['--query-compute-apps=gpu_uuid,pid', '--format=csv,noheader,nounits'];

export interface Gpus {
  gpus: GpuCapacity[];
  problems: string[];
}

/**
 * @param isOurs whether a process belongs to one of our workloads
 * @returns no GPUs where nvidia-smi is not installed; where it fails, none and the reason
 */
export async function readGpus(isOurs: (pid: number) => Promise<boolean>): Promise<Gpus> {
  try {
    const gpus = await run('nvidia-smi', gpuQuery, { timeout: TIMEOUT_MS });
    const processes = await run('nvidia-smi', processQuery, { timeout: TIMEOUT_MS });
    return { gpus: await parseGpus(gpus.stdout, processes.stdout, isOurs), problems: [] };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { gpus: [], problems: [] };
    // It explains itself on standard output ("NVIDIA-SMI has failed because …", "No devices were found").
    const { stdout, message } = error as Error & { stdout?: string };
    return { gpus: [], problems: [`nvidia-smi failed: ${stdout?.trim() || message}`] };
  }
}

/** From the two tables that {@link gpuQuery} and {@link processQuery} ask for. */
export async function parseGpus(
  gpuTable: string,
  processTable: string,
  isOurs: (pid: number) => Promise<boolean>,
): Promise<GpuCapacity[]> {
  const busyByForeign = new Set<string>();
  for (const [uuid, pid] of parseTable(processTable)) {
    if (uuid && !(await isOurs(Number(pid)))) busyByForeign.add(uuid);
  }
  return parseTable(gpuTable).map(([index, uuid, product, mebibytes]) => ({
    index: Number(index),
    product: product!,
    uuid: uuid!,
    // "[N/A]", "[Not Supported]": the driver does not tell.
    memoryBytes: /^\d+$/.test(mebibytes ?? '') ? Number(mebibytes) * MEBIBYTE : null,
    busyByForeign: busyByForeign.has(uuid!),
  }));
}

function parseTable(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.split(',').map((cell) => cell.trim()));
}
