// npm run cluster:up | cluster:down | cluster:status
import { seconds } from '../run/process.ts';
import { down, status, up } from './cluster.ts';

const commands: Record<string, () => Promise<string>> = {
  async up() {
    const started = Date.now();
    await up();
    return `Up after ${seconds(Date.now() - started)}.\n${await status()}`;
  },
  async down() {
    await down();
    return 'The test cluster is down; nothing of it is left but the cache.';
  },
  status,
};

const command = commands[process.argv[2] ?? ''];
if (command) console.log(await command());
else {
  console.error(`Use one of: ${Object.keys(commands).join(', ')}`);
  process.exitCode = 2;
}
