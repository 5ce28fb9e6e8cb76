// The Python side of the sweep benchmark (peer.py: the objectives, and Optuna) as typed requests.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Params, SearchSpace } from '../../../server/protocol/space.ts';
import { childEnvironment } from '../../run/process.ts';
import { cached } from '../../run/setup/cache.ts';
import { installPython, preparePython } from '../../run/setup/python.ts';

const requirements = ['optuna>=5,<6', 'onnxruntime>=1.20,<2', 'numpy>=2,<3', 'scipy>=1.14,<2'];
const script = path.join(import.meta.dirname, 'peer.py');

export interface Task {
  space: SearchSpace;
  goal: 'minimize' | 'maximize';
}

interface Requests {
  tasks: [Record<never, never>, { optuna: string; tasks: Record<string, Task> }];
  evaluate: [{ task: string; params: readonly Params[] }, { values: number[] }];
  curve: [{ task: string; params: Params }, { values: number[] }];
  optuna: [{ task: string; trials: number; seeds: readonly number[] }, { best: number[] }];
  askTime: [{ task: string; trials: number; asks: number }, { medianMs: number }];
  wilcoxon: [{ greater: readonly number[]; than: readonly number[] }, { p: number }];
}

/** One process of peer.py; requests are answered in the order in which they are made. */
export interface Peer {
  ask<Do extends keyof Requests>(what: Do, details: Requests[Do][0]): Promise<Requests[Do][1]>;
  close(): void;
}

/** The interpreter of an environment with Optuna and onnxruntime, made by uv once. */
export async function peerPython(): Promise<string> {
  const { SLIPWAY_TEST_UV: uv, SLIPWAY_TEST_PYTHON: python } = await preparePython();
  const digest = createHash('sha256').update(requirements.join('\n')).digest('hex').slice(0, 12);
  const folder = await cached(`optuna-${digest}`, (target) => installPython(uv!, python!, target, requirements));
  return path.join(folder, 'bin/python');
}

/** @param lcbench the folder of the surrogate; without it only the functions can be asked for */
export function startPeer(python: string, lcbench: string | undefined): Peer {
  const threads = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };
  const child = spawn(python, [script, ...(lcbench ? [lcbench] : [])], {
    env: childEnvironment(threads),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers = answersOf(child);
  return {
    async ask(what, details) {
      const answer = answers.next();
      child.stdin.write(`${JSON.stringify({ do: what, ...details })}\n`);
      const { value, done } = await answer;
      if (done) throw new Error(`peer.py ended before it answered ${what}`);
      return JSON.parse(value);
    },
    close: () => child.stdin.end(),
  };
}

async function* answersOf(child: ChildProcess): AsyncGenerator<string, undefined> {
  yield* createInterface({ input: child.stdout! });
  return undefined;
}
