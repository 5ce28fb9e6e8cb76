import { useEffect, useState } from 'preact/hooks';
import type { ErrorBody } from '../../../server/protocol/errors.ts';
import { asErrorBody, type Client } from '../../store/client.ts';
import { useClient } from '../../store/hooks.ts';

/** More matches than these nobody goes through one by one. */
const mostMatches = 10_000;
const matchesAtOnce = 1000;
/** A query is asked for once its writer pauses; new lines are searched no more often. */
const pauseMs = 200;
const newLinesMs = 1000;

export interface LogSearch {
  /** Line numbers. */
  matches: readonly number[];
  isSearching: boolean;
  /** There are more than are listed. */
  hasMore: boolean;
  error?: ErrorBody | undefined;
}

interface Found extends LogSearch {
  query: string;
  /** Lines before this one have been looked at; the last line may still grow. */
  looked: number;
}

const nothing: Found = { query: '', matches: [], isSearching: false, hasMore: false, looked: 0 };

/** The lines of a log that contain a text, searched by the server; goes on with the lines that come. */
export function useLogSearch(run: string, query: string, total: number): LogSearch {
  const client = useClient();
  const [found, setFound] = useState(nothing);
  useEffect(() => {
    if (query === '') {
      setFound(nothing);
      return;
    }
    const isNew = found.query !== query;
    if (!isNew && (found.hasMore || found.looked >= total)) return;
    let isOver = false;
    const begin = isNew ? { ...nothing, query, isSearching: true } : found;
    if (isNew) setFound(begin);
    const timer = setTimeout(
      async () => {
        for await (const next of search(client, run, begin)) {
          if (isOver) return;
          setFound(next);
        }
      },
      isNew ? pauseMs : newLinesMs,
    );
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [client, run, query, total]);
  return found;
}

async function* search(client: Client, run: string, begin: Found): AsyncGenerator<Found> {
  let found = begin;
  let from: number | null = begin.looked;
  try {
    while (from !== null && found.matches.length < mostMatches) {
      const answer: Awaited<ReturnType<typeof page>> = await page(client, run, found.query, from);
      const lines = answer.matches.map((match) => match.line);
      from = answer.next;
      found = {
        ...found,
        matches: [...found.matches.filter((line) => line < found.looked), ...lines],
        looked: from ?? Math.max(0, answer.total - 1),
        isSearching: from !== null,
      };
      yield found;
    }
    yield { ...found, isSearching: false, hasMore: from !== null };
  } catch (error) {
    yield { ...found, isSearching: false, error: asErrorBody(error) };
  }
}

function page(client: Client, run: string, text: string, from: number) {
  return client.call('searchRunLog', { params: { id: run }, query: { text, from, limit: matchesAtOnce } });
}
