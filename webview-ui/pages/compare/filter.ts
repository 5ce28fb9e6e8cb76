// The filter of a comparison as a person types it: words, and conditions on columns such as `lr<0.01`,
// `optimizer=adam`, `val/accuracy>=0.9`, `status!=failed`. All must hold. Pure.
import { type Cell, isMissing } from '../../charts/dimension.ts';
import type { CompareData } from './compareData.ts';

const operators = ['<=', '>=', '!=', '=', '<', '>', ':'] as const;
type Operator = (typeof operators)[number];

export type Term = { text: string } | { column: string; operator: Operator; value: string };

/** Words in quotes are one; a condition is a name, an operator and a value without blanks around the operator. */
export function parseFilter(text: string): Term[] {
  const terms: Term[] = [];
  for (const [whole] of text.matchAll(/(?:"[^"]*"?|[^\s"])+/g)) {
    const condition = /^((?:"[^"]*"|[^"<>=!:])+?)(<=|>=|!=|=|<|>|:)(.+)$/s.exec(whole);
    if (condition) {
      const [, column, operator, value] = condition;
      terms.push({ column: bare(column!), operator: operator as Operator, value: bare(value!) });
    } else {
      terms.push({ text: bare(whole).toLowerCase() });
    }
  }
  return terms;
}

function bare(text: string): string {
  return text.replaceAll('"', '');
}

export interface Filtered {
  rows: number[];
  /** Names in conditions that no column has. */
  unknown: string[];
}

/**
 * The rows, in the given order, for which every term holds.
 * @param words the text of each row in lower case, as {@link searchTexts} makes it
 */
export function filterRows(
  data: CompareData,
  order: readonly number[],
  terms: readonly Term[],
  words: readonly string[],
): Filtered {
  const unknown: string[] = [];
  const tests: ((row: number) => boolean)[] = [];
  for (const term of terms) {
    if ('text' in term) {
      tests.push((row) => words[row]!.includes(term.text));
      continue;
    }
    const wanted = term.column.toLowerCase();
    const values = valuesOf(data, wanted);
    if (values) tests.push((row) => holds(values[row], term));
    else unknown.push(term.column);
  }
  return { rows: order.filter((row) => tests.every((test) => test(row))), unknown };
}

function valuesOf(data: CompareData, name: string): readonly Cell[] | undefined {
  if (name === 'run' || name === 'title') return data.titles;
  if (name === 'id') return data.ids;
  return data.columns.find((column) => column.name.toLowerCase() === name || column.id.toLowerCase() === name)?.values;
}

function holds(cell: Cell, { operator, value }: Extract<Term, { column: string }>): boolean {
  const text = isMissing(cell) ? '' : String(cell).toLowerCase();
  const wanted = value.toLowerCase();
  if (operator === ':') return text.includes(wanted);
  const [number, wantedNumber] = [Number(cell), Number(value)];
  const areNumbers = typeof cell === 'number' && !Number.isNaN(wantedNumber);
  const isSame = areNumbers ? number === wantedNumber : text === wanted;
  if (operator === '=') return isSame;
  if (operator === '!=') return !isSame;
  if (!areNumbers) return false;
  if (operator === '<') return number < wantedNumber;
  if (operator === '>') return number > wantedNumber;
  return operator === '<=' ? number <= wantedNumber : number >= wantedNumber;
}

/** What a word is looked for in: the title, the id and every text of each run, in lower case. */
export function searchTexts(data: CompareData): string[] {
  const texts = data.columns.filter((column) => column.values.some((cell) => typeof cell === 'string'));
  return data.ids.map((id, row) => {
    const cells = texts.map(({ values }) => (typeof values[row] === 'string' ? values[row] : ''));
    return [data.titles[row], id, ...cells].join('\n').toLowerCase();
  });
}
