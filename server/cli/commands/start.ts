import { command } from '../command.ts';

const start = command({
  name: 'start',
  summary: 'Start the control plane, say where its pages are, and run until it is ended.',
  options: {
    exit: { type: 'boolean', help: 'End again as soon as everything answers: a check that it can start.' },
    port: { type: 'integer', value: 'P', help: 'The port; 0 takes any free one.' },
  },
  examples: ['slipway start', 'slipway start --exit'],
  uses: 'dataFolder',
  isHidden: true,
  async run({ options, target }) {
    const { start: startAll } = await import('../start.ts');
    return startAll({ exit: options.exit, data: target.data, port: options.port });
  },
});

export const commands = [start];
