import { resolve } from 'node:path';
import type { Run } from '../../protocol/entities.ts';
import type { Client } from '../client.ts';
import { command } from '../command.ts';
import { confirmDeletion, yesOption } from '../confirmDeletion.ts';
import { connect } from '../connect.ts';
import { limitOption, moreText, readPages } from '../listing.ts';
import { bytesText, durationText, facts, numberText, paintStatus, pairsText, table, timeText } from '../output.ts';
import { parseParams } from '../params.ts';
import { note, print, type Shell, show } from '../shell.ts';
import { usageError } from '../usage.ts';
import { followLog, interrupted, watchObject } from '../watch.ts';

const start = command({
  name: 'run start',
  summary: 'Start training, a stage, or any program, from a project folder.',
  details:
    'With a program after -- no slipway.yaml is needed: it runs as it is, in a copy of the folder, with what the PATH has.\nEvent files that it writes for TensorBoard are found and shown.',
  options: {
    folder: { type: 'string', value: 'DIR', help: 'The project folder (default: the working folder).' },
    step: { type: 'string', value: 'STEP', help: 'train (default), or the name of a stage.' },
    param: { type: 'string', value: 'K=V', multiple: true, help: 'A parameter in place of the one in slipway.yaml.' },
    resume: { type: 'string', value: 'RUN', help: 'Begin with the checkpoints of an earlier run.' },
    title: { type: 'string', value: 'TEXT', help: 'A title for people.' },
    follow: {
      type: 'boolean',
      short: 'f',
      help: 'Show the log until it ends; the exit status then tells whether it succeeded.',
    },
  },
  rest: { name: 'PROGRAM', optional: true, help: 'A program with its arguments, in place of a step of slipway.yaml.' },
  examples: [
    'slipway run start --param lr=0.01 --follow',
    'slipway run start -- python train.py --epochs 3',
    'slipway run start --resume r1abc',
  ],
  uses: 'controlPlane',
  async run({ options, rest, target }, shell) {
    const isProgram = rest.length > 0;
    if (isProgram && (options.step !== undefined || options.param.length > 0)) {
      throw usageError(
        'run start: --step and --param are for slipway.yaml, not for a program',
        "Write the program's own arguments after it.",
      );
    }
    const params = parseParams(options.param);
    const client = await connect(target, shell);
    const folder = resolve(shell.cwd, options.folder ?? '.');
    const { step, resume, title } = options;
    const run = await client.call('startRun', {
      body: {
        folder,
        step,
        resume,
        title,
        command: isProgram ? rest : undefined,
        params: options.param.length > 0 ? params : undefined,
      },
    });
    if (!options.follow || !shell.json) show(shell, run, ({ id }) => `${id}: ${run.title}`);
    if (isProgram && !shell.json) note(shell, projectAdvice(run.project, rest));
    if (!options.follow) {
      if (!shell.json) note(shell, `Follow it: slipway run logs ${run.id} -f`);
      return 0;
    }
    return followToEnd(client, run.id, shell);
  },
});

/** How a program becomes a project. */
function projectAdvice(project: string, program: readonly string[]): string {
  const words = program.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`));
  const line = words.join(' ');
  const quoted = /[:#{}[\],&*?|<>=!%@\\"'`]/.test(line) ? JSON.stringify(line) : line;
  return `To keep it as a project, with parameters, stages and gates, write slipway.yaml:\n  project: ${project}\n  train:\n    run: ${quoted}`;
}

async function followToEnd(client: Client, id: string, shell: Shell): Promise<number> {
  if (!shell.json) await copyLog(client, id, 0, shell);
  for await (const run of watchObject(client.locate, 'runs', id, shell.signal)) {
    if (run.endedAt === undefined) continue;
    if (shell.json) print(shell, JSON.stringify(run));
    else note(shell, endText(run, shell));
    return run.status === 'succeeded' ? 0 : 1;
  }
  throw interrupted(id, `Stop it: slipway run stop ${id}`);
}

async function copyLog(client: Client, id: string, offset: number, shell: Shell): Promise<void> {
  for await (const text of followLog(client.locate, id, offset, shell.signal)) shell.stdout.write(text);
}

function endText(run: Run, shell: Shell): string {
  const took = run.startedAt === undefined ? '' : ` after ${durationText(run.endedAt! - run.startedAt)}`;
  return `${run.id} ${paintStatus(shell, run.status)}${took}${run.reason ? `: ${run.reason}` : ''}`;
}

const list = command({
  name: 'run list',
  summary: 'List runs, newest first.',
  options: {
    project: { type: 'string', value: 'NAME', help: 'Only runs of this project.' },
    status: { type: 'string', value: 'STATUS', help: 'Only runs with this status.' },
    sweep: { type: 'string', value: 'ID', help: 'Only trials of this sweep.' },
    limit: limitOption,
  },
  examples: ['slipway run list', 'slipway run list --status running'],
  uses: 'controlPlane',
  async run({ options, target }, shell) {
    const client = await connect(target, shell);
    const { limit, project, status, sweep } = options;
    const { items, hasMore } = await readPages(limit, (page) =>
      client.call('listRuns', { query: { ...page, project, status, sweep } }),
    );
    show(shell, { items }, () => {
      const rows = items.map((it) => [
        it.id,
        it.project,
        it.step,
        paintStatus(shell, it.status),
        timeText(it.createdAt),
        pairsText(it.metrics),
        it.reason,
      ]);
      const head = ['ID', 'PROJECT', 'STEP', 'STATUS', 'CREATED', 'METRICS', 'REASON'];
      return table(shell, head, rows, 'No runs.') + moreText(hasMore);
    });
    return 0;
  },
});

