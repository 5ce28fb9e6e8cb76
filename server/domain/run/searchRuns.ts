/**
 * MLflow's search language for runs (mlflow.org/docs/latest/ml/search/search-runs): comparisons of metrics, params, tags
 * and attributes joined by `and`, and orders such as `metrics.loss DESC`. Pure.
 */
import { Float } from '../../protocol/entities.ts';
import type { TrackedState } from './tracked.ts';

type Value = string | number | undefined;
type Comparison = (run: TrackedState) => boolean;

/** The filter cannot be read; the message says where. */
export class BadSearch extends Error {}

const token =
  /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|`([^`]*)`|(<=|>=|!=|==|=|<|>|\(|\)|,|\.)|([^\s<>=!(),.'"`]+(?:\.\d+(?:[eE][+-]?\d+)?)?))/y;

interface Token {
  kind: 'string' | 'name' | 'symbol' | 'word';
  text: string;
}

/** @throws BadSearch */
export function parseFilter(filter: string): Comparison {
  const tokens = tokensOf(filter);
  const comparisons: Comparison[] = [];
  for (let at = 0; at < tokens.length; ) {
    if (comparisons.length > 0) {
      if (tokens[at]?.text.toLowerCase() !== 'and') throw new BadSearch(`"and" is missing before ${tokens[at]?.text}`);
      at++;
    }
    const key = readKey(tokens, at);
    const [comparison, after] = readComparison(tokens, key.after, key.read);
    comparisons.push(comparison);
    at = after;
  }
  return (run) => comparisons.every((isTrue) => isTrue(run));
}

/** An order over runs: each text is a key, and `ASC` or `DESC` behind it. Runs without a value come last. @throws BadSearch */
export function parseOrder(orders: readonly string[]): (a: TrackedState, b: TrackedState) => number {
  const keys = orders.map((order) => {
    const tokens = tokensOf(order);
    const { read, after } = readKey(tokens, 0);
    const direction = tokens[after]?.text.toLowerCase() ?? 'asc';
    if (tokens.length > after + 1 || !['asc', 'desc'].includes(direction)) throw new BadSearch(`${order} is no order`);
    return { read, sign: direction === 'asc' ? 1 : -1 };
  });
  return (a, b) => {
    for (const { read, sign } of keys) {
      const [left, right] = [read(a), read(b)];
      const missing = missingRank(left) - missingRank(right);
      if (missing !== 0) return missing;
      if (left === right || left === undefined || right === undefined || Number.isNaN(left)) continue;
      return left < right ? -sign : sign;
    }
    return b.startTime - a.startTime || (a.id < b.id ? -1 : 1);
  };
}

/** In whatever direction, NaN comes behind numbers and nothing behind NaN. */
function missingRank(value: Value): number {
  if (value === undefined) return 2;
  return Number.isNaN(value) ? 1 : 0;
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  for (let at = 0; at < end; ) {
    token.lastIndex = at;
    const match = token.exec(text);
    if (!match) throw new BadSearch(`${text.slice(at, at + 20)} cannot be read`);
    const [, quoted, named, symbol, word] = match;
    if (quoted !== undefined) tokens.push({ kind: 'string', text: quoted.slice(1, -1).replaceAll(/\\(.)/g, '$1') });
    else if (named !== undefined) tokens.push({ kind: 'name', text: named });
    else if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol });
    else tokens.push({ kind: 'word', text: word! });
    at = token.lastIndex;
  }
  return tokens;
}

const kinds: Record<string, 'metrics' | 'params' | 'tags' | 'attributes'> = {
  ...{ metric: 'metrics', metrics: 'metrics', param: 'params', params: 'params', parameter: 'params' },
  ...{ parameters: 'params', tag: 'tags', tags: 'tags', attr: 'attributes', attribute: 'attributes' },
  ...{ attributes: 'attributes', run: 'attributes' },
};

const attributes: Record<string, (run: TrackedState) => Value> = {
  run_id: ({ id }) => id,
  run_name: ({ name }) => name,
  'Run name': ({ name }) => name,
  status: ({ status }) => status,
  user_id: ({ user }) => user,
  experiment_id: ({ experiment }) => experiment,
  start_time: ({ startTime }) => startTime,
  end_time: ({ endTime }) => endTime,
  created: ({ startTime }) => startTime,
};

