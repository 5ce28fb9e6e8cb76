import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { command } from '../command.ts';
import { installation } from '../installation.ts';
import { durationText, numberText, table } from '../output.ts';
import { print } from '../shell.ts';

/** More do not help: storage is slower. */
const maxThreads = 8;

const exportMetrics = command({
  name: 'metrics export',
  summary: 'Read every scalar of the TensorBoard event files below a folder.',
  details: 'Damage is reported under problems and never ends the export. Exit status 0 also then.',
  arguments: [{ name: 'LOGDIR', help: 'The folder.' }],
  options: {
    salvage: {
      type: 'boolean',
      help: 'Read on behind a damaged record; TensorBoard ends the file there, and so does this otherwise.',
    },
    stats: { type: 'boolean', help: 'Also tell how many events, points and bytes were read, and how fast.' },
  },
  examples: ['slipway metrics export runs --json > metrics.json', 'slipway metrics export runs --stats'],
  async run({ args, options }, shell) {
    const { exportJson, exportScalars } = await import('../../metrics/export.ts');
    const exported = await exportScalars(resolve(shell.cwd, args[0]!), {
      salvage: options.salvage,
      signal: shell.signal,
      threads: { worker: installation().exportWorkerPath, count: Math.min(availableParallelism(), maxThreads) },
    });
    if (shell.json) {
      await pipeline(Readable.from(exportJson(exported, { withStats: options.stats })), shell.stdout, { end: false });
      return 0;
    }
    const rows = exported.runs.flatMap(({ run, tags }) =>
      Object.entries(tags).map(([tag, { steps, values }]) => [
        run,
        tag,
        String(steps.length),
        numberText(steps.at(-1)),
        numberText(values.at(-1)),
      ]),
    );
    print(shell, table(shell, ['RUN', 'TAG', 'POINTS', 'LAST STEP', 'LAST VALUE'], rows, 'No scalars.'));
    for (const { file, offset, message } of exported.problems) print(shell, `! ${file} at ${offset}: ${message}`);
    const { events, points, bytes, seconds } = exported.stats;
    if (options.stats)
      print(shell, `${events} events, ${points} points, ${bytes} bytes in ${durationText(seconds * 1000)}`);
    return 0;
  },
});

export const commands = [exportMetrics];
