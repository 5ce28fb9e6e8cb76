import { resolve } from 'node:path';
import { command } from '../command.ts';

const gateway = command({
  name: 'gateway',
  summary: 'Run a gateway that carries requests of endpoints to their replicas.',
  details:
    'The routes file is read again whenever it changes; a bad one is refused and the last good one kept.\nIt writes what it does to stdout, a JSON object a line. On SIGTERM it answers what is under way and ends.',
  options: {
    routes: { type: 'string', value: 'FILE', required: true, help: 'The routes file (JSON).' },
    listen: {
      type: 'string',
      value: 'ADDR',
      required: true,
      help: 'HOST:PORT, [IPV6]:PORT or unix:PATH; port 0 takes any free one.',
    },
    admin: { type: 'string', value: 'SOCKET', help: 'A Unix socket for statistics.' },
  },
  examples: ['slipway gateway --routes routes.json --listen 127.0.0.1:8080'],
  async run({ options }, shell) {
    const { runGateway } = await import('../../serving/gateway.ts');
    await runGateway({
      routesFile: resolve(shell.cwd, options.routes),
      listen: options.listen,
      adminSocket: options.admin === undefined ? undefined : resolve(shell.cwd, options.admin),
      signal: shell.signal,
    });
    return 0;
  },
});

export const commands = [gateway];
