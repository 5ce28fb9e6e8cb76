import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { command } from '../command.ts';
import { confirmDeletion, yesOption } from '../confirmDeletion.ts';
import { connect } from '../connect.ts';
import { table, timeText } from '../output.ts';
import { note, type Shell, show } from '../shell.ts';
import { usageError } from '../usage.ts';

const nameArgument = { name: 'NAME', help: 'The secret, as slipway.yaml names it under `secrets`.' };

const set = command({
  name: 'secret set',
  summary: 'Keep a secret; its value comes from stdin.',
  details:
    'A program that names it under `secrets` in slipway.yaml gets it as an environment variable: hf-token as HF_TOKEN.\nReceipts hold the name; in logs the value becomes ***. One line break at the end is not part of it: slipway secret set hf-token < token.txt',
  arguments: [nameArgument],
  options: {},
  examples: ['slipway secret set hf-token'],
  uses: 'controlPlane',
  async run({ args, target }, shell) {
    const value = await readValue(args[0]!, shell);
    if (value.length < 4) throw usageError('secret set: the value is shorter than 4 characters', 'Give it on stdin.');
    const client = await connect(target, shell);
    const secret = await client.call('setSecret', { body: { name: args[0]!, value } });
    show(shell, secret, ({ name, variable }) => `${name} is kept; programs get it as ${variable}`);
    return 0;
  },
});

async function readValue(name: string, shell: Shell): Promise<string> {
  if (!('isTTY' in shell.stdin && shell.stdin.isTTY)) return (await text(shell.stdin)).replace(/\r?\n$/, '');
  note(shell, `Value of ${name} (it is not shown):`);
  // What is typed is echoed by readline, into nothing.
  const nothing = new Writable({ write: (_chunk, _encoding, done) => done() });
  const asking = createInterface({ input: shell.stdin, output: nothing, terminal: true });
  try {
    return await asking.question('', { signal: shell.signal });
  } finally {
    asking.close();
  }
}

const list = command({
  name: 'secret list',
  summary: 'List the names of the secrets; values are never shown.',
  options: {},
  examples: ['slipway secret list'],
  uses: 'controlPlane',
  async run({ target }, shell) {
    const client = await connect(target, shell);
    show(shell, await client.call('listSecrets'), ({ items }) => {
      const rows = items.map((it) => [it.name, it.variable, timeText(it.updatedAt)]);
      return table(shell, ['NAME', 'VARIABLE', 'SET'], rows, 'No secrets. Set one: slipway secret set NAME < FILE');
    });
    return 0;
  },
});

const remove = command({
  name: 'secret delete',
  summary: 'Delete a secret; what names it fails to start from then on.',
  arguments: [nameArgument],
  options: { yes: yesOption },
  examples: ['slipway secret delete hf-token'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    if (!(await confirmDeletion(client, `secret:${args[0]}`, options, shell))) return 1;
    await client.call('deleteSecret', { params: { name: args[0]! } });
    show(shell, { deleted: args[0]! }, ({ deleted }) => `${deleted} was deleted`);
    return 0;
  },
});

export const commands = [set, list, remove];
