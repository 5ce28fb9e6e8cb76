// biome-ignore-all lint/a11y/useFocusableInteractive: exactly one cell can be reached by Tab, see activeCell
// biome-ignore-all lint/a11y/useSemanticElements: only the rows in sight are in the page, placed one by one
// The table of a comparison: thousands of rows by dozens of columns, of which only those in sight are in the page. A
// grid after the WAI-ARIA pattern: arrow keys move between cells, Space chooses a run, Enter opens it, P pins it.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { type Cell, isMissing } from '../../charts/dimension.ts';
import { Icon } from '../../components/Icon.tsx';
import { StatusIcon } from '../../components/Status.tsx';
import { count, m } from '../../i18n/index.ts';
import { notePainted } from '../../measure.ts';
import type { Item, Sort } from './arrange.ts';
import { cellText, columnTitle } from './cells.ts';
import type { CompareColumn, CompareData } from './compareData.ts';

const rowPx = 26;
const namePx = 280;
const leastPx = 84;
const mostPx = 220;
const characterPx = 7.2;
/** Rows and columns drawn beyond the edges, so that scrolling shows no gaps. */
const marginRows = 8;
const marginPx = 200;

export interface RunTableProps {
  data: CompareData;
  items: readonly Item[];
  columns: readonly CompareColumn[];
  sort: Sort | undefined;
  onSort: (sort: Sort | undefined) => void;
  chosen: ReadonlySet<number>;
  onChoose: (rows: readonly number[], choose: boolean) => void;
  hovered: number | undefined;
  onHover: (row: number | undefined) => void;
  onPin: (row: number) => void;
  onOpen: (row: number) => void;
  onToggleGroup: (key: string) => void;
}

interface Active {
  item: number;
  /** 0 is the run's name. */
  column: number;
}

export function RunTable(props: RunTableProps) {
  const { data, items, columns, sort, onSort, onHover } = props;
  const pane = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, left: 0, width: 1200, height: 500 });
  const [active, setActive] = useState<Active>({ item: 0, column: 0 });
  const hasFocus = useRef(false);
  const widths = columns.map((column) => widthOf(data, column));
  const lefts: number[] = [];
  let total = namePx;
  for (const width of widths) {
    lefts.push(total);
    total += width;
  }

  useEffect(() => {
    const element = pane.current!;
    const measure = () =>
      setView((before) => ({ ...before, width: element.clientWidth, height: element.clientHeight }));
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => notePainted('table', () => ({ items: items.length })), [items]);
  useLayoutEffect(() => {
    if (hasFocus.current) pane.current!.querySelector<HTMLElement>('[data-active]')?.focus({ preventScroll: true });
  }, [active]);

  const first = Math.max(0, Math.floor(view.top / rowPx) - marginRows);
  const last = Math.min(items.length, Math.ceil((view.top + view.height) / rowPx) + marginRows);
  const inSight = columns.flatMap((column, i) => {
    const [left, width] = [lefts[i]!, widths[i]!];
    const isIn = left + width > view.left - marginPx && left < view.left + view.width + marginPx;
    return isIn ? [{ column, left, width, index: i + 1 }] : [];
  });

  const moveTo = (item: number, column: number) => {
    const next = {
      item: Math.max(0, Math.min(items.length - 1, item)),
      column: Math.max(0, Math.min(columns.length, column)),
    };
    reveal(pane.current!, next, lefts, widths);
    setActive(next);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(view.height / rowPx) - 2);
    const moves: Record<string, [number, number]> = {
      ArrowDown: [active.item + 1, active.column],
      ArrowUp: [active.item - 1, active.column],
      ArrowRight: [active.item, active.column + 1],
      ArrowLeft: [active.item, active.column - 1],
      PageDown: [active.item + page, active.column],
      PageUp: [active.item - page, active.column],
      Home: [event.ctrlKey ? 0 : active.item, 0],
      End: [event.ctrlKey ? items.length - 1 : active.item, columns.length],
    };
    const move = moves[event.key];
    const item = items[active.item];
    if (move) moveTo(...move);
    else if (!item || !act(event.key, item, props)) return;
    event.preventDefault();
  };
  // the cell that the keyboard is on stays in the page, so that focus is not lost
  const activeItem = Math.min(active.item, items.length - 1);

  return (
    <div
      class="run-table"
      ref={pane}
      role="grid"
      aria-label={m.runs}
      aria-rowcount={items.length + 1}
      aria-colcount={columns.length + 1}
      aria-multiselectable="true"
      tabIndex={-1}
      onScroll={(event) => {
        const { scrollTop, scrollLeft } = event.currentTarget;
        setView((before) => ({ ...before, top: scrollTop, left: scrollLeft }));
      }}
      onKeyDown={onKeyDown}
      onFocusIn={() => {
        hasFocus.current = true;
      }}
      onFocusOut={() => {
        hasFocus.current = false;
      }}
      onPointerLeave={() => onHover(undefined)}
    >
      <div class="run-table-head" role="row" aria-rowindex={1} tabIndex={-1} style={{ width: `${total}px` }}>
        <HeadCell
          id="run"
          title={m.run}
          left={0}
          width={namePx}
          index={1}
          isNumber={false}
          sort={sort}
          onSort={onSort}
        />
        {inSight.map(({ column, left, width, index }) => (
          <HeadCell
            key={column.id}
            id={column.id}
            title={columnTitle(column)}
            left={left}
            width={width}
            index={index + 1}
            isNumber={column.type === 'number' || column.type === 'duration'}
            sort={sort}
            onSort={onSort}
          />
        ))}
      </div>
      <div role="rowgroup" style={{ position: 'relative', width: `${total}px`, height: `${items.length * rowPx}px` }}>
        {items.slice(first, last).map((item, i) => (
          <TableRow
            key={item.kind === 'row' ? data.ids[item.row] : `group ${item.key}`}
            {...props}
            item={item}
            index={first + i}
            cells={inSight}
            width={total}
            activeColumn={first + i === activeItem ? active.column : undefined}
            onActive={(column) => setActive({ item: first + i, column })}
          />
        ))}
      </div>
    </div>
  );
}