function readKey(tokens: Token[], at: number): { read: (run: TrackedState) => Value; after: number } {
  const first = tokens[at];
  const kind = first && Object.hasOwn(kinds, first.text) ? kinds[first.text] : undefined;
  if (kind === undefined || tokens[at + 1]?.text !== '.') {
    const name = first?.text ?? '';
    if (Object.hasOwn(attributes, name)) return { read: attributes[name]!, after: at + 1 };
    throw new BadSearch(`${name || 'nothing'} is no metric, param, tag or attribute`);
  }
  // Names without quotes may hold dots.
  let after = at + 2;
  let name = tokens[after++]?.text ?? '';
  while (tokens[after]?.text === '.' && tokens[after]?.kind === 'symbol') {
    name += `.${tokens[after + 1]?.text ?? ''}`;
    after += 2;
  }
  if (kind === 'attributes') {
    if (!Object.hasOwn(attributes, name)) throw new BadSearch(`there is no attribute ${name}`);
    return { read: attributes[name]!, after };
  }
  if (kind !== 'metrics') return { read: (run) => ownOf(run[kind], name), after };
  return {
    read: (run) => {
      const value = ownOf(run.metrics, name)?.value;
      return value === undefined ? undefined : Number(Float.parse(value));
    },
    after,
  };
}

function ownOf<T>(record: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function readComparison(tokens: Token[], at: number, read: (run: TrackedState) => Value): [Comparison, number] {
  const operator = tokens[at]?.text.toLowerCase() ?? '';
  if (operator === 'is') {
    const isNot = tokens[at + 1]?.text.toLowerCase() === 'not';
    const last = at + (isNot ? 2 : 1);
    if (tokens[last]?.text.toLowerCase() !== 'null') throw new BadSearch('"is" stands before "null"');
    return [(run) => (read(run) === undefined) !== isNot, last + 1];
  }
  if (operator === 'in' || (operator === 'not' && tokens[at + 1]?.text.toLowerCase() === 'in')) {
    const isNot = operator === 'not';
    const values = new Set<Value>();
    let last = at + (isNot ? 3 : 2);
    for (; tokens[last] && tokens[last]!.text !== ')'; last++) {
      if (tokens[last]!.kind === 'string') values.add(tokens[last]!.text);
    }
    if (tokens[last]?.text !== ')') throw new BadSearch('a list ends with )');
    return [(run) => values.has(read(run)) !== isNot, last + 1];
  }
  const right = tokens[at + 1];
  if (!right) throw new BadSearch('a value is missing at the end');
  const compare = comparisons[operator];
  if (!compare) throw new BadSearch(`${tokens[at]?.text} is no comparison`);
  const value = right.kind === 'word' ? Number(right.text) : right.text;
  if (typeof value === 'number' && Number.isNaN(value))
    throw new BadSearch(`${right.text} is neither a number nor quoted`);
  return [
    (run) => {
      const left = read(run);
      return left !== undefined && compare(left, typeof left === 'number' ? Number(value) : String(value));
    },
    at + 2,
  ];
}

const comparisons: Record<string, (left: string | number, right: string | number) => boolean> = {
  '=': (left, right) => left === right,
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
  like: (left, right) => isLike(String(left), String(right)),
  ilike: (left, right) => isLike(String(left).toLowerCase(), String(right).toLowerCase()),
};

/** SQL's LIKE: `%` any text, `_` one character. Without backtracking over more than one `%` at a time. */
function isLike(text: string, pattern: string): boolean {
  let [at, place, star, mark] = [0, 0, -1, 0];
  while (at < text.length) {
    if (pattern[place] === '%') {
      star = place++;
      mark = at;
    } else if (place < pattern.length && (pattern[place] === '_' || pattern[place] === text[at])) {
      at++;
      place++;
    } else if (star >= 0) {
      place = star + 1;
      at = ++mark;
    } else return false;
  }
  while (pattern[place] === '%') place++;
  return place === pattern.length;
}
