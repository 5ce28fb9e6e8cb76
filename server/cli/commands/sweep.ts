import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Sweep, SweepEstimate } from '../../protocol/entities.ts';
import { SlipwayError } from '../../protocol/errors.ts';
import { command } from '../command.ts';
import { confirmDeletion, yesOption } from '../confirmDeletion.ts';
import { connect } from '../connect.ts';
import { limitOption, moreText, readPages } from '../listing.ts';
import { facts, numberText, paintStatus, pairsText, table, timeText } from '../output.ts';
import { note, type Shell, show } from '../shell.ts';
import { usageError } from '../usage.ts';
import { interrupted, watchObject } from '../watch.ts';
import { commands as katibCommands } from './sweepKatib.ts';
import { commands as trialCommands } from './sweepTrials.ts';

const idArgument = { name: 'ID', help: 'The sweep.' };

const start = command({
  name: 'sweep start',
  summary: 'Start the sweep of a project.',
  options: {
    folder: { type: 'string', value: 'DIR', help: 'The project folder (default: the working folder).' },
    trials: { type: 'integer', value: 'N', help: 'The budget, in place of that in slipway.yaml.' },
    parallel: { type: 'integer', value: 'N', help: 'How many trials run at once.' },
    seed: { type: 'integer', value: 'N', help: 'The seed of the sampler.' },
    title: { type: 'string', value: 'TEXT', help: 'A title for people.' },
    from: {
      type: 'string',
      value: 'SWEEP',
      multiple: true,
      help: 'Begin from what an earlier sweep found; `receipts`: from all runs of the project that fit.',
    },
    search: {
      type: 'string',
      value: 'FILE',
      help: 'A file like what stands under `sweep:`, with objectives: trials run elsewhere, by ask and tell.',
    },
    project: { type: 'string', value: 'NAME', help: 'The project of such a sweep.' },
    follow: { type: 'boolean', short: 'f', help: 'Wait until it has ended.' },
  },
  examples: ['slipway sweep start', 'slipway sweep start --trials 30 --parallel 4 --follow'],
  uses: 'controlPlane',
  async run({ options, target }, shell) {
    const client = await connect(target, shell);
    const { trials, parallel, seed, title } = options;
    const folder = resolve(shell.cwd, options.folder ?? '.');
    const from = options.from.length > 0 ? options.from : undefined;
    if (!shell.json && options.search === undefined)
      note(shell, estimateText(await client.call('estimateSweep', { body: { folder, trials } })));
    const started =
      options.search === undefined
        ? await client.call('startSweep', { body: { folder, trials, parallel, seed, title, from } })
        : await client.call('openSweep', {
            body: { project: projectOf(options), title, search: await readSearch(resolve(shell.cwd, options.search)) },
          });
    if (!options.follow) {
      show(shell, started, (it) => describe(shell, it));
      return 0;
    }
    let ended = '';
    for await (const sweep of watchObject(client.locate, 'sweeps', started.id, shell.signal)) {
      const count = `${sweep.counts.finished + sweep.counts.stoppedEarly + sweep.counts.failed}/${sweep.trials}`;
      if (count !== ended && !shell.json)
        note(shell, `${sweep.id} ${count} trials, best ${numberText(sweep.best?.value)}`);
      ended = count;
      if (sweep.endedAt === undefined) continue;
      show(shell, sweep, (it) => describe(shell, it));
      return sweep.status === 'finished' ? 0 : 1;
    }
    throw interrupted(started.id, `Stop it: slipway sweep stop ${started.id}`);
  },
});

/** What the sweep is expected to take, against what the policy leaves of it. */
function estimateText({ trials, gpuHours, cpuHours, basis, left }: SweepEstimate): string {
  if (gpuHours === null || cpuHours === null) return `How long ${trials} trials take is not known: ${basis}.`;
  const hours = (value: number | null) => (value === null ? 'no limit' : `${numberText(value)} left`);
  const gpus = `${numberText(gpuHours)} GPU hours (${hours(left.gpuHours)})`;
  return `${trials} trials take about ${gpus} and ${numberText(cpuHours)} CPU hours (${hours(left.cpuHours)}), by the ${basis}.`;
}

function projectOf({ project }: { project?: string }): string {
  if (project !== undefined) return project;
  throw usageError('A sweep whose trials run elsewhere needs --project', 'Write for example --project digits.');
}

async function readSearch(path: string) {
  const { parse } = await import('yaml');
  const { SweepSpec } = await import('../../protocol/slipwayFile.ts');
  const found = SweepSpec.safeParse(parse(await readFile(path, 'utf8')));
  if (found.success) return found.data;
  const { path: at, message } = found.error.issues[0]!;
  throw new SlipwayError(
    'sweep.invalid',
    `${path}: ${at.join('.') || 'the file'}: ${message}`,
    'See `sweep:` of slipway.yaml.',
  );
}

const list = command({
  name: 'sweep list',
  summary: 'List sweeps, newest first.',
  options: { limit: limitOption },
  examples: ['slipway sweep list'],
  uses: 'controlPlane',
  async run({ options, target }, shell) {
    const client = await connect(target, shell);
    const { items, hasMore } = await readPages(options.limit, (query) => client.call('listSweeps', { query }));
    show(shell, { items }, () => {
      const rows = items.map((it) => [
        it.id,
        it.project,
        paintStatus(shell, it.status),
        it.sampler,
        countsText(it),
        numberText(it.best?.value),
        timeText(it.createdAt),
      ]);
      const head = ['ID', 'PROJECT', 'STATUS', 'SAMPLER', 'TRIALS', 'BEST', 'CREATED'];
      return table(shell, head, rows, 'No sweeps yet. Start one: slipway sweep start') + moreText(hasMore);
    });
    return 0;
  },
});

