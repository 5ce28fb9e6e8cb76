import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { OptimizeStep } from '../../domain/sweep/optimize.ts';
import { SlipwayError } from '../../protocol/errors.ts';
import { command } from '../command.ts';
import type { Shell } from '../shell.ts';

const optimize = command({
  name: 'optimize',
  summary: 'Suggest parameters over stdin and stdout, JSON lines, for any program that can be measured.',
  details: [
    'It writes {"trial":0,"params":{…}}, as many at first as --parallel. Each input line is answered before the next is read:',
    '  {"trial":0,"value":0.3} or {"trial":0,"failed":true}   the trial ended: the next trial follows',
    '  {"trial":0,"step":5,"value":0.4}                       on the way: {"trial":0,"step":5,"stop":false}; a stopped trial is over',
    'The last line is {"best":{"trial":7,"params":{…},"value":0.1}}, also when the input ends early.',
  ].join('\n'),
  options: {
    space: {
      type: 'string',
      value: 'FILE',
      required: true,
      help: 'The search space, YAML or JSON: a map of parameters, or one under space.',
    },
    sampler: { type: 'string', value: 'NAME', help: 'random, grid, tpe (default), sobol, cmaes, gp or nsga2.' },
    stopper: { type: 'string', value: 'NAME', help: 'asha, hyperband, median or patience: ends bad trials early.' },
    resource: { type: 'number', value: 'STEPS', help: 'The last step of a trial, for asha and hyperband.' },
    goal: {
      type: 'string',
      value: 'GOAL',
      multiple: true,
      help: 'minimize (default) or maximize; repeated for several objectives ("values":[…]).',
    },
    trials: { type: 'integer', value: 'N', help: 'The budget (default 100).' },
    parallel: { type: 'integer', value: 'N', help: 'Trials at once (default 1).' },
    seed: { type: 'integer', value: 'N', help: 'The seed (default 0).' },
  },
  examples: ['slipway optimize --space space.yaml --sampler tpe --goal minimize --trials 100 --parallel 4 --seed 1'],
  async run({ options }, shell) {
    const { startOptimize, feedLine, endOptimize } = await import('../../domain/sweep/optimize.ts');
    const { space: spaceFile, goal, ...others } = options;
    const space = await readSpace(resolve(shell.cwd, spaceFile));
    // The names are checked where the options are defined; here they are only text.
    const given = { ...others, ...(goal.length > 0 ? { goals: goal } : {}) } as Parameters<typeof startOptimize>[0];
    let step: OptimizeStep = startOptimize({ ...given, space });
    await write(shell, step.lines);
    const lines = createInterface({ input: shell.stdin, signal: shell.signal, crlfDelay: Number.POSITIVE_INFINITY });
    try {
      for await (const line of lines) {
        step = feedLine(step.state, line);
        await write(shell, step.lines);
        if (step.state.status === 'ended') break;
      }
    } finally {
      // A writer that keeps its end open does not keep this process.
      shell.stdin.destroy();
    }
    await write(shell, endOptimize(step.state));
    return 0;
  },
});

async function readSpace(path: string): Promise<unknown> {
  const { parse } = await import('yaml');
  try {
    const content: unknown = parse(await readFile(path, 'utf8'));
    return isMap(content) && isMap(content['space']) && !isParameter(content['space']) ? content['space'] : content;
  } catch (error) {
    throw new SlipwayError(
      'optimize.space',
      `The search space ${path} cannot be read: ${(error as Error).message}`,
      'Give a YAML or JSON file.',
    );
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A parameter may be named `space` itself: what stands there is then no map of parameters. */
function isParameter(value: Record<string, unknown>): boolean {
  return Object.values(value).some((entry) => !isMap(entry));
}

/** Writes lines and waits until the reader has taken them, so that each answer is out before the next line is read. */
async function write(shell: Shell, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await new Promise<void>((done, fail) => {
    shell.stdout.write(`${lines.join('\n')}\n`, (error) => (error ? fail(error) : done()));
  });
}

export const commands = [optimize];
