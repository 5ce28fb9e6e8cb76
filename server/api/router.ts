/** From a method and a path to an operation of protocol/operations.ts, and from strings to what it takes. */
import * as z from 'zod';
import { SlipwayError } from '../protocol/errors.ts';
import { Name } from '../protocol/names.ts';
import { type OperationName, type OperationSpec, operations } from '../protocol/operations.ts';

export const apiPrefix = '/api/v1';

export interface Route {
  name: OperationName;
  spec: OperationSpec;
  params: Record<string, string>;
}

interface Pattern {
  name: OperationName;
  spec: OperationSpec;
  segments: readonly string[];
}

const patterns: readonly Pattern[] = Object.entries(operations).map(([name, spec]) => ({
  name: name as OperationName,
  spec,
  segments: spec.path.slice(1).split('/'),
}));

/**
 * The operation of a request.
 * @param path the request's path, still percent-encoded
 * @throws SlipwayError 404 `request.path`, 405 `request.method`, 400 `request.invalid` for a parameter that cannot be
 */
export function findRoute(method: string, path: string): Route {
  const segments = path.startsWith(`${apiPrefix}/`) ? path.slice(apiPrefix.length + 1).split('/') : [];
  const matching = patterns.filter((pattern) => matches(pattern, segments));
  if (matching.length === 0) throw unknownPath();
  const usable = matching.filter(({ spec }) => spec.method === method);
  if (usable.length === 0) throw new MethodNotAllowed([...new Set(matching.map(({ spec }) => spec.method))]);
  // `/receipts/export` goes before `/receipts/:id`.
  const pattern = usable.reduce((best, one) => (parameters(one) < parameters(best) ? one : best));
  return { name: pattern.name, spec: pattern.spec, params: paramsOf(pattern, segments) };
}

/** The method is none that a path takes. */
export class MethodNotAllowed extends SlipwayError {
  readonly allow: string;

  constructor(methods: readonly string[]) {
    super('request.method', 'This path does not take that method.', `It takes ${methods.join(', ')}.`, 405);
    this.allow = methods.join(', ');
  }
}

export function unknownPath(): SlipwayError {
  return new SlipwayError(
    'request.path',
    'There is nothing at this path.',
    `The calls are listed at ${apiPrefix}/openapi.json.`,
    404,
  );
}

/**
 * Parses a query string by an operation's schema.
 * @throws SlipwayError 400 `request.invalid`
 */
export function parseQuery(spec: OperationSpec, query: string): unknown {
  if (!spec.query) return undefined;
  const values: Record<string, string> = Object.create(null);
  for (const [key, value] of new URLSearchParams(query)) {
    if (key in values) throw invalid(`query.${key}`, 'It is given twice.');
    values[key] = value;
  }
  return parseBy(spec.query, { ...values }, 'query');
}

/** @throws SlipwayError 400 `request.invalid` naming the field */
export function parseBy(schema: z.ZodType, value: unknown, where: 'query' | 'body'): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  if (issue.code === 'unrecognized_keys') {
    throw invalid([where, ...issue.path, issue.keys[0]].join('.'), 'There is no such field.');
  }
  throw invalid([where, ...issue.path].join('.'), `${issue.message.replace(/\.$/, '')}.`);
}

function matches({ segments }: Pattern, actual: readonly string[]): boolean {
  return (
    segments.length === actual.length &&
    segments.every((segment, i) => (segment.startsWith(':') ? actual[i] !== '' : segment === actual[i]))
  );
}

function parameters({ segments }: Pattern): number {
  return segments.filter((segment) => segment.startsWith(':')).length;
}

/** Ids are made by Slipway: no separators, no dots in front, nothing that a path or a shell would read differently. */
const PathId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9@._:-]{0,199}$/, 'This cannot be an id');

function paramsOf({ segments }: Pattern, actual: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [i, segment] of segments.entries()) {
    if (!segment.startsWith(':')) continue;
    const key = segment.slice(1);
    const result = (key === 'name' ? Name : PathId).safeParse(decode(actual[i]!));
    if (!result.success) throw invalid(key, `${result.error.issues[0]!.message.replace(/\.$/, '')}.`);
    params[key] = result.data;
  }
  return params;
}

/** Undefined for text that is not percent-encoded UTF-8. */
function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function invalid(field: string, problem: string): SlipwayError {
  return new SlipwayError(
    'request.invalid',
    `${field}: ${problem}`,
    `See ${apiPrefix}/openapi.json for what the call takes.`,
  );
}
