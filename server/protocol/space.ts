/**
 * The search space of a sweep: what stands under `space:` in slipway.yaml and in the file that
 * `slipway optimize --space` reads. One entry a parameter; `when` makes it conditional on others.
 */
import * as z from 'zod';
import { SlipwayError } from './errors.ts';

const paramValueSchema = z.union([z.string(), z.number(), z.boolean()]);

/** A value of a parameter, as a trial gets it. */
export type ParamValue = z.infer<typeof paramValueSchema>;

/** The parameters of one trial: the active ones only. */
export type Params = Readonly<Record<string, ParamValue>>;

const conditionSchema = z.record(z.string(), z.union([paramValueSchema, z.array(paramValueSchema).min(1)]));
const when = conditionSchema.optional();
const integer = z.number().int();

const schemaByKind = {
  log: z.strictObject({ log: z.tuple([z.number(), z.number()]), when }),
  float: z.strictObject({ float: z.tuple([z.number(), z.number()]), step: z.number().positive().optional(), when }),
  int: z.strictObject({ int: z.tuple([integer, integer]), step: integer.positive().optional(), when }),
  logInt: z.strictObject({ logInt: z.tuple([integer, integer]), when }),
  choice: z.strictObject({ choice: z.array(paramValueSchema), when }),
  const: z.strictObject({ const: paramValueSchema, when }),
};
const kinds = Object.keys(schemaByKind) as (keyof typeof schemaByKind)[];

const paramSchema = z.union(
  [
    schemaByKind.log,
    schemaByKind.float,
    schemaByKind.int,
    schemaByKind.logInt,
    schemaByKind.choice,
    schemaByKind.const,
  ],
  { error: (issue) => describeShape(issue.input) },
);

/** How one parameter is drawn. */
export type ParamSpec = z.infer<typeof paramSchema>;

/** The shape and the meaning of a search space; the path of an issue starts with the parameter's name. */
export const searchSpaceSchema = z.record(z.string().min(1), paramSchema).superRefine((space, context) => {
  for (const { name, problem } of problemsOf(space)) {
    context.addIssue({ code: 'custom', path: [name], message: problem });
  }
});

export type SearchSpace = Readonly<Record<string, ParamSpec>>;

/**
 * Reads a search space from parsed YAML or JSON.
 *
 * @throws SlipwayError `space.invalid`, naming the parameter and what is wrong with it
 */
export function parseSearchSpace(input: unknown): SearchSpace {
  const result = searchSpaceSchema.safeParse(input);
  if (result.success) {
    if (Object.keys(result.data).length > 0) return result.data;
    throw new SlipwayError('space.invalid', 'The search space has no parameters.', 'Give it at least one.');
  }
  const issue = result.error.issues[0]!;
  const name = issue.path[0];
  if (name === undefined) {
    throw new SlipwayError('space.invalid', `The search space is not a map of parameters: ${issue.message}.`, example);
  }
  const problem = [...issue.path.slice(1).map(String), issue.message].join(': ').replace(/\.$/, '');
  throw new SlipwayError('space.invalid', `Parameter ${String(name)} of the search space: ${problem}.`, example);
}

const example = 'Write for example lr: {log: [0.0001, 0.1]} or act: {choice: [relu, tanh], when: {model: mlp}}.';

/** Why an entry has none of the six shapes, in words of the kind it was meant to be. */
function describeShape(input: unknown): string {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return `it has to be a map with one of ${kinds.join(', ')}`;
  }
  const present = kinds.filter((kind) => Object.hasOwn(input, kind));
  if (present.length !== 1) {
    const found = present.length > 1 ? present.join(' and ') : Object.keys(input).join(', ') || 'nothing';
    return `it needs exactly one of ${kinds.join(', ')}; it has ${found}`;
  }
  const result = schemaByKind[present[0]!].safeParse(input);
  const issue = result.error?.issues[0];
  if (!issue) return 'it cannot be read';
  if (issue.code === 'unrecognized_keys') return `${present[0]} does not take ${issue.keys.join(', ')}`;
  return `${issue.path.join('.') || present[0]}: ${issue.message}`;
}

interface Problem {
  name: string;
  problem: string;
}

function problemsOf(space: SearchSpace): Problem[] {
  const problems: Problem[] = [];
  for (const [name, spec] of Object.entries(space)) {
    const problem = domainProblem(spec) ?? conditionProblem(space, spec);
    if (problem) problems.push({ name, problem });
  }
  const cycle = problems.length === 0 ? findCycle(space) : undefined;
  if (cycle) problems.push({ name: cycle[0]!, problem: `when goes in a circle: ${cycle.join(' → ')}` });
  return problems;
}

function domainProblem(spec: ParamSpec): string | undefined {
  if ('choice' in spec) {
    if (spec.choice.length === 0) return 'choice is empty';
    const twice = spec.choice.find((value, index) => spec.choice.indexOf(value) !== index);
    return twice === undefined ? undefined : `choice lists ${JSON.stringify(twice)} twice`;
  }
  if ('const' in spec) return undefined;
  const [kind, [low, high]] = boundsOf(spec);
  if (low > high) return `the bounds of ${kind} are reversed: ${low} is above ${high}`;
  if (kind === 'log' && low <= 0) return `log needs bounds above 0; the lower one is ${low}`;
  if (kind === 'logInt' && low < 1) return `logInt needs bounds from 1 on; the lower one is ${low}`;
  return undefined;
}

function boundsOf(spec: Exclude<ParamSpec, { choice: unknown } | { const: unknown }>): [string, [number, number]] {
  if ('log' in spec) return ['log', spec.log];
  if ('float' in spec) return ['float', spec.float];
  if ('int' in spec) return ['int', spec.int];
  return ['logInt', spec.logInt];
}

function conditionProblem(space: SearchSpace, spec: ParamSpec): string | undefined {
  for (const [parent, allowed] of Object.entries(spec.when ?? {})) {
    const parentSpec = Object.hasOwn(space, parent) ? space[parent] : undefined;
    if (!parentSpec) return `when names ${parent}, which is no parameter of this space`;
    if ('log' in parentSpec || 'float' in parentSpec) {
      return `when names ${parent}, which is continuous; it has to be a choice, an int, a logInt or a const`;
    }
    const never = [allowed].flat().find((value) => !canTake(parentSpec, value));
    if (never !== undefined) return `when waits for ${parent} to be ${JSON.stringify(never)}, which it never is`;
  }
  return undefined;
}

function canTake(spec: Exclude<ParamSpec, { log: unknown } | { float: unknown }>, value: ParamValue): boolean {
  if ('choice' in spec) return spec.choice.includes(value);
  if ('const' in spec) return spec.const === value;
  const [low, high] = 'int' in spec ? spec.int : spec.logInt;
  const step = 'int' in spec ? (spec.step ?? 1) : 1;
  return typeof value === 'number' && value >= low && value <= high && (value - low) % step === 0;
}

function findCycle(space: SearchSpace): string[] | undefined {
  const done = new Set<string>();
  const visit = (name: string, path: string[]): string[] | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (done.has(name)) return undefined;
    for (const parent of Object.keys(space[name]?.when ?? {})) {
      const cycle = visit(parent, [...path, name]);
      if (cycle) return cycle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of Object.keys(space)) {
    const cycle = visit(name, []);
    if (cycle) return cycle;
  }
  return undefined;
}
