// A run's log: only the lines in sight are in the page, so that hundreds of thousands stay smooth. Follows the end
// until somebody scrolls up, and again when they return to it.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { EmptyState, ErrorNote } from '../../components/layout.tsx';
import { Button, Checkbox, TextField } from '../../components/toolkit.tsx';
import { parseAnsi, stripAnsi } from '../../format/ansi.ts';
import { bytes, count, m } from '../../i18n/index.ts';
import { useAction, useClient, useLogs } from '../../store/hooks.ts';
import { type LogLine, type LogLines, prependPiece } from '../../store/logLines.ts';
import { AnsiText } from './AnsiText.tsx';
import { createLogSearch } from './logSearch.ts';

const linePx = 18;
/** Lines drawn beyond each edge, so that scrolling shows no gaps. */
const marginLines = 30;
const earlierBytes = 2 ** 20;

export function LogsTab({ run }: { run: string }) {
  const log = useLogs(run);
  const client = useClient();
  const { act, busy, error } = useAction();
  const [follows, setFollows] = useState(true);
  const [query, setQuery] = useState('');
  // No match is chosen until somebody goes to one.
  const [at, setAt] = useState(-1);
  const search = useRef(createLogSearch()).current;
  const matches = search(log, query);
  const chosen = matches[at];
  const pane = useRef<LogPaneHandle>(undefined);

  const goTo = (next: number) => {
    if (matches.length === 0) return;
    const to = next < 0 ? matches.length - 1 : next % matches.length;
    setAt(to);
    setFollows(false);
    pane.current?.reveal(matches[to]!);
  };
  const showEarlier = () =>
    act('earlier', async () => {
      const offset = Math.max(0, log.start - earlierBytes);
      const piece = await client.call('readRunLogs', {
        params: { id: run },
        query: { offset, limit: log.start - offset },
      });
      setAt(-1);
      pane.current?.moveBy(prependPiece(log, piece));
    });

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
          {query && (matches.length > 0 ? m.ofTotal(at < 0 ? '?' : count(at + 1), count(matches.length)) : m.noMatches)}
        </span>
        <Checkbox checked={follows} onChange={setFollows}>
          {m.follow}
        </Checkbox>
        <span class="toolbar-end quiet number">
          {log.start > 0 && (
            <Button disabled={busy !== undefined} onClick={showEarlier}>
              {m.showEarlier(bytes(log.start))}
            </Button>
          )}
          {m.lines(count(log.lines.length))}
        </span>
      </div>
      {error && <ErrorNote error={error} />}
      {log.lines.length === 0 ? (
        <EmptyState title={log.ended ? m.noLogEnded : m.noLogYet} />
      ) : (
        <LogPane log={log} follows={follows} onFollow={setFollows} query={query} chosen={chosen} handle={pane} />
      )}
    </>
  );
}

interface LogPaneHandle {
  reveal(line: number): void;
  /** Keeps what is in sight where it is after lines were put in front. */
  moveBy(lines: number): void;
}

interface LogPaneProps {
  log: LogLines;
  follows: boolean;
  onFollow: (follows: boolean) => void;
  query: string;
  chosen: number | undefined;
  handle: { current: LogPaneHandle | undefined };
}

function LogPane({ log, follows, onFollow, query, chosen, handle }: LogPaneProps) {
  const element = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);

  handle.current = {
    reveal: (line) => element.current?.scrollTo({ top: Math.max(0, line * linePx - height / 2) }),
    moveBy: (lines) => {
      if (element.current) element.current.scrollTop += lines * linePx;
    },
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
    const { scrollTop, scrollHeight, clientHeight } = element.current!;
    setTop(scrollTop);
    const isAtEnd = scrollHeight - scrollTop - clientHeight < linePx;
    if (isAtEnd !== follows && (isAtEnd || scrollTop < top)) onFollow(isAtEnd);
  };
  const first = Math.max(0, Math.floor(top / linePx) - marginLines);
  const last = Math.min(log.lines.length, Math.ceil((top + height) / linePx) + marginLines);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <div class="log" ref={element} onScroll={onScroll} role="log" aria-live="off" aria-label={m.logs} tabIndex={0}>
      <div class="log-lines" style={{ height: `${log.lines.length * linePx}px`, paddingTop: `${first * linePx}px` }}>
        {log.lines.slice(first, last).map((line, i) => (
          <Line
            key={first + i}
            // Lines are counted from the log's first byte, which may not be here.
            number={log.start === 0 ? first + i + 1 : undefined}
            line={line}
            query={query}
            isChosen={first + i === chosen}
          />
        ))}
      </div>
    </div>
  );
}

function Line({
  number,
  line,
  query,
  isChosen,
}: {
  number: number | undefined;
  line: LogLine;
  query: string;
  isChosen: boolean;
}) {
  const matches = query !== '' && stripAnsi(line.text).toLowerCase().includes(query.toLowerCase());
  return (
    <div class={isChosen ? 'log-line chosen' : 'log-line'}>
      <span class="line-number" aria-hidden="true">
        {number}
      </span>
      <span class="line-text">
        <AnsiText spans={parseAnsi(line.text, line.style)} query={matches ? query : ''} />
      </span>
    </div>
  );
}
