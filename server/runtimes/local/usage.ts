/**
 * What workloads take of this machine: processor time and memory of their session and process group, by one pass over
 * /proc for all of them; and what their GPUs do, as nvidia-smi tells.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { files, readRecord, type Started } from './folder.ts';

const run = promisify(execFile);
/** A page of memory, and ticks of processor time in a second: on every Linux that Node runs on (proc(5), time(7)). */
const PAGE_BYTES = process.arch === 'arm64' ? undefined : 4096;
const TICKS_PER_SECOND = 100;
const NVIDIA_TIMEOUT_MS = 5000;

export interface Usage {
  /** Seconds of processor time, of the processes that run now. */
  cpuSeconds: number;
  /** Resident memory; what processes share counts for each. */
  memoryBytes: number;
  processes: number;
}

export interface GpuUsage {
  index: number;
  /** 0 to 100. */
  utilization: number;
  memoryBytes: number;
  powerWatts: number | null;
  temperatureCelsius: number | null;
}

/** Usage of the workloads that run, by id. Empty where there is no /proc. @param folder the folder of all workloads */
export async function readUsage(folder: string, ids: readonly string[]): Promise<Map<string, Usage>> {
  const found = new Map<string, Usage>();
  if (process.platform !== 'linux' || ids.length === 0) return found;
  const byLeader = new Map<number, string>();
  for (const id of ids) {
    const started = (await readRecord(join(folder, id), files.started)) as Started | undefined;
    if (started?.work) byLeader.set(started.work.pid, id);
  }
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // A process may end while it is looked at.
    const text = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    // The program's name stands in parentheses and may itself hold blanks and parentheses.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const id = byLeader.get(Number(fields[3])) ?? byLeader.get(Number(fields[2]));
    if (id === undefined || fields[0] === 'Z') continue;
    const usage = found.get(id) ?? { cpuSeconds: 0, memoryBytes: 0, processes: 0 };
    found.set(id, usage);
    usage.cpuSeconds += (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    usage.memoryBytes += PAGE_BYTES === undefined ? await residentBytes(name) : Number(fields[21]) * PAGE_BYTES;
    usage.processes++;
  }
  return found;
}

/** Where pages may have other sizes, the kernel's own word in kilobytes. */
async function residentBytes(pid: string): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
}

const query = '--query-gpu=index,utilization.gpu,memory.used,power.draw,temperature.gpu';

/** What each GPU does; undefined where nvidia-smi is not there or fails. */
export async function readGpuUsage(): Promise<GpuUsage[] | undefined> {
  try {
    const { stdout } = await run('nvidia-smi', [query, '--format=csv,noheader,nounits'], {
      timeout: NVIDIA_TIMEOUT_MS,
    });
    return parseGpuUsage(stdout);
  } catch {
    return undefined; // why it fails is told by the node's capacity
  }
}

/** The table that the query prints; what the driver does not tell ("[N/A]") is null. */
export function parseGpuUsage(table: string): GpuUsage[] {
  const number = (cell: string | undefined) => (/^\d+(\.\d+)?$/.test(cell ?? '') ? Number(cell) : null);
  return table.split('\n').flatMap((line) => {
    const [index, utilization, mebibytes, power, temperature] = line.split(',').map((cell) => cell.trim());
    if (number(index) === null) return [];
    return {
      index: Number(index),
      utilization: number(utilization) ?? 0,
      memoryBytes: (number(mebibytes) ?? 0) * 2 ** 20,
      powerWatts: number(power),
      temperatureCelsius: number(temperature),
    };
  });
}
