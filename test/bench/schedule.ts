// The queue on published traces: how much of the GPUs each policy allocates (openb, Weng et al., USENIX ATC 2023), how
// fast it decides and how that grows with the nodes, and the whole Philly trace. `npm run bench -- schedule [SEEDS]`
// Rates are by processor time of the deciding thread, so that they do not depend on what else the machine does.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { QueueNode } from '../../server/domain/schedule/resources.ts';
import { simulateArrivals, simulateQueue } from '../../server/domain/schedule/simulate.ts';
import { plainNodes, readJobs, readNodes, readPods } from '../../server/domain/schedule/traces.ts';
import { placements } from '../../server/protocol/policyFile.ts';
import type { BenchRow } from './run.ts';

/** GPUs of the cluster that the Philly trace comes from: M. Jeon et al., USENIX ATC 2019, section 2. */
const philly = 2490;

/** Per cent of GPUs allocated at 130 % of arrivals on the default list, as published. */
const published: Partial<Record<string, number>> = { random: 87.47, packing: 92.0, bestfit: 93.08 };
const lists = ['default', 'gpushare40', 'multigpu20'];

export default async function schedule([seedsText = '10']: string[]): Promise<BenchRow[]> {
  const data = process.env['SLIPWAY_BENCH_DATA'] ?? path.resolve(import.meta.dirname, '../../../shared/data');
  if (!existsSync(path.join(data, 'openb')))
    throw new Error(`No openb traces in ${data}; SLIPWAY_BENCH_DATA names the folder.`);
  const read = (name: string) => readFileSync(path.join(data, name), 'utf8');
  const nodes = readNodes(read('openb/openb_node_list_gpu_node.csv'));
  const rows: BenchRow[] = [];
  const seeds = Number(seedsText);

  for (const list of lists) {
    const pods = readPods(read(`openb/openb_pod_list_${list}.csv`));
    const means: Partial<Record<string, number>> = {};
    for (const placement of placements) {
      if (list !== 'default' && placement !== 'fgd' && placement !== 'bestfit') continue;
      const allocated: number[] = [];
      for (let seed = 1; seed <= seeds; seed++)
        allocated.push(simulateArrivals(nodes, pods, { placement, load: 1.3, seed }).gpusAllocatedPct);
      const mean = allocated.reduce((sum, one) => sum + one, 0) / seeds;
      means[placement] = mean;
      rows.push({
        name: `openb ${list}: ${placement}`,
        value: round(mean),
        unit: '% of GPUs',
        ...goalOf(list, placement, mean),
      });
    }
    if (list !== 'default') {
      const ahead = means['fgd']! - means['bestfit']!;
      rows.push({
        name: `openb ${list}: fgd ahead of bestfit`,
        value: round(ahead),
        unit: 'points',
        goal: '> 0',
        met: ahead > 0,
      });
    }
  }

  const pods = readPods(read('openb/openb_pod_list_default.csv'));
  const run = (count: number) => {
    const list = Array.from({ length: count }, (_, n): QueueNode => ({ ...nodes[n % nodes.length]!, name: `n${n}` }));
    const began = process.threadCpuUsage();
    const { tasks } = simulateArrivals(list, pods.slice(0, 8152), { placement: 'fgd', load: 1.3, seed: 1 });
    return tasks / secondsSince(began);
  };
  run(100);
  const speed = median([1, 2, 3].map(() => run(nodes.length)));
  rows.push({
    name: `fgd on ${nodes.length} nodes`,
    value: Math.round(speed),
    unit: 'decisions/s',
    goal: '≥ 10000',
    met: speed >= 10_000,
  });
  for (const count of [100, 1000, 10_000]) {
    rows.push({ name: `fgd on ${count} nodes`, value: Math.round(run(count)), unit: 'decisions/s' });
  }

  const began = process.threadCpuUsage();
  const wall = performance.now();
  const outcome = simulateQueue(plainNodes(philly), readJobs(read('philly/philly.csv')), { settings: {}, seed: 1 });
  const seconds = secondsSince(began);
  rows.push({
    name: `Philly, ${outcome.tasks} jobs on ${philly} GPUs`,
    value: round(seconds),
    unit: 's of processor',
    goal: '< 10',
    met: seconds < 10,
  });
  rows.push({ name: 'Philly, by the clock', value: round((performance.now() - wall) / 1000), unit: 's' });
  return rows;
}

function goalOf(list: string, placement: string, mean: number): Partial<BenchRow> {
  if (list !== 'default') return {};
  if (placement === 'fgd') return { goal: '≥ 95.2', met: mean >= 95.2 };
  const peer = published[placement];
  return peer === undefined ? {} : { peer, goal: '± 0.5 of the published', met: Math.abs(mean - peer) <= 0.5 };
}

function secondsSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(began);
  return (user + system) / 1e6;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function round(value: number): number {
  return Number(value.toFixed(2));
}
