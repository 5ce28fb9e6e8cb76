import type { OptionSpec } from './command.ts';

export const limitOption = {
  type: 'integer',
  value: 'N',
  help: 'Show at most so many (default 100).',
} as const satisfies OptionSpec;

interface Page<T> {
  items: T[];
  next?: string;
}

/** Reads pages of a list until there are `limit` items or no more. */
export async function readPages<T>(
  limit: number | undefined,
  readPage: (query: { cursor?: string; limit: number }) => Promise<Page<T>>,
): Promise<{ items: T[]; hasMore: boolean }> {
  const wanted = Math.max(1, limit ?? 100);
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await readPage({ cursor, limit: Math.min(1000, wanted - items.length) });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined && items.length < wanted);
  return { items, hasMore: cursor !== undefined };
}

/** The last line of a list that was cut off. */
export function moreText(hasMore: boolean): string {
  return hasMore ? '\n… there are more: --limit N' : '';
}
