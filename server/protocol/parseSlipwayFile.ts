import { type Document, isMap, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type * as z from 'zod';
import { SlipwayError } from './errors.ts';
import { PolicyFile } from './policyFile.ts';
import { SlipwayFile } from './slipwayFile.ts';

/** One thing wrong with a slipway.yaml; line and column count from 1. */
export interface FileProblem {
  code: string;
  path: string;
  message: string;
  hint: string;
  line: number;
  column: number;
  endLine: number;
  endColumn: number;
}

export interface ParsedSlipwayFile {
  /** The file, where it has no problems. */
  file?: SlipwayFile;
  problems: FileProblem[];
  /** Where each top-level key and stage stands, for CodeLens: `train` → line, `stages.augment` → line. */
  lines: Record<string, number>;
}

/** What a YAML file of ours may hold, and its name for messages. */
interface FileKind<T> {
  schema: z.ZodType<T>;
  name: string;
}

interface ParsedFile<T> {
  file?: T;
  problems: FileProblem[];
  lines: Record<string, number>;
  /** Where a dotted path stands. */
  placeOf: (path: string) => Place;
}

/**
 * Reads a slipway.yaml and says everything that is wrong with it, each with its place: YAML errors, unknown keys with
 * the nearest known one, wrong types, unknown or circular `needs`.
 */
export function parseSlipwayFile(text: string): ParsedSlipwayFile {
  const { file, problems, lines, placeOf } = parseFile(text, { schema: SlipwayFile, name: 'slipway.yaml' });
  if (!file) return { problems, lines };
  const needs = needsProblems(file).map((problem) => ({ ...problem, ...placeOf(problem.path) }));
  return needs.length > 0 ? { problems: needs, lines } : { file, problems, lines };
}

/** Reads a policy.yaml. @throws SlipwayError that names the first problem and its place */
export function requirePolicyFile(text: string, name = 'policy.yaml'): PolicyFile {
  return required(parseFile(text, { schema: PolicyFile, name: 'policy.yaml' }), name);
}

function parseFile<T>(text: string, kind: FileKind<T>): ParsedFile<T> {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, version: '1.2', uniqueKeys: true });
  const place = (range: readonly number[] | null | undefined) => {
    const start = counter.linePos(range?.[0] ?? 0);
    const end = counter.linePos(range?.[1] ?? range?.[0] ?? 0);
    return { line: start.line, column: start.col, endLine: end.line, endColumn: end.col };
  };
  const placeOf = (path: string) => place(rangeAt(document, path.split('.')));
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => ({
      code: 'yaml.syntax',
      path: '',
      message: error.message.split('\n')[0]!,
      hint: 'Correct the YAML at this place.',
      ...place(error.pos),
    }));
    return { problems, lines: {}, placeOf };
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    // An alias without its anchor, or aliases that grow without bound: the only errors of toJS.
    const problem = {
      code: 'yaml.syntax',
      path: '',
      message: (error as Error).message,
      hint: 'Write the value itself here.',
    };
    return { problems: [{ ...problem, ...place(lostAlias(document)) }], lines: {}, placeOf };
  }
  const parsed = kind.schema.safeParse(value ?? {});
  const lines = keyLines(document, (offset) => counter.linePos(offset).line);
  if (parsed.success) return { file: parsed.data, problems: [], lines, placeOf };
  return { problems: parsed.error.issues.flatMap((issue) => describe(issue, document, place, kind)), lines, placeOf };
}

/** {@link parseSlipwayFile} for callers that cannot go on without a file: the first problem as an error. */
export function requireSlipwayFile(text: string, name = 'slipway.yaml'): SlipwayFile {
  return required(parseSlipwayFile(text), name);
}

function required<T>({ file, problems }: { file?: T; problems: FileProblem[] }, name: string): T {
  if (file) return file;
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  throw new SlipwayError(first!.code, `${name}:${first!.line}:${first!.column}: ${first!.message}${more}`, first!.hint);
}

/** The stages in an order in which every stage follows what it needs; the file has been checked for cycles. */
export function stageOrder(stages: Record<string, { needs?: string[] | undefined }>): string[] {
  const order: string[] = [];
  const visit = (name: string) => {
    if (order.includes(name)) return;
    for (const needed of stages[name]!.needs ?? []) visit(needed);
    order.push(name);
  };
  for (const name of Object.keys(stages)) visit(name);
  return order;
}

type Place = Pick<FileProblem, 'line' | 'column' | 'endLine' | 'endColumn'>;
type Range = readonly number[] | null | undefined;

function describe(
  issue: z.core.$ZodIssue,
  document: Document,
  place: (range: Range) => Place,
  kind: FileKind<unknown>,
): FileProblem[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const where = path.length === 0 ? kind.name : `\`${path.join('.')}\``;
      const known = knownKeys(kind.schema, path);
      const nearest = nearestKey(key, known);
      return {
        code: 'yaml.unknownKey',
        path: [...path, key].join('.'),
        message: `${where} has no key \`${key}\`.`,
        hint: nearest ? `Did you mean \`${nearest}\`?` : `Known keys here: ${known.join(', ')}.`,
        ...place(keyRange(document, path, key)),
      };
    });
  }
  if (issue.code === 'invalid_union') {
    const inner = issue.errors.flat();
    const deepest = inner.toSorted((a, b) => b.path.length - a.path.length)[0];
    if (deepest && inner.length > 0) {
      return describe(
        { ...deepest, path: [...issue.path, ...deepest.path] } as z.core.$ZodIssue,
        document,
        place,
        kind,
      );
    }
  }
  const missing = issue.code === 'invalid_type' && valueAt(document, path) === undefined;
  const message = missing ? 'is missing' : `is wrong: ${issue.message.replace(/^Invalid input: /, '')}`;
  return [
    {
      code: missing ? 'yaml.missingKey' : 'yaml.wrongValue',
      path: path.join('.'),
      message: `\`${path.join('.') || kind.name}\` ${message}.`.replace(/\.\.$/, '.'),
      hint: missing ? `Add \`${path.at(-1)}\` here.` : 'Correct the value at this place.',
      ...place(rangeAt(document, path)),
    },
  ];
}

