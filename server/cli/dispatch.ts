import { errorBody, SlipwayError } from '../protocol/errors.ts';
import type { Command } from './command.ts';
import { dataFolder } from './dataFolder.ts';
import { commandHelp, generalHelp, nounHelp } from './help.ts';
import { installation } from './installation.ts';
import { type Noun, nouns } from './nouns.ts';
import { parseCommandLine } from './parseCommandLine.ts';
import { note, print, type Shell } from './shell.ts';
import { unknownWord, usageError } from './usage.ts';

/**
 * Carries out one command line.
 * @param line what stands after `slipway`
 * @returns the exit status: 0 done, 1 failed, 2 wrong use, or what the command says
 */
export async function dispatch(line: readonly string[], shell: Omit<Shell, 'json'>): Promise<number> {
  const separator = line.indexOf('--');
  const json = (separator < 0 ? line : line.slice(0, separator)).includes('--json');
  const full: Shell = { ...shell, json };
  try {
    return await carryOut(line, full);
  } catch (error) {
    return report(error, full);
  }
}

async function carryOut(line: readonly string[], shell: Shell): Promise<number> {
  const [first, second] = line;
  if (first === undefined) {
    note(shell, generalHelp(nouns));
    return 2;
  }
  if (first === '--help' || first === '-h' || (first === 'help' && second === undefined)) {
    print(shell, generalHelp(nouns));
    return 0;
  }
  if (first === '--version') {
    print(shell, installation().version);
    return 0;
  }
  if (first === 'help') return carryOut([...line.slice(1), '--help'], shell);
  const noun = nouns.find((one) => one.name === first);
  if (!noun) throw unknownWord('command', first, shownNames(nouns), '');
  const { commands } = await noun.load();
  const single = commands.find((one) => one.name === noun.name);
  if (single) return runCommand(single, line.slice(1), shell);
  if (second === undefined || second === '--help' || second === '-h') {
    const help = nounHelp(noun, commands);
    if (second !== undefined) print(shell, help);
    else note(shell, help);
    return second === undefined ? 2 : 0;
  }
  // Most have two words, some three: `admin policy apply`.
  const command = commands.find((one) => one.name === line.slice(0, wordsOf(one)).join(' '));
  if (!command) throw unknownVerb(noun, commands, second);
  return runCommand(command, line.slice(wordsOf(command)), shell);
}

function wordsOf({ name }: Command): number {
  return name.split(' ').length;
}

async function runCommand(command: Command, line: readonly string[], shell: Shell): Promise<number> {
  const { options, args, rest } = parseCommandLine(command, line);
  if (options['help']) {
    print(shell, commandHelp(command));
    return 0;
  }
  const shared = (name: string) =>
    Object.hasOwn(command.options, name) ? undefined : (options[name] as string | undefined);
  const data = shared('data');
  const target = {
    data: dataFolder(data, shell.env, shell.cwd),
    isDataGiven: data !== undefined,
    server: shared('server'),
    tokenFile: shared('token-file'),
  };
  const own = Object.fromEntries(Object.keys(command.options).map((name) => [name, options[name]]));
  return (await command.run({ args, options: own as never, rest, target }, shell)) ?? 0;
}

function unknownVerb(noun: Noun, commands: readonly Command[], verb: string): SlipwayError {
  if (verb.startsWith('-')) return usageError(`${noun.name}: a command is missing`, `See slipway ${noun.name} --help.`);
  const verbs = shownNames(commands).map((name) => name.slice(noun.name.length + 1));
  return unknownWord('command', verb, verbs, noun.name);
}

function shownNames(entries: readonly { name: string; isHidden?: boolean }[]): string[] {
  return entries.filter((entry) => !entry.isHidden).map((entry) => entry.name);
}

/** Tells an error the way people and programs want it; the status follows from its code. */
function report(error: unknown, shell: Shell): number {
  const isInterrupted = shell.signal.aborted && (error as Error).name === 'AbortError';
  const body = isInterrupted ? { code: 'interrupted', message: 'Interrupted.', hint: '' } : errorBody(error);
  if (!(error instanceof SlipwayError) && !isInterrupted) {
    body.message = `Something unexpected happened: ${(error as Error).message}`;
    body.hint = 'With SLIPWAY_DEBUG=1 the details are shown.';
    if (shell.env['SLIPWAY_DEBUG']) note(shell, String((error as Error).stack));
  }
  if (shell.json) print(shell, JSON.stringify(body));
  else note(shell, `slipway: ${body.message}${body.hint ? `\nhint: ${body.hint}` : ''}`);
  return body.code === 'usage' ? 2 : 1;
}
