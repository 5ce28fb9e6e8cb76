/** Reading views for lists and single objects. */

import type { EntityOf, Topic } from '../protocol/entities.ts';
import { SlipwayError } from '../protocol/errors.ts';
import type { ReadTransaction } from '../store/index.ts';

export interface PageQuery {
  cursor?: string | undefined;
  limit?: number | undefined;
}

const defaultLimit = 100;

/** One page of a topic, newest first; `next` continues it. @throws SlipwayError `request.badCursor` */
export async function listPage<T extends Topic>(
  read: ReadTransaction,
  topic: T,
  query: PageQuery | undefined,
  filter: { project?: string; parent?: string } = {},
  keep: (item: EntityOf<T>) => boolean = () => true,
): Promise<{ items: EntityOf<T>[]; next?: string }> {
  const limit = query?.limit ?? defaultLimit;
  const items: EntityOf<T>[] = [];
  let before = query?.cursor === undefined ? undefined : readCursor(query.cursor);
  for (;;) {
    const rows = await read.entities({ topic, ...filter, before, limit: limit + 1 });
    for (const row of rows) {
      const item = row.data as EntityOf<T>;
      if (items.length === limit) return { items, next: String(before) };
      before = row.created;
      if (keep(item)) items.push(item);
    }
    if (rows.length <= limit) return { items };
  }
}

/** One object. @throws SlipwayError `TOPIC.unknown` with status 404 */
export async function requireEntity<T extends Topic>(
  read: ReadTransaction,
  topic: T,
  id: string,
): Promise<EntityOf<T>> {
  const row = await read.entity(topic, id);
  if (row) return row.data as EntityOf<T>;
  const noun = topic
    .replace(/([A-Z])/g, ' $1')
    .toLowerCase()
    .replace(/s$/, '');
  throw new SlipwayError(`${topic}.unknown`, `There is no ${noun} ${id}.`, 'Look at the list; names are exact.', 404);
}

function readCursor(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new SlipwayError(
    'request.badCursor',
    `${JSON.stringify(text)} is not a cursor of a list.`,
    'Use `next` of the page before.',
  );
}