/** What a key does with a row or a group; whether it does anything. */
function act(key: string, item: Item, { chosen, onChoose, onPin, onOpen, onToggleGroup }: RunTableProps): boolean {
  if (item.kind === 'group') {
    if (key === 'Enter') onToggleGroup(item.key);
    else if (key === ' ') onChoose(item.rows, !item.rows.every((row) => chosen.has(row)));
    else return false;
    return true;
  }
  if (key === 'Enter') onOpen(item.row);
  else if (key === ' ') onChoose([item.row], !chosen.has(item.row));
  else if (key === 'p' || key === 'P') onPin(item.row);
  else return false;
  return true;
}

function reveal(
  pane: HTMLElement,
  { item, column }: Active,
  lefts: readonly number[],
  widths: readonly number[],
): void {
  const top = item * rowPx;
  const below = top + 2 * rowPx - pane.clientHeight;
  if (top < pane.scrollTop) pane.scrollTop = top;
  else if (below > pane.scrollTop) pane.scrollTop = below;
  if (column === 0) return;
  const [left, width] = [lefts[column - 1]!, widths[column - 1]!];
  if (left - namePx < pane.scrollLeft) pane.scrollLeft = left - namePx;
  else if (left + width - pane.clientWidth > pane.scrollLeft) pane.scrollLeft = left + width - pane.clientWidth;
}

interface HeadCellProps {
  id: string;
  title: string;
  left: number;
  width: number;
  index: number;
  isNumber: boolean;
  sort: Sort | undefined;
  onSort: (sort: Sort | undefined) => void;
}

function HeadCell({ id, title, left, width, index, isNumber, sort, onSort }: HeadCellProps) {
  const isSorted = sort?.column === id;
  const direction = isSorted ? (sort.descending ? 'descending' : 'ascending') : 'none';
  const next = () => {
    // numbers are looked at from the best end first, which is mostly the high one; a third click takes it back
    if (!isSorted) onSort({ column: id, descending: isNumber });
    else if (sort.descending === isNumber) onSort({ column: id, descending: !isNumber });
    else onSort(undefined);
  };
  return (
    <span
      role="columnheader"
      tabIndex={-1}
      aria-colindex={index}
      aria-sort={direction}
      class={`${id === 'run' ? 'name-cell' : 'cell'}${isNumber ? ' end' : ''}`}
      style={id === 'run' ? { width: `${width}px` } : { left: `${left}px`, width: `${width}px` }}
    >
      <button type="button" title={title} onClick={next}>
        <span>{title}</span>
        <span class="sort-mark">{isSorted && <Icon name={sort.descending ? 'down' : 'up'} />}</span>
      </button>
    </span>
  );
}

interface TableRowProps extends RunTableProps {
  item: Item;
  index: number;
  cells: readonly { column: CompareColumn; left: number; width: number; index: number }[];
  width: number;
  activeColumn: number | undefined;
  onActive: (column: number) => void;
}

function TableRow(props: TableRowProps) {
  const { item, index, width } = props;
  const place = { transform: `translateY(${index * rowPx}px)`, width: `${width}px` };
  return item.kind === 'group' ? (
    <GroupRow {...props} item={item} place={place} />
  ) : (
    <RunRow {...props} item={item} place={place} />
  );
}

type Place = { transform: string; width: string };

