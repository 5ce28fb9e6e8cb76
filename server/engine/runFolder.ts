import { join } from 'node:path';

/** The parts of a run's own folder. Programs of the user see these paths in their SLIPWAY_* variables. */
export interface RunFolder {
  root: string;
  /** Working folder: the code, and whatever the program writes beside it. */
  work: string;
  output: string;
  logs: string;
  checkpoints: string;
  params: string;
  split: string;
  metrics: string;
  /** Event files of what Slipway itself measures: CPU, memory, GPUs. */
  system: string;
  /** All scalars in columns: a cache of the event files. */
  series: string;
}

export function runFolder(runs: string, id: string): RunFolder {
  const root = join(runs, id);
  return {
    root,
    work: join(root, 'work'),
    output: join(root, 'output'),
    logs: join(root, 'logs'),
    checkpoints: join(root, 'checkpoints'),
    params: join(root, 'params.json'),
    split: join(root, 'split.json'),
    metrics: join(root, 'metrics.json'),
    system: join(root, 'system'),
    series: join(root, 'series.columns'),
  };
}

/** The workload that carries one attempt of a run. */
export function workloadId(run: string, attempt: number): string {
  return `${run}-${attempt}`;
}
