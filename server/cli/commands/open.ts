import { command } from '../command.ts';
import { connect } from '../connect.ts';
import { show } from '../shell.ts';

const open = command({
  name: 'open',
  summary: 'Print a fresh address of the pages, for one browser.',
  details: 'The address carries a ticket that lets one browser in once. Do not pass it on.',
  arguments: [
    {
      name: 'PAGE',
      optional: true,
      help: 'A page: run/ID, sweep/ID, endpoint/NAME, receipts/PROJECT (default: the home page).',
    },
  ],
  options: {},
  examples: ['slipway open', 'slipway open run/r1abc'],
  uses: 'controlPlane',
  async run({ args, target }, shell) {
    const client = await connect(target, shell);
    show(shell, await client.call('createTicket', { body: { page: args[0] } }), ({ url }) => url);
    return 0;
  },
});

export const commands = [open];
