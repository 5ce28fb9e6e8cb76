import { resolve } from 'node:path';
import type { Rollout } from '../../protocol/entities.ts';
import { command } from '../command.ts';
import { connect } from '../connect.ts';
import { facts, numberText, paintStatus, table, timeText } from '../output.ts';
import { type Shell, show } from '../shell.ts';
import { createStepper } from '../stepper.ts';
import { interrupted, watchObject } from '../watch.ts';

const idArgument = { name: 'ID', help: 'The rollout.' };

const start = command({
  name: 'rollout start',
  summary: 'Bring a model version into traffic by the steps of its project.',
  arguments: [{ name: 'NAME@vN', help: 'The model version (NAME: the latest).' }],
  options: {
    folder: { type: 'string', value: 'DIR', help: 'A project folder, in place of the one it was trained from.' },
    follow: {
      type: 'boolean',
      short: 'f',
      help: 'Wait until it has ended; the exit status then tells whether it completed.',
    },
  },
  examples: ['slipway rollout start digits@v2', 'slipway rollout start digits@v2 --follow'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const folder = options.folder === undefined ? undefined : resolve(shell.cwd, options.folder);
    const started = await client.call('startRollout', { body: { model: args[0]!, folder } });
    if (!options.follow) {
      show(shell, started, (it) => describe(shell, it));
      return 0;
    }
    const stepper = createStepper(shell, (step: ReturnType<typeof stepsOf>[number]) => [
      step.id,
      paintStatus(shell, step.status),
      step.reason,
    ]);
    try {
      for await (const rollout of watchObject(client.locate, 'rollouts', started.id, shell.signal)) {
        stepper.update(stepsOf(rollout));
        if (rollout.endedAt === undefined) continue;
        stepper.end();
        show(shell, rollout, (it) => describe(shell, it));
        return rollout.status === 'completed' ? 0 : 1;
      }
    } finally {
      stepper.end();
    }
    throw interrupted(started.id, `End it: slipway rollout abort ${started.id}`);
  },
});

function stepsOf({ steps }: Rollout) {
  return steps.map(({ weight, status, reason }) => ({ id: `${weight} %`, status, reason }));
}

const status = command({
  name: 'rollout status',
  summary: 'Show a rollout with its steps; without an id the latest ones.',
  arguments: [{ ...idArgument, optional: true }],
  options: {},
  examples: ['slipway rollout status', 'slipway rollout status l1abc'],
  uses: 'controlPlane',
  async run({ args, target }, shell) {
    const client = await connect(target, shell);
    if (args[0] !== undefined) {
      show(shell, await client.call('getRollout', { params: { id: args[0] } }), (it) => describe(shell, it));
      return 0;
    }
    show(shell, await client.call('listRollouts', { query: { limit: 20 } }), ({ items }) => {
      const rows = items.map((it) => [
        it.id,
        it.endpoint,
        `${it.from ?? '–'} → ${it.to}`,
        paintStatus(shell, it.status),
        `${it.weight} %`,
        timeText(it.createdAt),
        it.reason,
      ]);
      return table(
        shell,
        ['ID', 'ENDPOINT', 'REVISIONS', 'STATUS', 'WEIGHT', 'STARTED', 'REASON'],
        rows,
        'No rollouts yet.',
      );
    });
    return 0;
  },
});

function describe(shell: Shell, it: Rollout): string {
  const rows = it.steps.map((step) => [
    `${step.weight} %`,
    paintStatus(shell, step.status),
    step.requests === undefined ? '–' : `${step.requests}${step.needed ? ` of ${step.needed}` : ''}`,
    numberText(step.errorRate),
    numberText(step.p95Ms),
    numberText(step.stableP95Ms),
    step.reason,
  ]);
  const head = ['STEP', 'STATUS', 'REQUESTS', 'ERROR RATE', 'P95 MS', 'STABLE P95 MS', 'REASON'];
  const title = facts([
    ['rollout', `${it.id} of ${it.endpoint}`],
    ['revisions', `${it.from ?? 'nothing'} → ${it.to}`],
    ['status', paintStatus(shell, it.status)],
    ['reason', it.reason],
    ['weight', `${it.weight} %`],
    ['receipt', it.receipt],
  ]);
  return `${title}\n\n${table(shell, head, rows, 'No steps.')}`;
}

function action(name: 'pause' | 'resume' | 'promote' | 'abort', summary: string) {
  return command({
    name: `rollout ${name}`,
    summary,
    arguments: [idArgument],
    options: {},
    examples: [`slipway rollout ${name} l1abc`],
    uses: 'controlPlane',
    async run({ args, target }, shell) {
      const client = await connect(target, shell);
      show(shell, await client.call('changeRollout', { params: { id: args[0]! }, body: { action: name } }), (it) =>
        describe(shell, it),
      );
      return 0;
    },
  });
}

export const commands = [
  start,
  status,
  action('pause', 'Stay at the present weight.'),
  action('resume', 'Go on with a paused rollout.'),
  action('promote', 'Skip the other steps: 100 % now.'),
  action('abort', 'Send all traffic back to where it was.'),
];