function lostAlias(document: Document): Range {
  let range: Range;
  visit(document, {
    Alias(_, node) {
      if (node.resolve(document)) return undefined;
      range = node.range;
      return visit.BREAK;
    },
  });
  return range;
}

function valueAt(document: Document, path: string[]): unknown {
  return path.length === 0 ? document.contents : document.getIn(path, true);
}

/** The range of the value at a path, or of the nearest enclosing value that exists. */
function rangeAt(document: Document, path: string[]): Range {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as { range?: Range } | undefined;
    if (node?.range) return node.range;
  }
  return document.contents?.range;
}

function keyRange(document: Document, path: string[], key: string): Range {
  const parent = valueAt(document, path);
  if (!isMap(parent)) return rangeAt(document, path);
  const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
  return isScalar(pair?.key) ? pair.key.range : rangeAt(document, path);
}

function keyLines(document: Document, lineOf: (offset: number) => number): Record<string, number> {
  const lines: Record<string, number> = {};
  const collect = (node: unknown, prefix: string) => {
    if (!isMap(node)) return;
    for (const item of node.items) {
      if (!isScalar(item.key) || !item.key.range) continue;
      const name = `${prefix}${String(item.key.value)}`;
      lines[name] = lineOf(item.key.range[0]);
      if (name === 'stages') collect(item.value, 'stages.');
    }
  };
  collect(document.contents, '');
  return lines;
}

/** The keys that the schema knows at a path; records and lists are stepped through. */
function knownKeys(file: unknown, path: string[]): string[] {
  let schema = file;
  for (const part of path) schema = child(unwrap(schema), part);
  const shape = (unwrap(schema) as { shape?: Record<string, unknown> } | undefined)?.shape;
  return shape ? Object.keys(shape) : [];
}

function child(schema: unknown, key: string): unknown {
  const parts = schema as { shape?: Record<string, unknown>; element?: unknown; valueType?: unknown } | undefined;
  return parts?.shape?.[key] ?? parts?.element ?? parts?.valueType;
}

function unwrap(schema: unknown): unknown {
  let current = schema as { def?: { innerType?: unknown; in?: unknown } } | undefined;
  while (current?.def && (current.def.innerType || current.def.in)) {
    current = (current.def.innerType ?? current.def.in) as typeof current;
  }
  return current;
}

/** The known key at the smallest edit distance, if it is near enough to be a typo. */
export function nearestKey(key: string, known: string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(key.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best && best.distance <= Math.max(2, Math.floor(key.length / 2)) ? best.candidate : undefined;
}

/** Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array<number>(b.length).fill(0)]);
  for (let j = 1; j <= b.length; j++) rows[0]![j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      rows[i]![j] = best;
    }
  }
  return rows[a.length]![b.length]!;
}

type NeedsProblem = Pick<FileProblem, 'code' | 'path' | 'message' | 'hint'>;

function needsProblems(file: SlipwayFile): NeedsProblem[] {
  const names = Object.keys(file.stages);
  const problems: NeedsProblem[] = [];
  const steps: [string, string[]][] = [
    ...names.map((name): [string, string[]] => [`stages.${name}`, file.stages[name]!.needs ?? []]),
    ['train', file.train?.needs ?? []],
    ['validate', file.validate?.needs ?? []],
  ];
  for (const [path, needs] of steps) {
    for (const needed of needs) {
      if (names.includes(needed)) continue;
      const nearest = nearestKey(needed, names);
      problems.push({
        code: 'yaml.unknownStage',
        path: `${path}.needs`,
        message: `\`${path}\` needs the stage \`${needed}\`, which does not exist.`,
        hint: nearest ? `Did you mean \`${nearest}\`?` : `Stages here: ${names.join(', ') || 'none'}.`,
      });
    }
  }
  const cycle = problems.length === 0 ? findCycle(file.stages) : undefined;
  if (cycle) {
    problems.push({
      code: 'yaml.cycle',
      path: `stages.${cycle[0]}.needs`,
      message: `The stages need each other in a circle: ${[...cycle, cycle[0]].join(' → ')}.`,
      hint: 'Take one of these needs away.',
    });
  }
  return problems;
}

function findCycle(stages: Record<string, { needs?: string[] | undefined }>): string[] | undefined {
  const done = new Set<string>();
  const walk = (name: string, trail: string[]): string[] | undefined => {
    if (trail.includes(name)) return trail.slice(trail.indexOf(name));
    if (done.has(name)) return undefined;
    for (const needed of stages[name]!.needs ?? []) {
      const cycle = walk(needed, [...trail, name]);
      if (cycle) return cycle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of Object.keys(stages)) {
    const cycle = walk(name, []);
    if (cycle) return cycle;
  }
  return undefined;
}
