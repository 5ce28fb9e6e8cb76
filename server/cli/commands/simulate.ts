import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Outcome } from '../../domain/schedule/simulate.ts';
import { simulateArrivals, simulateQueue } from '../../domain/schedule/simulate.ts';
import {
  isQueueTrace,
  plainNodes,
  readJobs,
  readNodes,
  readPods,
  type Task,
  TraceError,
} from '../../domain/schedule/traces.ts';
import { SlipwayError } from '../../protocol/errors.ts';
import { placements } from '../../protocol/policyFile.ts';
import { command } from '../command.ts';
import { alignColumns, numberText } from '../output.ts';
import { type Shell, show } from '../shell.ts';
import { usageError } from '../usage.ts';

const schedule = command({
  name: 'simulate schedule',
  summary: 'Play a trace of tasks through the queue, the very same that decides for real ones.',
  details: [
    'Pods as in the openb traces (name, cpu_milli, memory_mib, num_gpu, gpu_milli) arrive in an order of chance until',
    'they ask for --load times all GPUs; none ends, and one without room is skipped. Jobs as in the Philly trace',
    '(timestamp, duration, num_gpus, gpu_time, cluster) arrive, wait, run and end; --load then says how fast they come.',
  ].join('\n'),
  options: {
    nodes: { type: 'string', value: 'CSV', help: 'Nodes: sn, cpu_milli, memory_mib, gpu, model.' },
    gpus: { type: 'integer', value: 'N', help: 'Instead of --nodes: so many GPUs in nodes of eight.' },
    pods: { type: 'string', value: 'CSV', required: true, help: 'Pods or jobs.' },
    policy: { type: 'string', choices: placements, help: 'Where an entry goes (default: fgd).' },
    load: { type: 'number', value: 'X', help: 'Demand as a multiple of the GPUs (pods: 1.3 if not given).' },
    seed: { type: 'integer', value: 'N', help: 'Seed of what is left to chance (default: 1).' },
  },
  examples: [
    'slipway simulate schedule --nodes nodes.csv --pods pods.csv --policy fgd --load 1.3 --seed 1 --json',
    'slipway simulate schedule --gpus 2490 --pods philly.csv',
  ],
  async run({ options }, shell) {
    const { policy = 'fgd', seed = 1, gpus } = options;
    if (options.load !== undefined && options.load <= 0)
      throw usageError('simulate schedule: --load is not above 0', 'Give 1.3 for 130 % of the GPUs.');
    if ((options.nodes === undefined) === (gpus === undefined))
      throw usageError(
        'simulate schedule: one of --nodes and --gpus is needed',
        'See slipway simulate schedule --help.',
      );
    if (gpus !== undefined && gpus < 1)
      throw usageError('simulate schedule: --gpus is not a positive number', 'Give how many GPUs there are.');
    const nodes = options.nodes === undefined ? plainNodes(gpus!) : await read(shell, options.nodes, readNodes);
    const pods = await read(shell, options.pods, (text) => (isQueueTrace(text) ? undefined : readPods(text)));
    const jobs = pods ? undefined : await read(shell, options.pods, readJobs);
    const placement = policy as (typeof placements)[number];
    const load = options.load ?? (pods ? 1.3 : undefined);
    const began = process.cpuUsage();
    const outcome = pods
      ? simulateArrivals(nodes, pods, { placement, load: load!, seed })
      : simulateQueue(nodes, jobs!, { settings: { placement }, seed, speed: speedOf(jobs!, nodes, load) });
    const { user, system } = process.cpuUsage(began);
    const { tasks, placed, gpusTotal, gpusAllocatedPct, waitSeconds, slowdown, preemptions, jainFairness, byTenant } =
      outcome;
    const result = {
      policy: placement,
      seed,
      load: load ?? loadOf(jobs!, gpusTotal),
      tasks,
      placed,
      gpusTotal,
      gpusAllocatedPct,
      // Of processor time, so that whatever else the machine does is not counted.
      decisionsPerSecond: Math.round((tasks * 1e6) / Math.max(1, user + system)),
      waitSeconds,
      slowdown,
      preemptions,
      jainFairness,
      byTenant,
    };
    show(shell, result, () => describe(result));
    return 0;
  },
});

/** What jobs ask for over the time in which they arrive, as a part of all GPUs. */
function loadOf(jobs: readonly Task[], gpus: number): number {
  const spanMs = Math.max(1, jobs.at(-1)?.at ?? 1);
  const asked = jobs.reduce(
    (sum, { request, durationMs = 0 }) => sum + request.gpu * (request.members ?? 1) * durationMs,
    0,
  );
  return gpus > 0 ? asked / spanMs / gpus : 0;
}

function speedOf(jobs: readonly Task[], nodes: readonly { gpus: unknown[] }[], load: number | undefined): number {
  const gpus = nodes.reduce((sum, node) => sum + node.gpus.length, 0);
  const natural = loadOf(jobs, gpus);
  return load === undefined || natural === 0 ? 1 : load / natural;
}

async function read<T>(shell: Shell, path: string, parse: (text: string) => T): Promise<T> {
  const file = resolve(shell.cwd, path);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new SlipwayError('file.unreadable', `${file} cannot be read: ${(error as Error).message}`, 'Check the path.');
  }
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    throw new SlipwayError('trace.malformed', `${file}: ${error.message}.`, 'See slipway simulate schedule --help.');
  }
}

function describe(
  result: Outcome & { policy: string; seed: number; load: number; decisionsPerSecond: number },
): string {
  const spread = ({ p50, p95, max }: Outcome['slowdown']) =>
    `median ${numberText(p50)}, 95 % below ${numberText(p95)}, longest ${numberText(max)}`;
  const facts = [
    ['policy', `${result.policy}, load ${numberText(result.load)}, seed ${result.seed}`],
    ['tasks', `${result.tasks}, of which ${result.placed} found room`],
    ['GPUs', `${numberText(result.gpusAllocatedPct)} % of ${result.gpusTotal} allocated`],
    ['waiting', `${spread(result.waitSeconds)} seconds`],
    ['slow-down', spread(result.slowdown)],
    ['preemptions', String(result.preemptions)],
    ['fairness', `${numberText(result.jainFairness)} (Jain, by tenant)`],
    ['speed', `${result.decisionsPerSecond} decisions a second`],
  ];
  const tenants = Object.entries(result.byTenant).map(([name, one]) => [
    name,
    `waits ${numberText(one.waitSeconds.p50)} s in the median, slow-down ${numberText(one.slowdown.p50)}`,
  ]);
  return alignColumns(tenants.length > 1 ? [...facts, ...tenants] : facts);
}

export const commands = [schedule];
