/** What a command of `slipway` is: its name, its arguments and options, its help, and what it does. */
import type { Shell } from './shell.ts';

export interface OptionSpec {
  /** `number` and `integer` are checked, everything else comes as text. */
  type: 'boolean' | 'string' | 'number' | 'integer';
  help: string;
  /** Stands for the value in the help: `NAME`. */
  value?: string;
  short?: string;
  multiple?: boolean;
  required?: boolean;
  choices?: readonly string[];
}

type Options = Record<string, OptionSpec>;

type ValueOf<O extends OptionSpec> = O['type'] extends 'boolean'
  ? boolean
  : O['type'] extends 'string'
    ? string
    : number;

export type OptionValues<O extends Options> = {
  [K in keyof O]: O[K]['type'] extends 'boolean'
    ? boolean
    : O[K] extends { multiple: true }
      ? ValueOf<O[K]>[]
      : O[K] extends { required: true }
        ? ValueOf<O[K]>
        : ValueOf<O[K]> | undefined;
};

export interface ArgumentSpec {
  name: string;
  help: string;
  optional?: boolean;
}

export interface CommandInput<O extends Options> {
  /** In the order of the command's `arguments`; optional ones may be missing. */
  args: string[];
  options: OptionValues<O>;
  /** What stands after `--`. */
  rest: string[];
  /** How to find the control plane, for commands that talk to one. */
  target: Target;
}

/** Which control plane a command means. */
export interface Target {
  /** The data folder, absolute. */
  data: string;
  /** Whether `--data` named it. */
  isDataGiven: boolean;
  server?: string;
  tokenFile?: string;
}

export interface CommandSpec<O extends Options> {
  /** `dataset add` */
  name: string;
  summary: string;
  /** Further paragraphs of the help. */
  details?: string;
  arguments?: readonly ArgumentSpec[];
  options: O;
  /** What may stand after `--`. */
  rest?: ArgumentSpec;
  examples: readonly string[];
  /** `controlPlane` adds --data, --server and --token-file; `dataFolder` adds --data. */
  uses?: 'controlPlane' | 'dataFolder';
  isHidden?: boolean;
  /** @returns the exit status, 0 if nothing is returned */
  run(input: CommandInput<O>, shell: Shell): Promise<number | undefined>;
}

/** A command whose options have been matched with what it does. */
export type Command = CommandSpec<Options>;

/** Declares a command: the types of its options follow from their declaration. */
export function command<const O extends Options>(spec: CommandSpec<O>): Command {
  return spec as unknown as Command;
}
