import { randomUUID } from 'node:crypto';
import { command } from '../command.ts';
import { connect } from '../connect.ts';
import { facts, pairsText } from '../output.ts';
import { show } from '../shell.ts';
import { usageError } from '../usage.ts';

const idArgument = { name: 'ID', help: 'The sweep.' };

const ask = command({
  name: 'sweep ask',
  summary: 'Ask for the next trial of a sweep whose trials run elsewhere.',
  arguments: [idArgument],
  options: { ticket: { type: 'string', value: 'TEXT', help: 'The same text twice gives the same trial.' } },
  examples: ['slipway sweep ask w1abc --json'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const body = { requestId: options.ticket ?? randomUUID() };
    const given = await client.call('askTrial', { params: { id: args[0]! }, body });
    show(shell, given, ({ trial, params, reason }) =>
      trial === null
        ? `No trial: ${reason}`
        : facts([
            ['trial', String(trial)],
            ['params', pairsText(params ?? {})],
          ]),
    );
    return given.trial === null ? 1 : 0;
  },
});

const tell = command({
  name: 'sweep tell',
  summary: 'Tell what a trial that runs elsewhere came to.',
  arguments: [idArgument],
  options: {
    trial: { type: 'integer', value: 'N', required: true, help: 'The trial.' },
    value: { type: 'string', value: 'NUMBER', multiple: true, help: 'Its value; once for each goal.' },
    step: { type: 'integer', value: 'N', help: 'The value is one on the way, at this step.' },
    failed: { type: 'boolean', help: 'It failed.' },
  },
  examples: [
    'slipway sweep tell w1abc --trial 0 --value 0.31',
    'slipway sweep tell w1abc --trial 0 --step 5 --value 0.4',
  ],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    if (options.failed === options.value.length > 0) {
      throw usageError('Tell either --value or --failed.', 'Write for example --trial 0 --value 0.31.');
    }
    const client = await connect(target, shell);
    const { trial, step } = options;
    const told = options.failed ? { failed: true as const } : { values: options.value.map(numberOf), step };
    const answer = await client.call('tellTrial', { params: { id: args[0]! }, body: { trial, ...told } });
    show(shell, answer, ({ stop, status, reason }) => (stop ? `stop: ${reason}` : status));
    return 0;
  },
});

const nonFinite = ['NaN', 'Infinity', '-Infinity'] as const;

function numberOf(text: string): number | (typeof nonFinite)[number] {
  const word = nonFinite.find((one) => one.toLowerCase() === text.toLowerCase());
  if (word) return word;
  const number = Number(text);
  if (text.trim() === '' || Number.isNaN(number))
    throw usageError(`--value ${text} is no number`, 'Write 0.31 or NaN.');
  return number;
}

const promote = command({
  name: 'sweep promote',
  summary: 'Let a trial that was stopped early go on from its checkpoints, to its end.',
  arguments: [idArgument],
  options: { trial: { type: 'integer', value: 'N', required: true, help: 'The trial.' } },
  examples: ['slipway sweep promote w1abc --trial 7'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const params = { id: args[0]! };
    const { trial } = options;
    const { attempt } = await client.call('getTrial', { params: { ...params, trial: String(trial) } });
    const body = { action: 'promote', trial, attempt } as const;
    await client.call('changeSweep', { params, body });
    const after = await client.call('getTrial', { params: { ...params, trial: String(trial) } });
    show(shell, after, (it) =>
      facts([
        ['trial', String(it.number)],
        ['status', it.status],
        ['run', it.run],
      ]),
    );
    return 0;
  },
});

export const commands = [ask, tell, promote];
