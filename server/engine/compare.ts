/** The table that compares runs, by column: what a page sorts, filters and groups by itself. */
import type { EntityOf } from '../protocol/entities.ts';
import type { CompareTable } from '../protocol/metrics.ts';
import type { ReadTransaction } from '../store/index.ts';
import { listPage, requireEntity } from './query.ts';

type Run = EntityOf<'runs'>;
type Value = CompareTable['columns'][number]['values'][number];
type Column = Omit<CompareTable['columns'][number], 'values' | 'differs'>;

/** What is told of every run, in this order. */
const attributes: [Column['name'], Column['type'], (run: Run) => Value | undefined][] = [
  ['status', 'string', (run) => run.status],
  ['kind', 'string', (run) => run.kind],
  ['step', 'string', (run) => run.step],
  ['project', 'string', (run) => run.project],
  ['sweep', 'string', (run) => run.sweep],
  ['trial', 'number', (run) => run.trial],
  ['dataset', 'string', (run) => run.dataset],
  ['environment', 'string', (run) => run.environment?.label],
  ['commit', 'string', (run) => run.code?.commit],
  ['model', 'string', (run) => run.model],
  ['tags', 'string', (run) => (run.tags.length > 0 ? run.tags.join(', ') : undefined)],
  ['createdAt', 'time', (run) => run.createdAt],
  ['startedAt', 'time', (run) => run.startedAt],
  ['endedAt', 'time', (run) => run.endedAt],
  ['duration', 'duration', durationMs],
];

export interface CompareRequest {
  runs?: string[] | undefined;
  project?: string | undefined;
  sweep?: string | undefined;
  cursor?: string | undefined;
  limit: number;
}

/** @throws SlipwayError `runs.unknown` for a run that is named and is not there */
export async function compareTable(read: ReadTransaction, request: CompareRequest): Promise<CompareTable> {
  const { runs: ids, project, sweep, cursor, limit } = request;
  if (ids !== undefined) return tableOf(await Promise.all(ids.map((id) => requireEntity(read, 'runs', id))));
  const filter = { ...(project === undefined ? {} : { project }), ...(sweep === undefined ? {} : { parent: sweep }) };
  const { items, next } = await listPage(read, 'runs', { cursor, limit }, filter);
  return { ...tableOf(items), ...(next === undefined ? {} : { next }) };
}

/** Columns that no run has a value in are left out. */
export function tableOf(runs: Run[]): CompareTable {
  const columns: CompareTable['columns'] = [];
  for (const [name, type, tell] of attributes) {
    const values = runs.map((run) => tell(run) ?? null);
    if (values.some((value) => value !== null)) columns.push({ kind: 'attribute', name, type, ...judged(values) });
  }
  for (const kind of ['param', 'metric'] as const) {
    const byName = new Map<string, Value[]>();
    for (const [i, run] of runs.entries()) {
      for (const [name, value] of Object.entries(kind === 'param' ? run.params : run.metrics)) {
        const values = byName.get(name) ?? new Array<Value>(runs.length).fill(null);
        byName.set(name, values);
        values[i] = value;
      }
    }
    for (const [name, values] of byName) {
      columns.push({ kind, name, type: kind === 'metric' ? 'number' : typeOf(values), ...judged(values) });
    }
  }
  return { runs: runs.map(({ id, title, project, status }) => ({ id, title, project, status })), columns };
}

function judged(values: Value[]): { differs: boolean; values: Value[] } {
  return { differs: values.some((value) => value !== values[0]), values };
}

function typeOf(values: Value[]): Column['type'] {
  const types = new Set(values.filter((value) => value !== null).map((value) => typeof value));
  if (types.size !== 1) return 'mixed';
  return [...types][0] as Column['type'];
}

function durationMs({ startedAt, endedAt }: Run): number | undefined {
  return startedAt === undefined || endedAt === undefined ? undefined : endedAt - startedAt;
}
