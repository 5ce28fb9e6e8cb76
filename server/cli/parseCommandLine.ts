import { parseArgs } from 'node:util';
import type { Command, OptionSpec } from './command.ts';
import { unknownWord, usageError } from './usage.ts';

export interface ParsedLine {
  options: Record<string, unknown>;
  args: string[];
  rest: string[];
}

const everywhere: Record<string, OptionSpec> = {
  json: { type: 'boolean', help: 'Print the result as one JSON document; errors too.' },
  help: { type: 'boolean', short: 'h', help: 'Show this help.' },
};

const dataFolder: Record<string, OptionSpec> = {
  data: { type: 'string', value: 'DIR', help: "The data folder (default: $SLIPWAY_DATA, else the platform's own)." },
};

const controlPlane: Record<string, OptionSpec> = {
  ...dataFolder,
  server: { type: 'string', value: 'URL', help: 'A control plane by its address instead of by its data folder.' },
  'token-file': { type: 'string', value: 'FILE', help: 'The file with the token for --server.' },
};

function without(shared: Record<string, OptionSpec>, own: Record<string, OptionSpec>): Record<string, OptionSpec> {
  return Object.fromEntries(Object.entries(shared).filter(([name]) => !Object.hasOwn(own, name)));
}

/** The options of a command with those that it shares with others; one of its own takes the place of a shared one. */
export function allOptions(command: Command): Record<string, OptionSpec> {
  const shared = command.uses === 'controlPlane' ? controlPlane : command.uses === 'dataFolder' ? dataFolder : {};
  return { ...command.options, ...without(shared, command.options), ...everywhere };
}

/**
 * Reads what stands after a command's name.
 * @throws SlipwayError `usage` for an unknown option (naming the nearest), a value that is missing, superfluous or not
 * of its kind, and for too few or too many arguments
 */
export function parseCommandLine(command: Command, line: readonly string[]): ParsedLine {
  const specs = allOptions(command);
  const separator = line.indexOf('--');
  const own = separator < 0 ? line : line.slice(0, separator);
  const rest = separator < 0 ? [] : line.slice(separator + 1);
  const { tokens } = parseArgs({
    args: [...own],
    options: Object.fromEntries(
      Object.entries(specs).map(([name, { type, short }]) => [
        name,
        { type: type === 'boolean' ? 'boolean' : 'string', ...(short ? { short } : {}) } as const,
      ]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const options: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(specs)) {
    if (spec.type === 'boolean') options[name] = false;
    else if (spec.multiple) options[name] = [];
  }
  const args: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') args.push(token.value);
    if (token.kind !== 'option') continue;
    const spec = specs[token.name];
    if (!spec) {
      const known = Object.keys(specs).map((name) => `--${name}`);
      throw unknownWord('option', token.rawName, known, command.name);
    }
    const value = readValue(command, token, spec);
    if (spec.multiple) (options[token.name] as unknown[]).push(value);
    else options[token.name] = value;
  }
  if (!options['help']) checkCompleteness(command, specs, options, args, rest);
  return { options, args, rest };
}

function readValue(
  command: Command,
  token: { rawName: string; value?: string; inlineValue?: boolean },
  spec: OptionSpec,
): string | number | boolean {
  const { rawName, value } = token;
  const fail = (problem: string) =>
    usageError(`${command.name}: ${rawName} ${problem}`, `See ${fullName(command)} --help.`);
  if (spec.type === 'boolean') {
    if (value !== undefined) throw fail('takes no value');
    return true;
  }
  // `--name --json` forgot the name; a value that begins with a hyphen is written `--name=-x`. Numbers may.
  if (value === undefined || (!token.inlineValue && /^-\D/.test(value))) throw fail(`needs ${spec.value ?? 'a value'}`);
  if (spec.choices && !spec.choices.includes(value)) throw fail(`is one of ${spec.choices.join(', ')}, not ${value}`);
  if (spec.type === 'string') return value;
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number)) throw fail(`needs a number, not ${JSON.stringify(value)}`);
  if (spec.type === 'integer' && !Number.isSafeInteger(number)) throw fail(`needs a whole number, not ${value}`);
  return number;
}

function checkCompleteness(
  command: Command,
  specs: Record<string, OptionSpec>,
  options: Record<string, unknown>,
  args: string[],
  rest: string[],
): void {
  const { name } = command;
  const hint = `Usage: ${usageLine(command)}`;
  const wanted = command.arguments ?? [];
  const missing = wanted.slice(args.length).find((argument) => !argument.optional);
  if (missing) throw usageError(`${name}: ${missing.name} is missing`, hint);
  if (args.length > wanted.length) throw usageError(`${name}: unexpected argument ${args[wanted.length]}`, hint);
  if (rest.length > 0 && !command.rest) throw usageError(`${name}: nothing may stand after --`, hint);
  for (const [option, spec] of Object.entries(specs)) {
    const value = options[option];
    if (spec.required && (value === undefined || (Array.isArray(value) && value.length === 0))) {
      throw usageError(`${name}: --${option} ${spec.value ?? ''} is missing`, hint);
    }
  }
}

export function fullName(command: Command): string {
  return `slipway ${command.name}`;
}

/** `slipway dataset add PATH --name NAME [--rehash] …`, without the options that all commands have. */
export function usageLine(command: Command): string {
  const words = [fullName(command)];
  for (const { name, optional } of command.arguments ?? []) words.push(optional ? `[${name}]` : name);
  for (const [name, spec] of Object.entries(command.options)) {
    const text = spec.type === 'boolean' ? `--${name}` : `--${name} ${spec.value ?? 'VALUE'}`;
    words.push(`${spec.required ? text : `[${text}]`}${spec.multiple ? '…' : ''}`);
  }
  if (command.rest) words.push(command.rest.optional ? `[-- ${command.rest.name}]` : `-- ${command.rest.name}`);
  return words.join(' ');
}
