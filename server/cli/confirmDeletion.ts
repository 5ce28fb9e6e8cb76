import { createInterface } from 'node:readline/promises';
import type { Client } from './client.ts';
import type { OptionSpec } from './command.ts';
import { note, type Shell } from './shell.ts';
import { usageError } from './usage.ts';

/** The option that every command has which deletes. */
export const yesOption = { type: 'boolean', short: 'y', help: 'Delete without asking.' } as const satisfies OptionSpec;

/** So many are named; of more only the number. */
const shownDependents = 20;

/**
 * Says what depends on a thing that is about to be deleted, and asks. Where nobody can be asked, `--yes` must stand.
 * @param subject as receipts name it: `run:r1abc`
 * @returns whether it is wanted
 * @throws SlipwayError `usage` where nobody can be asked
 */
export async function confirmDeletion(
  client: Pick<Client, 'call'>,
  subject: string,
  options: { yes: boolean },
  shell: Shell,
): Promise<boolean> {
  if (options.yes) return true;
  const { items } = await client.call('listDependents', { query: { subject } });
  const name = subject.replace(/^[a-z]+:/, '');
  const lines = items
    .slice(0, shownDependents)
    .map((it) => `  ${it.subject}${it.isDirect ? '' : ' (by way of another)'}`);
  if (items.length > shownDependents) lines.push(`  and ${items.length - shownDependents} more`);
  const text = items.length === 0 ? `Nothing depends on ${name}.` : `On ${name} depend:\n${lines.join('\n')}`;
  if (!shell.json) note(shell, text);
  const canAsk = !shell.json && 'isTTY' in shell.stdin && shell.stdin.isTTY === true;
  if (!canAsk) {
    const count = `${items.length} ${items.length === 1 ? 'thing depends' : 'things depend'} on it`;
    throw usageError(
      `${name} was not deleted: nobody can be asked, and ${count}`,
      'Give --yes to delete it all the same.',
    );
  }
  const asking = createInterface({ input: shell.stdin, output: shell.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question(`Delete ${name}? [y/N] `, { signal: shell.signal })).trim());
  } finally {
    asking.close();
  }
}
