// How fast event files become curves, against TensorBoard's own readers on the same files: `npm run bench -- metrics`.
// `load`, `live`, `zoom`, `compare` as arguments run one part; the last three look at our pages in a browser.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeLogdir } from './metrics/eventFiles.ts';
import { appendToPixel, filterToDrawn, zoomToFrame } from './metrics/pages.ts';
import { installPeers, type Load, loadByAccumulator, loadByDataServer, loadOurs } from './metrics/peers.ts';
import type { BenchRow } from './run.ts';

/** 2,000,000 events. */
const size = { runs: 8, tags: 50, steps: 5000 };
/** Once is enough for what takes minutes. */
const accumulatorRounds = 1;
const rounds = 5;

export default async function metrics(args: string[]): Promise<BenchRow[]> {
  const parts: Record<string, () => Promise<BenchRow[]>> = {
    load,
    live: appendToPixel,
    zoom: zoomToFrame,
    compare: filterToDrawn,
  };
  const wanted = args.length > 0 ? args : Object.keys(parts);
  const rows: BenchRow[] = [];
  for (const part of wanted) rows.push(...(await parts[part]!()));
  return rows;
}

async function load(): Promise<BenchRow[]> {
  const peers = await installPeers();
  const logdir = mkdtempSync(path.join(tmpdir(), 'slipway-bench-'));
  try {
    writeLogdir(logdir, size);
    const ours: Load[] = [];
    const rust: Load[] = [];
    // By turns, so that whatever else the machine does meets both alike.
    for (let round = 0; round < rounds; round++) {
      ours.push(await loadOurs(logdir));
      rust.push(await loadByDataServer(peers, logdir));
    }
    const python: Load[] = [];
    for (let round = 0; round < accumulatorRounds; round++) python.push(await loadByAccumulator(peers, logdir));
    const points = size.runs * size.tags * size.steps;
    for (const { points: read } of [...ours, ...python]) {
      if (read !== points) throw new Error(`${read} points were read instead of ${points}.`);
    }
    const seconds = medianOf(ours, 'seconds');
    // As of the Python reader, whose imports are not counted.
    const loadSeconds = medianOf(ours, 'loadSeconds');
    const [rustSeconds, pythonSeconds] = [medianOf(rust, 'seconds'), medianOf(python, 'seconds')];
    const [bytes, rustBytes] = [medianOf(ours, 'peakBytes'), medianOf(rust, 'peakBytes')];
    return [
      {
        ...{
          name: 'cold load against EventAccumulator, start of neither counted',
          value: round3(loadSeconds),
          unit: 's',
          peer: round3(pythonSeconds),
        },
        ...{ goal: '100 times as fast', met: pythonSeconds / loadSeconds >= 100 },
      },
      {
        ...{
          name: 'cold load against the Rust data server',
          value: round3(seconds),
          unit: 's',
          peer: round3(rustSeconds),
        },
        ...{ goal: '1.2 times as fast', met: rustSeconds / seconds >= 1.2 },
      },
      {
        ...{
          name: 'peak memory against the Rust data server',
          value: mebibytes(bytes),
          unit: 'MiB',
          peer: mebibytes(rustBytes),
        },
        ...{ goal: 'no more', met: bytes <= rustBytes },
      },
    ];
  } finally {
    rmSync(logdir, { recursive: true, force: true });
  }
}

function medianOf(loads: Load[], key: 'seconds' | 'loadSeconds' | 'peakBytes'): number {
  const sorted = loads.map((one) => one[key]!).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

const round3 = (value: number) => Number(value.toFixed(3));
const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20);