const runArgument = { name: 'ID', help: 'The run.' };

const showRun = command({
  name: 'run show',
  summary: 'Show a run: its status and why, parameters, metrics, what went in and what came out.',
  arguments: [runArgument],
  options: {},
  examples: ['slipway run show r1abc'],
  uses: 'controlPlane',
  async run({ args, target }, shell) {
    const client = await connect(target, shell);
    show(shell, await client.call('getRun', { params: { id: args[0]! } }), (run) => describeRun(run, shell));
    return 0;
  },
});

function describeRun(run: Run, shell: Shell): string {
  const { environment, code, exception } = run;
  const times = [
    `created ${timeText(run.createdAt)}`,
    run.startedAt && `started ${timeText(run.startedAt)}`,
    run.endedAt && `ended ${timeText(run.endedAt)}`,
  ];
  return facts([
    ['run', `${run.id} ${run.title}`],
    ['status', paintStatus(shell, run.status)],
    ['reason', run.reason],
    ['waits', run.waiting?.reason],
    [
      'error',
      exception &&
        `${exception.type}: ${exception.message}${exception.frame ? ` (${exception.frame.file}:${exception.frame.line})` : ''}`,
    ],
    ['project', run.project],
    ['step', run.step],
    ['attempt', run.attempt],
    ['time', times.filter(Boolean).join(', ')],
    ['command', run.command],
    ['params', pairsText(run.params)],
    ['metrics', pairsText(run.metrics)],
    ['dataset', run.dataset],
    ['code', code && `${code.commit ?? code.sha256}${code.changed ? ' with changes' : ''}`],
    ['environment', environment?.label],
    [
      'outputs',
      run.outputs.map(({ name, files, bytes }) => `${name} (${files} files, ${bytesText(bytes)})`).join(', '),
    ],
    ['model', run.model],
    ['receipt', run.receipt],
  ]);
}

const logs = command({
  name: 'run logs',
  summary: 'Print the log of a run.',
  arguments: [runArgument],
  options: {
    follow: { type: 'boolean', short: 'f', help: 'Go on until the run has ended.' },
    tail: { type: 'integer', value: 'BYTES', help: 'Begin so many bytes before the end.' },
  },
  examples: ['slipway run logs r1abc', 'slipway run logs r1abc -f'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const id = args[0]!;
    let offset = options.tail ? -Math.abs(options.tail) : 0;
    if (options.follow && !shell.json) {
      await copyLog(client, id, offset, shell);
      return 0;
    }
    const texts: string[] = [];
    while (true) {
      const part = await client.call('readRunLogs', { params: { id }, query: { offset } });
      if (shell.json) texts.push(part.text);
      else shell.stdout.write(part.text);
      // What is written while it is read counts as later than the end.
      if (part.ended || part.text === '') {
        if (shell.json)
          print(shell, JSON.stringify({ run: id, next: part.next, ended: part.ended, text: texts.join('') }));
        return 0;
      }
      offset = part.next;
    }
  },
});

const stop = command({
  name: 'run stop',
  summary: 'Ask a run to stop: SIGTERM, the grace time, then SIGKILL.',
  arguments: [runArgument],
  options: { reason: { type: 'string', value: 'TEXT', help: 'Why; it is shown with the run.' } },
  examples: ['slipway run stop r1abc --reason "wrong data"'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const run = await client.call('stopRun', { params: { id: args[0]! }, body: { reason: options.reason } });
    show(shell, run, ({ id, status, reason }) => `${id} ${status}${reason ? `: ${reason}` : ''}`);
    return 0;
  },
});

const metrics = command({
  name: 'run metrics',
  summary: 'Show the scalar metrics of a run, or every point of one of them.',
  arguments: [runArgument, { name: 'TAG', optional: true, help: 'A metric: all its points.' }],
  options: {
    points: { type: 'integer', value: 'N', help: 'At most so many points; the extremes of each bucket are kept.' },
  },
  examples: ['slipway run metrics r1abc', 'slipway run metrics r1abc val/accuracy --json'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const [id, tag] = args;
    if (tag === undefined) {
      show(shell, await client.call('listRunMetrics', { params: { id: id! } }), ({ tags, problems }) => {
        const rows = tags.map((it) => [
          it.tag,
          String(it.points),
          numberText(it.lastStep),
          numberText(it.lastValue),
          String(it.nonFinite),
        ]);
        const damage = problems.map(({ file, offset, message }) => `\n! ${file} at ${offset}: ${message}`).join('');
        return (
          table(shell, ['TAG', 'POINTS', 'LAST STEP', 'LAST VALUE', 'NOT FINITE'], rows, 'No metrics yet.') + damage
        );
      });
      return 0;
    }
    const series = await client.call('readRunSeries', { params: { id: id! }, query: { tag, points: options.points } });
    show(shell, series, ({ steps, values }) => steps.map((step, i) => `${step}\t${values[i]}`).join('\n'));
    return 0;
  },
});

const remove = command({
  name: 'run delete',
  summary: 'Delete an ended run with its logs; a receipt stays that says so.',
  arguments: [runArgument],
  options: { yes: yesOption },
  examples: ['slipway run delete r1abc', 'slipway run delete r1abc --yes'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    if (!(await confirmDeletion(client, `run:${args[0]}`, options, shell))) return 1;
    await client.call('deleteRun', { params: { id: args[0]! } });
    show(shell, { deleted: args[0]! }, ({ deleted }) => `${deleted} was deleted`);
    return 0;
  },
});

export const commands = [start, list, showRun, logs, stop, metrics, remove];
