import { SlipwayError } from '../../protocol/errors.ts';
import type { ParamValues } from './run.ts';

/** How parameters reach a program: command-line options, Hydra overrides, or placeholders in the run string. */
export type ArgumentStyle = 'none' | 'argparse' | 'hydra';

/**
 * The command a run executes, in exec form.
 *
 * In a string only `{name}` of a declared parameter, not preceded by `$`, is replaced, shell-quoted; everything else
 * stays as it is. `argparse` appends `--name value` (a flag alone for true, nothing for false), `hydra` `name=value`.
 */
export function commandOf(run: string | readonly string[], args: ArgumentStyle, params: ParamValues): string[] {
  const extra = argumentsOf(args, params);
  if (typeof run !== 'string') return [...run, ...extra];
  if (/\.ipynb$/.test(run.trim())) return [...notebook(run.trim()), ...extra];
  const filled = args === 'none' ? fillPlaceholders(run, params) : run;
  return ['/bin/sh', '-c', [filled, ...extra.map(shellQuote)].join(' ')];
}

/** Identifiers in braces of a run string that no parameter declares: worth a warning, since they stay as they are. */
export function unknownPlaceholders(run: string, params: ParamValues): string[] {
  const names = [...run.matchAll(/(?<!\$)\{([A-Za-z_][\w.]*)\}/g)].map((match) => match[1]!);
  return [...new Set(names.filter((name) => !Object.hasOwn(params, name)))];
}

function notebook(path: string): string[] {
  const run = ['python', '-m', 'jupyter', 'nbconvert', '--to', 'notebook', '--execute', path];
  return ['/bin/sh', '-c', `${run.map(shellQuote).join(' ')} --output-dir "$SLIPWAY_OUTPUT"`];
}

function argumentsOf(args: ArgumentStyle, params: ParamValues): string[] {
  const entries = Object.entries(params);
  if (args === 'hydra') return entries.map(([name, value]) => `${name}=${hydraValue(value)}`);
  if (args === 'none') return [];
  return entries.flatMap(([name, value]) => {
    if (value === true) return [`--${name}`];
    if (value === false) return [];
    return [`--${name}`, String(value)];
  });
}

/** Hydra's override grammar: anything beyond a plain word is quoted (https://hydra.cc/docs/advanced/override_grammar/basic/). */
function hydraValue(value: string | number | boolean): string {
  if (typeof value !== 'string' || /^[\w.+\-/:@]+$/.test(value)) return String(value);
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function fillPlaceholders(run: string, params: ParamValues): string {
  return run.replace(/(?<!\$)\{([^{}\s]+)\}/g, (whole, name: string) =>
    Object.hasOwn(params, name) ? shellQuote(String(params[name])) : whole,
  );
}

/** Quotes one word for /bin/sh; plain words stay as they are. @throws SlipwayError `run.badArgument` on a NUL byte */
export function shellQuote(word: string): string {
  if (word.includes('\0')) throw new SlipwayError('run.badArgument', 'An argument holds a NUL byte.', 'Take it out.');
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
