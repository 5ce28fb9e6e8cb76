// Runs one benchmark by name: `npm run bench -- NAME` runs the default export of test/bench/NAME.ts and prints its rows
// as a table and, as the last line, as JSON. Exit status 1 when a goal is missed.

import { globSync } from 'node:fs';
import path from 'node:path';

/** One measured number. */
export interface BenchRow {
  name: string;
  value: number;
  /** e.g. `s`, `MB/s`, `points/s`, `% of GPUs` */
  unit: string;
  /** The same number for the tool that we compare with, measured on this machine or published by its authors. */
  peer?: number;
  /** value / peer, rounded by `printRows`; computed when absent and `peer` is there. */
  ratio?: number;
  /** The goal in words, e.g. `≥ 95` or `≤ 2× peer`. */
  goal?: string;
  met?: boolean;
}

/** What a file in this folder exports as default. Arguments are those after the name. */
export type Bench = (args: string[]) => Promise<BenchRow[]>;

async function main([name, ...args]: string[]): Promise<number> {
  const files = globSync('*.ts', { cwd: import.meta.dirname }).filter((file) => file !== 'run.ts');
  const names = files.map((file) => path.basename(file, '.ts')).sort();
  if (!name || !names.includes(name)) {
    console.error(`${name ? `No benchmark is called ${name}.` : 'Name a benchmark.'} There are: ${names.join(', ')}`);
    return 2;
  }
  const { default: bench } = (await import(path.join(import.meta.dirname, `${name}.ts`))) as { default: Bench };
  const rows = (await bench(args)).map(withRatio);
  printTable(rows);
  console.log(JSON.stringify({ bench: name, rows }));
  return rows.some((row) => row.met === false) ? 1 : 0;
}

function withRatio(row: BenchRow): BenchRow {
  if (!row.peer || row.ratio !== undefined) return row;
  return { ...row, ratio: Number((row.value / row.peer).toPrecision(4)) };
}

function printTable(rows: BenchRow[]): void {
  const header = ['name', 'value', 'unit', 'peer', 'ratio', 'goal', 'met'];
  const met = (row: BenchRow) => (row.met === undefined ? '' : row.met ? 'yes' : 'NO');
  const cells = rows.map((row) =>
    [row.name, row.value, row.unit, row.peer, row.ratio, row.goal, met(row)].map((cell) => `${cell ?? ''}`),
  );
  const widths = header.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]!.length)));
  for (const row of [header, ...cells])
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    );
}

process.exitCode = await main(process.argv.slice(2));