function GroupRow(props: TableRowProps & { item: Extract<Item, { kind: 'group' }>; place: Place }) {
  const { item, index, place, activeColumn, chosen, onChoose, onToggleGroup, cells } = props;
  const isChosen = item.rows.every((row) => chosen.has(row));
  return (
    <div
      class="run-row group-row"
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 2}
      aria-expanded={item.isOpen}
      style={place}
    >
      <span role="gridcell" class="name-cell" aria-colindex={1} {...activeCell(activeColumn, 0)}>
        <input
          type="checkbox"
          tabIndex={-1}
          aria-label={m.choose}
          checked={isChosen}
          onChange={() => onChoose(item.rows, !isChosen)}
        />
        <button type="button" class="group-toggle" tabIndex={-1} onClick={() => onToggleGroup(item.key)}>
          <Icon name={item.isOpen ? 'down' : 'chevron'} />
          <span class="row-title">{isMissing(item.value) ? '–' : String(item.value)}</span>
          <span class="quiet number">{count(item.rows.length)}</span>
        </button>
      </span>
      {cells.map(({ column, left, width, index: at }) => (
        <span
          key={column.id}
          role="gridcell"
          class="cell end quiet"
          aria-colindex={at + 1}
          style={{ left: `${left}px`, width: `${width}px` }}
          {...activeCell(activeColumn, at)}
        >
          {summaryText(column, item.rows)}
        </span>
      ))}
    </div>
  );
}

/** Of a group, the range of a column's numbers. */
function summaryText(column: CompareColumn, rows: readonly number[]): string {
  const { values, type } = column;
  if (type !== 'number') return '';
  let [low, high] = [Infinity, -Infinity];
  for (const row of rows) {
    const value = values[row];
    if (typeof value !== 'number' || Number.isNaN(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return '';
  return low === high ? cellText(low, column) : `${cellText(low, column)} – ${cellText(high, column)}`;
}

function RunRow(props: TableRowProps & { item: Extract<Item, { kind: 'row' }>; place: Place }) {
  const { data, item, index, place, cells, activeColumn, chosen, hovered, onChoose, onHover, onPin, onOpen, onActive } =
    props;
  const { row } = item;
  const isChosen = chosen.has(row);
  const classes = ['run-row', isChosen && 'chosen', hovered === row && 'hovered', item.pinned && 'pinned'];
  return (
    <div
      class={classes.filter(Boolean).join(' ')}
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 2}
      aria-selected={isChosen}
      style={place}
      onPointerEnter={() => onHover(row)}
      onPointerDown={() => onActive(0)}
    >
      <span role="gridcell" class="name-cell" aria-colindex={1} {...activeCell(activeColumn, 0)}>
        <input
          type="checkbox"
          tabIndex={-1}
          aria-label={m.choose}
          checked={isChosen}
          onChange={() => onChoose([row], !isChosen)}
        />
        <StatusIcon status={data.statuses[row]!} />
        <button type="button" class="link row-title" tabIndex={-1} title={data.titles[row]} onClick={() => onOpen(row)}>
          {data.titles[row]}
        </button>
        <button
          type="button"
          class={item.pinned ? 'row-pin pinned' : 'row-pin'}
          tabIndex={-1}
          title={item.pinned ? m.unpin : m.pin}
          aria-pressed={item.pinned}
          onClick={() => onPin(row)}
        >
          <Icon name="pin" />
        </button>
      </span>
      {cells.map(({ column, left, width, index: at }) => {
        const text = cellText(column.values[row], column);
        return (
          <span
            key={column.id}
            role="gridcell"
            class={column.type === 'number' || column.type === 'duration' ? 'cell end' : 'cell'}
            aria-colindex={at + 1}
            style={{ left: `${left}px`, width: `${width}px` }}
            title={text}
            {...activeCell(activeColumn, at)}
          >
            {text}
          </span>
        );
      })}
    </div>
  );
}

/** Exactly one cell of the grid can be reached by Tab. */
function activeCell(activeColumn: number | undefined, column: number) {
  return activeColumn === column ? { tabIndex: 0, 'data-active': true } : { tabIndex: -1 };
}

const widthsKnown = new WeakMap<readonly Cell[], number>();

/** Wide enough for the title and the first hundred values. */
function widthOf({ ids }: CompareData, column: CompareColumn): number {
  const known = widthsKnown.get(column.values);
  if (known !== undefined) return known;
  let length = columnTitle(column).length + 2;
  for (let row = 0; row < Math.min(ids.length, 100); row += 1) {
    length = Math.max(length, cellText(column.values[row], column).length);
  }
  const width = Math.max(leastPx, Math.min(mostPx, Math.round(length * characterPx) + 20));
  widthsKnown.set(column.values, width);
  return width;
}
