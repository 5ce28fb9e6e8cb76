// Activation of the extension in the real extension host: the time from VS Code's call until `activate` has returned,
// the messages to and from the host included; the median of several fresh editors.

import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { Bench } from './run.ts';

const root = path.resolve(import.meta.dirname, '../..');
const runs = 5;
const goalMs = 100;

const bench: Bench = async () => {
  node('esbuild.ts');
  const exported = node('test/run/main.ts', '--env').matchAll(/^export (\w+)='?(.*?)'?$/gm);
  const env = Object.fromEntries([...exported].map(([, name, value]) => [name!, value!]));
  const times = Array.from({ length: runs }, () => activationMs(env)).sort((a, b) => a - b);
  const value = times[Math.floor(runs / 2)]!;
  const goal = `≤ ${goalMs}`;
  return [
    { name: 'activation, median', value, unit: 'ms', goal, met: value <= goalMs },
    { name: 'activation, fastest', value: times[0]!, unit: 'ms' },
    { name: 'activation, slowest', value: times.at(-1)!, unit: 'ms' },
  ];
};

export default bench;

function activationMs(env: Record<string, string>): number {
  const output = execFileSync(
    process.execPath,
    ['test/vscode/harness/main.ts', '--suite', 'test/vscode/suite/activation.test.ts'],
    { cwd: root, encoding: 'utf8', env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const found = /activation took ([\d.]+) ms/.exec(output);
  if (!found) throw new Error(`the suite told no activation time:\n${output}`);
  return Number(found[1]);
}

function node(...args: string[]): string {
  return execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}
