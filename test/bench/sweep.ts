// Sweeps against Optuna's TPESampler with its defaults: the best value after 100 trials on ten functions and eight tasks
// of lcbench, the time of a decision at 1,000 trials, and what early stopping saves. Both sides call one evaluator, in
// test/bench/sweep/peer.py. `--seeds N` and `--first S` change the 30 seeds from 0 on; `--only races|ask|asha` does a part.
//
// lcbench is YAHPO Gym's surrogate of that name (model.onnx, config_space.json, encoding.json), read from the folder in
// SLIPWAY_LCBENCH or from ../shared/data/yahpo/lcbench.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../run/process.ts';
import type { BenchRow } from './run.ts';
import { type Peer, peerPython, startPeer, type Task } from './sweep/peer.ts';
import { askTimeMs, bestOfSweeps, epochsTo, median, sweepSpec } from './sweep/races.ts';

const trials = 100;
const epochs = 52;
/** A task is lost if Slipway's losses are greater with such a p, by a one-sided paired Wilcoxon test. */
const significance = 0.01;

type Tasks = Record<string, Task>;

export default async function sweep(args: string[]): Promise<BenchRow[]> {
  const { values: options } = parseArgs({
    args,
    options: { seeds: { type: 'string' }, first: { type: 'string' }, only: { type: 'string' } },
  });
  const first = Number(options.first ?? 0);
  const seeds = Array.from({ length: Number(options.seeds ?? 30) }, (_, nth) => first + nth);
  const lcbench = lcbenchFolder();
  const python = await peerPython();
  // Two processes: Optuna takes most of the time.
  const peers = [startPeer(python, lcbench), startPeer(python, lcbench)] as const;
  try {
    const { tasks, optuna } = await peers[0].ask('tasks', {});
    console.log(`Optuna ${optuna}, ${seeds.length} seeds from ${first} on`);
    const parts = {
      races: () => races(peers, tasks, seeds),
      ask: async () => [await decisionTime(peers[0], tasks)],
      asha: () => earlyStopping(peers, tasks, seeds),
    };
    const rows: BenchRow[] = [];
    for (const [name, part] of Object.entries(parts)) {
      if (options.only === undefined || options.only === name) rows.push(...(await part()));
    }
    return rows;
  } finally {
    for (const peer of peers) peer.close();
  }
}

function lcbenchFolder(): string | undefined {
  const named = process.env['SLIPWAY_LCBENCH'];
  const folder = named ?? path.join(root, '../shared/data/yahpo/lcbench');
  if (existsSync(path.join(folder, 'model.onnx'))) return folder;
  if (named) throw new Error(`SLIPWAY_LCBENCH names ${folder}, which holds no model.onnx.`);
  console.log(
    `No lcbench: ${folder} holds no model.onnx. Name its folder in SLIPWAY_LCBENCH. Only functions are compared.`,
  );
  return undefined;
}

/** One row a task: the median of the best values, Slipway's and Optuna's, and whether Slipway lost. */
async function races(peers: readonly Peer[], tasks: Tasks, seeds: number[]): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  const left = Object.entries(tasks);
  const work = async (peer: Peer) => {
    for (let next = left.shift(); next; next = left.shift()) rows.push(await race(peer, ...next, seeds));
  };
  await Promise.all(peers.map(work));
  const order = Object.keys(tasks);
  rows.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  const lost = rows.filter(({ met }) => !met).length;
  return [...rows, { name: 'tasks lost', value: lost, unit: 'tasks', goal: 'none', met: lost === 0 }];
}

async function race(peer: Peer, name: string, task: Task, seeds: number[]): Promise<BenchRow> {
  const ours = await bestOfSweeps(peer, name, task, { seeds, trials });
  const { best: theirs } = await peer.ask('optuna', { task: name, trials, seeds });
  const losses = (values: number[]) => values.map((value) => (task.goal === 'maximize' ? -value : value));
  const worse = (await peer.ask('wilcoxon', { greater: losses(ours), than: losses(theirs) })).p;
  const better = (await peer.ask('wilcoxon', { greater: losses(theirs), than: losses(ours) })).p;
  const verdict = worse < significance ? 'lost' : better < significance ? 'won' : 'even';
  console.log(`  ${name}: ${verdict} (worse p = ${worse.toFixed(4)}, better p = ${better.toFixed(4)})`);
  return {
    name,
    value: rounded(median(ours)),
    unit: `${task.goal === 'maximize' ? 'highest' : 'lowest'}, median; ${verdict}`,
    peer: rounded(median(theirs)),
    goal: `p(worse) ≥ ${significance}, is ${worse.toFixed(4)}`,
    met: worse >= significance,
  };
}

async function decisionTime(peer: Peer, tasks: Tasks): Promise<BenchRow> {
  const at = { trials: 1000, asks: 30 };
  const ours = await askTimeMs(peer, 'sphere', tasks['sphere']!, at.trials, at.asks);
  const { medianMs: theirs } = await peer.ask('askTime', { task: 'sphere', ...at });
  return {
    name: 'ask at 1,000 trials',
    value: rounded(ours),
    unit: 'ms',
    peer: rounded(theirs),
    goal: '≤ 0.1× peer',
    met: ours <= 0.1 * theirs,
  };
}

/** Epochs until a sweep with ASHA reports what a random search of 100 full trials found, by that search's epochs. */
async function earlyStopping(peers: readonly [Peer, Peer], tasks: Tasks, seeds: number[]): Promise<BenchRow[]> {
  const names = Object.keys(tasks).filter((name) => name.startsWith('lcbench'));
  if (names.length === 0) return [];
  const limit = trials * epochs;
  const shares = async (peer: Peer, sampler: 'random' | 'tpe') => {
    const found: number[] = [];
    for (const name of names) {
      const task = tasks[name]!;
      // The random searches that are to be reached draw with other seeds.
      const others = { seeds: seeds.map((seed) => seed + 1_000_000), trials, sampler: { type: 'random' } } as const;
      const targets = await bestOfSweeps(peer, name, task, others);
      const stopper = { type: 'asha', maxResource: epochs } as const;
      const perSeed: number[] = [];
      for (const [nth, seed] of seeds.entries()) {
        const spec = sweepSpec(task, { sampler: { type: sampler }, stopper, trials: limit, parallel: 4, seed });
        perSeed.push((await epochsTo(peer, name, spec, targets[nth]!, limit)) / limit);
      }
      console.log(`  ${name}, ${sampler} with ASHA: ${rounded(median(perSeed))} of the epochs`);
      found.push(median(perSeed));
    }
    return found;
  };
  const [random, tpe] = await Promise.all([shares(peers[0], 'random'), shares(peers[1], 'tpe')]);
  const unit = "of random search's epochs";
  return [
    // Both draw at random: what differs is that trials are stopped early.
    {
      name: `ASHA, median of ${names.length} tasks`,
      value: rounded(median(random)),
      unit,
      goal: '≤ 0.333',
      met: median(random) <= 1 / 3,
    },
    { name: 'ASHA, worst task', value: rounded(Math.max(...random)), unit },
    { name: 'ASHA with TPE, median', value: rounded(median(tpe)), unit },
    { name: 'ASHA with TPE, worst task', value: rounded(Math.max(...tpe)), unit },
  ];
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
