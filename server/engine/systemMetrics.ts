/**
 * What the system does while runs work, recorded as event files beside their own: processor, memory and GPUs, every few
 * seconds. Tags begin with `system/`; steps are seconds since the attempt began to be watched.
 */
import { join } from 'node:path';
import type { RunState } from '../domain/run/run.ts';
import { appendScalars, type ScalarEvent } from '../metrics/index.ts';
import { type GpuUsage, readGpuUsage, readUsage, type Usage } from '../runtimes/index.ts';
import type { Context } from './context.ts';
import { runFolder, workloadId } from './runFolder.ts';

const sampleMs = 5000;
const mebibyte = 2 ** 20;

interface Watched {
  run: string;
  workload: string;
  gpus: number[];
  startedAt: number;
  last?: { at: number; cpuSeconds: number };
}

export class SystemMetrics {
  readonly #context: Context;
  readonly #watched = new Map<string, Watched>();
  /** No nvidia-smi: it is not asked again. */
  #hasGpus = true;

  constructor(context: Context) {
    this.#context = context;
  }

  begin(run: RunState): void {
    const { id } = run.spec;
    const startedAt = run.startedAt ?? this.#context.now();
    this.#watched.set(id, { run: id, workload: workloadId(id, run.attempt), gpus: run.slots?.gpus ?? [], startedAt });
  }

  end(run: string): void {
    this.#watched.delete(run);
  }

  /** Samples all watched runs until the control plane ends. */
  async record(): Promise<void> {
    const { signal, log } = this.#context;
    while (!signal.aborted) {
      await pause(sampleMs, signal);
      if (this.#watched.size === 0 || signal.aborted) continue;
      await this.sample().catch((error: unknown) =>
        log('warn', 'system metrics are not recorded', { error: String(error) }),
      );
    }
  }

  /** Takes one sample of every watched run. */
  async sample(): Promise<void> {
    const watched = [...this.#watched.values()];
    const { folders, now } = this.#context;
    const usage = await readUsage(
      folders.workloads,
      watched.map(({ workload }) => workload),
    );
    const gpus = this.#hasGpus && watched.some((one) => one.gpus.length > 0) ? await readGpuUsage() : [];
    if (gpus === undefined) this.#hasGpus = false;
    for (const one of watched) {
      const own = usage.get(one.workload);
      if (own === undefined) continue;
      const at = now();
      const values = valuesOf(one, own, gpus ?? [], at);
      one.last = { at, cpuSeconds: own.cpuSeconds };
      const step = Math.max(0, Math.round((at - one.startedAt) / 1000));
      const events = values.map(
        ([tag, value]): ScalarEvent => ({ tag: `system/${tag}`, step, wallTime: at / 1000, value }),
      );
      const file = join(runFolder(folders.runs, one.run).system, `events.out.tfevents.${one.workload}.system`);
      await appendScalars(file, events);
    }
  }
}

/** Processor use in percent of one processor, since the last sample. */
function valuesOf({ last, gpus }: Watched, own: Usage, all: GpuUsage[], at: number): [tag: string, value: number][] {
  const values: [string, number][] = [
    ['memory (MiB)', own.memoryBytes / mebibyte],
    ['processes', own.processes],
  ];
  // Processes that ended take their time with them.
  const spent = last === undefined ? undefined : own.cpuSeconds - last.cpuSeconds;
  if (last !== undefined && spent !== undefined && spent >= 0 && at > last.at) {
    values.unshift(['cpu (%)', (spent / ((at - last.at) / 1000)) * 100]);
  }
  for (const gpu of all.filter(({ index }) => gpus.includes(index))) {
    values.push(
      [`gpu ${gpu.index} (%)`, gpu.utilization],
      [`gpu ${gpu.index} memory (MiB)`, gpu.memoryBytes / mebibyte],
    );
    if (gpu.powerWatts !== null) values.push([`gpu ${gpu.index} power (W)`, gpu.powerWatts]);
    if (gpu.temperatureCelsius !== null) values.push([`gpu ${gpu.index} temperature (°C)`, gpu.temperatureCelsius]);
  }
  return values;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