const showSweep = command({
  name: 'sweep show',
  summary: 'Show a sweep with its trials.',
  arguments: [idArgument],
  options: { limit: limitOption },
  examples: ['slipway sweep show w1abc'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const params = { id: args[0]! };
    const sweep = await client.call('getSweep', { params });
    const { items, hasMore } = await readPages(options.limit, (query) => client.call('listTrials', { params, query }));
    show(shell, { ...sweep, items }, () => {
      const rows = items.map((it) => [
        String(it.number),
        paintStatus(shell, it.status),
        numberText(it.value),
        numberText(it.step),
        pairsText(it.params),
        it.reason,
      ]);
      const head = ['TRIAL', 'STATUS', sweep.objective.metric.toUpperCase(), 'STEP', 'PARAMS', 'REASON'];
      return `${describe(shell, sweep)}\n\n${table(shell, head, rows, 'No trials yet.')}${moreText(hasMore)}`;
    });
    return 0;
  },
});

function countsText({ counts, trials }: Sweep): string {
  const shown = Object.entries(counts).filter(([, count]) => count > 0);
  return `${shown.map(([name, count]) => `${count} ${name}`).join(', ') || 'none'} of ${trials}`;
}

function describe(shell: Shell, it: Sweep): string {
  return facts([
    ['sweep', `${it.id} ${it.title}`],
    ['status', paintStatus(shell, it.status)],
    ['reason', it.reason],
    ['search', `${it.sampler}, ${it.stopper}, ${it.parallel} at once`],
    ['objective', `${it.objective.goal} ${it.objective.metric}`],
    ['trials', countsText(it)],
    [
      'best',
      it.best &&
        `trial ${it.best.trial}: ${numberText(it.best.value)} with ${pairsText(it.best.params)} (${it.best.run})`,
    ],
    ['receipt', it.receipt],
  ]);
}

type Action = 'pause' | 'resume' | 'stop';

function simpleAction(action: Action, summary: string) {
  return command({
    name: `sweep ${action}`,
    summary,
    arguments: [idArgument],
    options: {},
    examples: [`slipway sweep ${action} w1abc`],
    uses: 'controlPlane',
    async run({ args, target }, shell) {
      const client = await connect(target, shell);
      show(shell, await client.call('changeSweep', { params: { id: args[0]! }, body: { action } }), (it) =>
        describe(shell, it),
      );
      return 0;
    },
  });
}

const extend = command({
  name: 'sweep extend',
  summary: 'Give a sweep more trials.',
  arguments: [idArgument],
  options: { trials: { type: 'integer', value: 'N', required: true, help: 'How many more.' } },
  examples: ['slipway sweep extend w1abc --trials 20'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const body = { action: 'extend', trials: options.trials } as const;
    show(shell, await client.call('changeSweep', { params: { id: args[0]! }, body }), (it) => describe(shell, it));
    return 0;
  },
});

const clone = command({
  name: 'sweep clone',
  summary: 'Start a sweep like another: the same code, space and search.',
  arguments: [idArgument],
  options: {
    trials: { type: 'integer', value: 'N', help: 'The budget.' },
    parallel: { type: 'integer', value: 'N', help: 'Trials at once.' },
    seed: { type: 'integer', value: 'N', help: 'The seed of the sampler.' },
    title: { type: 'string', value: 'TEXT', help: 'A title for people.' },
    keep: { type: 'boolean', help: 'Begin from what the other one found.' },
  },
  examples: ['slipway sweep clone w1abc --seed 2', 'slipway sweep clone w1abc --keep --trials 50'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const { trials, parallel, seed, title, keep } = options;
    const body = { trials, parallel, seed, title, keep };
    show(shell, await client.call('cloneSweep', { params: { id: args[0]! }, body }), (it) => describe(shell, it));
    return 0;
  },
});

const set = command({
  name: 'sweep set',
  summary: 'Change how many trials of a sweep run at once.',
  arguments: [idArgument],
  options: { parallel: { type: 'integer', value: 'N', required: true, help: 'Trials at once.' } },
  examples: ['slipway sweep set w1abc --parallel 4'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const body = { action: 'set', parallel: options.parallel } as const;
    show(shell, await client.call('changeSweep', { params: { id: args[0]! }, body }), (it) => describe(shell, it));
    return 0;
  },
});

const remove = command({
  name: 'sweep delete',
  summary: 'Delete a sweep that has ended, with its trials; receipts stay that say so.',
  arguments: [{ name: 'ID', help: 'The sweep.' }],
  options: { yes: yesOption },
  examples: ['slipway sweep delete w1abc', 'slipway sweep delete w1abc --yes'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    if (!(await confirmDeletion(client, `sweep:${args[0]}`, options, shell))) return 1;
    await client.call('deleteSweep', { params: { id: args[0]! } });
    show(shell, { deleted: args[0]! }, ({ deleted }) => `${deleted} was deleted`);
    return 0;
  },
});

export const commands = [
  start,
  list,
  showSweep,
  simpleAction('pause', 'Start no further trials; those that run go on.'),
  simpleAction('resume', 'Go on with a paused sweep.'),
  extend,
  clone,
  set,
  simpleAction('stop', 'Stop a sweep and its trials.'),
  remove,
  ...trialCommands,
  ...katibCommands,
];
