// A run's log: only the lines in sight are in the page and only the pages around them have been fetched, so that
// millions stay smooth. Follows the end until somebody scrolls up, and again when they return to it.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ErrorBody } from '../../../server/protocol/errors.ts';
import { EmptyState, ErrorNote, Loading } from '../../components/layout.tsx';
import { Button, Checkbox, TextField } from '../../components/toolkit.tsx';
import { lastRewrite, parseAnsi, plainStyle, stripAnsi, styleAfter } from '../../format/ansi.ts';
import { count, m } from '../../i18n/index.ts';
import { useAction, useClient, useLogs } from '../../store/hooks.ts';
import { type LogPages, lineAt, missingPages, pageLines, takePage } from '../../store/logPages.ts';
import { AnsiText } from './AnsiText.tsx';
import { lineAtScroll, scrollHeight, scrollOfLine } from './logScroll.ts';
import { useLogSearch } from './useLogSearch.ts';

const linePx = 18;
/** Lines drawn beyond each edge, so that scrolling shows no gaps. */
const marginLines = 30;

export function LogsTab({ run }: { run: string }) {
  const { log, error: logError } = useLogs(run);
  const [follows, setFollows] = useState(true);
  const [query, setQuery] = useState('');
  // No match is chosen until somebody goes to one.
  const [at, setAt] = useState(-1);
  const { matches, isSearching, hasMore, error } = useLogSearch(run, query, log.total);
  const chosen = matches[at];
  const pane = useRef<LogPaneHandle>(undefined);

  const goTo = (next: number) => {
    if (matches.length === 0) return;
    const to = next < 0 ? matches.length - 1 : next % matches.length;
    setAt(to);
    setFollows(false);
    pane.current?.reveal(matches[to]!);
  };
  const found = `${count(matches.length)}${hasMore ? '+' : ''}`;

  return (
    <>
      <div class="toolbar">
        <TextField
          label={m.searchLog}
          value={query}
          onInput={(text) => {
            setQuery(text);
            setAt(-1);
          }}
          onKeyDown={(event) => event.key === 'Enter' && goTo(event.shiftKey ? at - 1 : at + 1)}
        />
        <Button appearance="icon" onClick={() => goTo(at - 1)} label={m.previousMatch} disabled={matches.length === 0}>
          ↑
        </Button>
        <Button appearance="icon" onClick={() => goTo(at + 1)} label={m.nextMatch} disabled={matches.length === 0}>
          ↓
        </Button>
        <span class="quiet number matches" aria-live="polite">
          {query &&
            (matches.length > 0
              ? m.ofTotal(at < 0 ? '?' : count(at + 1), found)
              : isSearching
                ? m.searching
                : m.noMatches)}
        </span>
        <Checkbox checked={follows} onChange={setFollows}>
          {m.follow}
        </Checkbox>
        <span class="toolbar-end quiet number">{m.lines(count(log.total))}</span>
      </div>
      {(error ?? logError) && <ErrorNote error={(error ?? logError)!} />}
      {!log.ready && !logError && <Loading />}
      {log.ready && log.total === 0 && <EmptyState title={log.ended ? m.noLogEnded : m.noLogYet} />}
      {log.total > 0 && (
        <LogPane
          run={run}
          log={log}
          follows={follows}
          onFollow={setFollows}
          query={query}
          chosen={chosen}
          handle={pane}
        />
      )}
    </>
  );
}

interface LogPaneHandle {
  reveal(line: number): void;
}

interface LogPaneProps {
  run: string;
  log: LogPages;
  follows: boolean;
  onFollow: (follows: boolean) => void;
  query: string;
  chosen: number | undefined;
  handle: { current: LogPaneHandle | undefined };
}

function LogPane({ run, log, follows, onFollow, query, chosen, handle }: LogPaneProps) {
  const element = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const view = { lines: log.total, linePx, height };
  const firstLine = lineAtScroll(view, top);
  const first = Math.max(0, Math.floor(firstLine) - marginLines);
  const last = Math.min(log.total, Math.ceil(firstLine + height / linePx) + marginLines);
  const error = usePages(run, log, first, last);

  handle.current = {
    reveal: (line) => element.current?.scrollTo({ top: scrollOfLine(view, line - height / linePx / 2) }),
  };
  useEffect(() => {
    const pane = element.current!;
    const observer = new ResizeObserver(() => setHeight(pane.clientHeight));
    observer.observe(pane);
    return () => observer.disconnect();
  }, []);
  // a new version or height moves the end
  useLayoutEffect(() => {
    if (follows) element.current!.scrollTop = element.current!.scrollHeight;
  }, [follows, log.version, height]);

  const onScroll = () => {
    const { scrollTop, scrollHeight: whole, clientHeight } = element.current!;
    setTop(scrollTop);
    const isAtEnd = whole - scrollTop - clientHeight < linePx;
    if (isAtEnd !== follows && (isAtEnd || scrollTop < top)) onFollow(isAtEnd);
  };
  const lines: { number: number; text: string | undefined; style: typeof plainStyle }[] = [];
  let style = plainStyle;
  for (let number = first; number < last; number += 1) {
    const text = lineAt(log, number);
    lines.push({ number, text, style });
    // what colours a line leaves switched on holds for the next; beyond the lines in sight it is not looked for
    if (text !== undefined) style = styleAfter(text, style);
  }
  // where the first drawn line stands, so that the one at the top of the pane is where the scroll bar says
  const offset = top - (firstLine - first) * linePx;
  return (
    <>
      {error && <ErrorNote error={error} />}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <div class="log" ref={element} onScroll={onScroll} role="log" aria-live="off" aria-label={m.logs} tabIndex={0}>
        <div class="log-lines" style={{ height: `${scrollHeight(view)}px` }}>
          <div style={{ transform: `translateY(${Math.max(0, offset)}px)` }}>
            {lines.map((line) => (
              <Line key={line.number} {...line} query={query} isChosen={line.number === chosen} />
            ))}
          </div>
        </div>
      </div>
    </>
  );
}

/** Fetches the pages in sight that are not here. */
function usePages(run: string, log: LogPages, first: number, last: number): ErrorBody | undefined {
  const client = useClient();
  const { act, error } = useAction();
  const asked = useRef(new Set<number>());
  const [, draw] = useState(0);
  const missing = missingPages(log, first, last).filter((number) => !asked.current.has(number));
  useEffect(() => {
    for (const number of missing) {
      asked.current.add(number);
      void act(`page ${number}`, async () => {
        const query = { from: number * pageLines, limit: pageLines };
        const { lines } = await client.call('listRunLogLines', { params: { id: run }, query });
        takePage(
          log,
          number,
          lines.map((line) => line.text),
        );
        draw((drawn) => drawn + 1);
      }).finally(() => asked.current.delete(number));
    }
  }, [missing.join()]);
  return error;
}

interface LineProps {
  number: number;
  text: string | undefined;
  style: typeof plainStyle;
  query: string;
  isChosen: boolean;
}

function Line({ number, text, style, query, isChosen }: LineProps) {
  const shown = text === undefined ? '' : lastRewrite(text);
  const matches = query !== '' && stripAnsi(shown).toLowerCase().includes(query.toLowerCase());
  return (
    <div class={isChosen ? 'log-line chosen' : 'log-line'} aria-busy={text === undefined}>
      <span class="line-number" aria-hidden="true">
        {number + 1}
      </span>
      <span class="line-text">
        <AnsiText spans={parseAnsi(shown, style)} query={matches ? query : ''} />
      </span>
    </div>
  );
}
