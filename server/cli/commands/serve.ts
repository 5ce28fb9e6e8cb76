import { command } from '../command.ts';
import { note, print } from '../shell.ts';

const serve = command({
  name: 'serve',
  summary: 'Run the control plane on a data folder until it is ended.',
  details: 'It listens on loopback only. DIR/server.json tells where; it is ready when /readyz answers 200.',
  options: {
    port: { type: 'integer', value: 'P', help: 'The port; 0 takes the one of last time, or any free one (default 0).' },
    'allow-host': {
      type: 'string',
      value: 'NAME',
      multiple: true,
      help: 'A further host name that requests may come under.',
    },
  },
  examples: ['slipway serve', 'slipway serve --data /srv/slipway --port 4000'],
  uses: 'dataFolder',
  async run({ options, target }, shell) {
    const { serve: runServer } = await import('../serve.ts');
    await runServer({
      data: target.data,
      port: options.port ?? 0,
      allowHosts: options['allow-host'],
      startedBy: shell.env['SLIPWAY_STARTED_BY'],
      onReady: ({ url, ticketUrl }) => {
        if (shell.json) print(shell, JSON.stringify({ url, data: target.data }));
        else note(shell, `The control plane of ${target.data} answers at ${url}\nPages: ${ticketUrl()}`);
      },
    });
    return 0;
  },
});

export const commands = [serve];
