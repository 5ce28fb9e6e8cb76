import type { Validation } from '../../protocol/entities.ts';
import { command } from '../command.ts';
import { connect } from '../connect.ts';
import { facts, numberText, paint, paintStatus, pairsText } from '../output.ts';
import { type Shell, show } from '../shell.ts';
import { interrupted, watchObject } from '../watch.ts';

const validate = command({
  name: 'validate',
  summary: 'Judge the model of a run by the gates of its project: serve, or retrain.',
  details: 'Exit status 0 when the decision is to serve, 1 when it is to retrain or cannot be made.',
  arguments: [{ name: 'RUN', help: 'The run whose model is judged.' }],
  options: { 'no-register': { type: 'boolean', help: 'Register no model version, even if the gates pass.' } },
  examples: ['slipway validate r1abc', 'slipway validate r1abc --no-register --json'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const started = await client.call('startValidation', {
      body: { run: args[0]!, register: !options['no-register'] },
    });
    for await (const validation of watchObject(client.locate, 'validations', started.id, shell.signal)) {
      if (validation.status === 'running') continue;
      show(shell, validation, (it) => describe(shell, it));
      return validation.decision === 'serve' ? 0 : 1;
    }
    throw interrupted(started.id, `Its receipt comes with it: slipway receipts list ${started.project}.`);
  },
});

function describe(shell: Shell, it: Validation): string {
  const gates = it.gates.map(({ passed, reason, value }) => {
    const mark = passed ? paint(shell, 'green', '✓') : paint(shell, 'red', '✗');
    return `  ${mark} ${reason || numberText(value)}`;
  });
  const decision = it.decision
    ? `${paintStatus(shell, it.decision)}${it.how.length > 0 ? ` by ${it.how.join(', ')}` : ''}`
    : it.status;
  return [
    facts([
      ['validation', `${it.id} of ${it.run}`],
      ['decision', decision],
      ['reason', it.reason],
      ['metrics', pairsText(it.metrics)],
      ['receipt', it.receipt],
    ]),
    ...gates,
  ].join('\n');
}

export const commands = [validate];
