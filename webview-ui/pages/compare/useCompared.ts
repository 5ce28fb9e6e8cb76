// The runs of a comparison, live: loaded once, then what changes is asked for again, run by run.
import { useEffect, useState } from 'preact/hooks';
import type { ErrorBody } from '../../../server/protocol/errors.ts';
import { asErrorBody, type Client } from '../../store/client.ts';
import { useClient } from '../../store/hooks.ts';
import { type CompareData, compareDataOf, withTable } from './compareData.ts';

/** Which runs: named ones, those of a project or a sweep, or all. */
export interface Compared {
  runs?: string[] | undefined;
  project?: string | undefined;
  sweep?: string | undefined;
}

const pageRuns = 10_000;
/** Changes are gathered for so long before they are asked for. */
const gatherMs = 500;
/** Changed runs asked for at once. */
const changedAtOnce = 1000;

export function useCompared(compared: Compared): { data?: CompareData; error?: ErrorBody } {
  const client = useClient();
  const [state, setState] = useState<{ data?: CompareData; error?: ErrorBody }>({});
  const key = JSON.stringify(compared);
  // the runs count by their content, not by their identity
  useEffect(() => {
    setState({});
    return follow(client, compared, setState);
  }, [client, key]);
  return state;
}

function follow(
  client: Client,
  compared: Compared,
  set: (change: (before: { data?: CompareData }) => { data?: CompareData; error?: ErrorBody }) => void,
): () => void {
  const ends: (() => void)[] = [];
  let isOver = false;
  const fail = (error: unknown) => {
    if (!isOver) set((before) => ({ ...before, error: asErrorBody(error) }));
  };
  const begin = async () => {
    // First where the changes stand, then the table: what changes in between is asked for again.
    const cursor = await currentCursor(client);
    const data = await load(client, compared);
    if (isOver) return;
    set(() => ({ data }));
    ends.push(followChanges(client, { cursor, compared, known: new Set(data.ids) }, set, fail));
  };
  begin().catch(fail);
  return () => {
    isOver = true;
    for (const end of ends) end();
  };
}

async function load(client: Client, { runs, project, sweep }: Compared): Promise<CompareData> {
  const tables = [];
  let cursor: string | undefined;
  do {
    const table = await client.call('compareRuns', { body: { runs, project, sweep, cursor, limit: pageRuns } });
    tables.push(table);
    cursor = table.next;
  } while (cursor !== undefined);
  return compareDataOf(tables);
}

/** Up to where everything is told: the first message of any subscription says it, one about nothing says only it. */
function currentCursor(client: Client): Promise<number> {
  return new Promise((resolve, reject) => {
    const end = client.subscribe({ type: 'subscribe', topic: 'runs', of: '(none)' }, (message) => {
      if (message.type === 'changes') resolve(message.cursor);
      else if (message.type === 'error') reject(message);
      else return;
      queueMicrotask(() => end());
    });
  });
}

/** Asks for runs again after they changed; returns what ends it. */
function followChanges(
  client: Client,
  { cursor, compared, known }: { cursor: number; compared: Compared; known: Set<string> },
  set: (change: (before: { data?: CompareData }) => { data?: CompareData }) => void,
  fail: (error: unknown) => void,
): () => void {
  const changed = new Set<string>();
  const removed = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ask = async () => {
    timer = undefined;
    const ids = [...changed].slice(0, changedAtOnce);
    const gone = [...removed];
    for (const id of ids) changed.delete(id);
    removed.clear();
    const table =
      ids.length > 0 ? await client.call('compareRuns', { body: { runs: ids } }) : { runs: [], columns: [] };
    for (const id of ids) known.add(id);
    set((before) => (before.data ? { data: withTable(before.data, table, gone) } : before));
    if (changed.size > 0) gather();
  };
  const gather = () => {
    timer ??= setTimeout(() => void ask().catch(fail), gatherMs);
  };
  const of = compared.project ?? compared.sweep;
  const end = client.subscribe(
    { type: 'subscribe', topic: 'runs', cursor, ...(of === undefined ? {} : { of }) },
    (message) => {
      if (message.type !== 'changes') return;
      for (const run of message.changed as { id: string }[]) {
        if (compared.runs === undefined || known.has(run.id)) changed.add(run.id);
      }
      for (const id of message.removed) {
        changed.delete(id);
        if (known.delete(id)) removed.add(id);
      }
      if (changed.size + removed.size > 0) gather();
    },
  );
  return () => {
    clearTimeout(timer);
    end();
  };
}
