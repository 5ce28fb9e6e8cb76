import type { Command } from './command.ts';
import type { Noun } from './nouns.ts';
import { alignColumns } from './output.ts';
import { allOptions, usageLine } from './parseCommandLine.ts';

/** What `slipway --help` prints. */
export function generalHelp(nouns: readonly Noun[]): string {
  const rows = nouns.filter((noun) => !noun.isHidden).map(({ name, summary }) => [name, summary]);
  return [
    'slipway: datasets, training, validation, serving and rollouts with receipts that prove how each came to be.',
    '',
    'Usage: slipway COMMAND [ARGUMENTS] [--json]',
    '',
    'Commands:',
    indent(alignColumns(rows)),
    '',
    'See slipway COMMAND --help. The data folder is --data DIR, $SLIPWAY_DATA or that of the platform.',
    'Exit status: 0 done, 1 failed, 2 wrong use.',
  ].join('\n');
}

/** What `slipway dataset --help` prints. */
export function nounHelp(noun: Noun, commands: readonly Command[]): string {
  const rows = commands.filter((one) => !one.isHidden).map((one) => [one.name, one.summary]);
  return [
    noun.summary,
    '',
    'Commands:',
    indent(alignColumns(rows)),
    '',
    `See slipway ${noun.name} COMMAND --help.`,
  ].join('\n');
}

/** What `slipway dataset add --help` prints. */
export function commandHelp(command: Command): string {
  const described = [
    ...(command.arguments ?? []),
    ...(command.rest ? [{ ...command.rest, name: `-- ${command.rest.name}` }] : []),
  ];
  const optionRows = Object.entries(allOptions(command)).map(([name, spec]) => {
    const short = spec.short ? `-${spec.short}, ` : '';
    const value = spec.type === 'boolean' ? '' : ` ${spec.value ?? 'VALUE'}`;
    const choices = spec.choices ? ` (${spec.choices.join(', ')})` : '';
    return [`${short}--${name}${value}`, `${spec.help}${choices}${spec.multiple ? ' May be repeated.' : ''}`];
  });
  const sections = [`${command.summary}\n\nUsage: ${usageLine(command)}`];
  if (command.details) sections.push(command.details);
  if (described.length > 0)
    sections.push(`Arguments:\n${indent(alignColumns(described.map(({ name, help }) => [name, help])))}`);
  sections.push(`Options:\n${indent(alignColumns(optionRows))}`);
  sections.push(`Examples:\n${indent(command.examples.join('\n'))}`);
  return sections.join('\n\n');
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
