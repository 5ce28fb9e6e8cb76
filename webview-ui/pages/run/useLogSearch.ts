import { useEffect, useRef, useState } from 'preact/hooks';
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
  /** Lines before this one have been looked at; the last line may still grow. */
  looked: number;
  /** Lines there were. */
  total: number;
}

const nothing: Found = { matches: [], isSearching: false, hasMore: false, looked: 0, total: -1 };

/** The lines of a log that contain a text, searched by the server; goes on with the lines that come. */
export function useLogSearch(run: string, query: string, total: number): LogSearch {
  const client = useClient();
  const [found, setFound] = useState(nothing);
  const newest = useRef(total);
  newest.current = total;
  useEffect(() => {
    setFound({ ...nothing, isSearching: query !== '' });
    if (query === '') return;
    let isOver = false;
    const go = async () => {
      await pause(pauseMs);
      for (let last = nothing; !isOver && !last.hasMore && !last.error; await pause(newLinesMs)) {
        if (last.total === newest.current) continue;
        for await (const next of search(client, run, query, last)) {
          if (isOver) return;
          last = next;
          setFound(next);
        }
      }
    };
    void go();
    return () => {
      isOver = true;
    };
  }, [client, run, query]);
  return found;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function* search(client: Client, run: string, query: string, begin: Found): AsyncGenerator<Found> {
  let found = begin;
  let from: number | null = begin.looked;
  try {
    while (from !== null && found.matches.length < mostMatches) {
      const answer: Awaited<ReturnType<typeof page>> = await page(client, run, query, from);
      const lines = answer.matches.map((match) => match.line);
      from = answer.next;
      found = {
        ...found,
        matches: [...found.matches.filter((line) => line < found.looked), ...lines],
        looked: from ?? Math.max(0, answer.total - 1),
        total: answer.total,
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
