// Runs side by side: a table of everything they were given and reached, and charts over it. What is filtered, brushed
// or chosen in one place shows in all.
import { useCallback, useMemo, useRef, useState } from 'preact/hooks';
import { saveCsv } from '../../charts/chartFiles.ts';
import type { Brushes } from '../../charts/parallel.ts';
import { parallelAxes, withinBrushes } from '../../charts/parallel.ts';
import { EmptyState, ErrorNote, Fact, Loading, PageHead } from '../../components/layout.tsx';
import { Button, Checkbox, TextField } from '../../components/toolkit.tsx';
import { count, m } from '../../i18n/index.ts';
import { useClient, useNavigate, usePageTitle } from '../../store/hooks.ts';
import { itemsOf, type Sort, shownColumns, sortedRows } from './arrange.ts';
import { ColumnPicker, GroupPicker } from './ColumnPicker.tsx';
import { CompareCharts } from './CompareCharts.tsx';
import { columnTitle } from './cells.ts';
import type { CompareData } from './compareData.ts';
import { filterRows, parseFilter, searchTexts } from './filter.ts';
import { RunTable } from './RunTable.tsx';
import { type Compared, useCompared } from './useCompared.ts';
import './compare.css';

export function ComparePage({ compared }: { compared: Compared }) {
  const { data, error } = useCompared(compared);
  usePageTitle({ page: 'compare', ...compared }, m.compareRuns);
  if (!data) return error ? <ErrorNote error={error} /> : <Loading />;
  return (
    <>
      {error && <ErrorNote error={error} />}
      {data.ids.length === 0 ? <EmptyState title={m.nothingToCompare} /> : <Comparison data={data} />}
    </>
  );
}

function Comparison({ data }: { data: CompareData }) {
  const client = useClient();
  const navigate = useNavigate();
  const [filter, setFilter] = useState('');
  const [sort, setSort] = useState<Sort>();
  const [groupBy, setGroupBy] = useState<string>();
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [pinnedColumns, setPinnedColumns] = useState<readonly string[]>([]);
  const [differencesOnly, setDifferencesOnly] = useState(true);
  const [chosenOnly, setChosenOnly] = useState(false);
  // runs are kept by id: rows move when runs come and go
  const [pinnedRuns, setPinnedRuns] = useState<readonly string[]>([]);
  const [chosenRuns, setChosenRuns] = useState<ReadonlySet<string>>(new Set());
  const [brushes, setBrushes] = useState<Brushes>({});
  const [hovered, setHovered] = useState<number>();
  const lastChosen = useRef<number>(undefined);

  const rowsOf = (ids: Iterable<string>) =>
    [...ids].flatMap((id) => {
      const row = data.rowOf.get(id);
      return row === undefined ? [] : [row];
    });
  const chosen = useMemo(() => new Set(rowsOf(chosenRuns)), [data, chosenRuns]);
  const pinned = useMemo(() => rowsOf(pinnedRuns), [data, pinnedRuns]);
  const words = useMemo(() => searchTexts(data), [data]);
  const order = useMemo(() => sortedRows(data, sort), [data, sort]);
  const terms = useMemo(() => parseFilter(filter), [filter]);
  const filtered = useMemo(() => filterRows(data, order, terms, words), [data, order, terms, words]);
  const candidates = useMemo(
    () => (chosenOnly && chosen.size > 0 ? filtered.rows.filter((row) => chosen.has(row)) : filtered.rows),
    [filtered, chosenOnly, chosen],
  );
  const brushedColumns = useMemo(
    () => parallelAxes(data.columns.filter((column) => column.id in brushes)),
    [data, Object.keys(brushes).join()],
  );
  const rows = useMemo(() => withinBrushes(brushedColumns, brushes, candidates), [brushedColumns, brushes, candidates]);
  const columns = useMemo(
    () => shownColumns(data, filtered.rows, { hidden, pinned: pinnedColumns, differencesOnly }),
    [data, filtered, hidden, pinnedColumns, differencesOnly],
  );
  const items = useMemo(() => itemsOf(data, rows, { pinned, groupBy, closed }), [data, rows, pinned, groupBy, closed]);

  const open = useCallback(
    (row: number) => navigate({ page: 'run', id: data.ids[row]! }, data.titles[row]!),
    [data, navigate],
  );
  const choose = (wanted: readonly number[], isChosen: boolean) => {
    const next = new Set(chosenRuns);
    for (const row of wanted) {
      if (isChosen) next.add(data.ids[row]!);
      else next.delete(data.ids[row]!);
    }
    lastChosen.current = wanted.at(-1);
    setChosenRuns(next);
  };
  const saveTable = () =>
    saveCsv(client, m.runs, {
      head: [m.run, 'id', ...columns.map(columnTitle)],
      rows: rows.map((row) => [
        data.titles[row],
        data.ids[row],
        ...columns.map(({ values }) =>
          typeof values[row] === 'boolean' ? String(values[row]) : (values[row] ?? undefined),
        ),
      ]),
    });

  return (
    <>
      <PageHead
        icon={null}
        title={m.compareRuns}
        facts={
          <>
            <Fact label={m.runs}>
              <span class="number">{m.ofTotal(count(rows.length), count(data.ids.length))}</span>
            </Fact>
            <Fact label={m.chosen}>
              <span class="number">{count(chosen.size)}</span>
            </Fact>
          </>
        }
        actions={
          <>
            <Button onClick={saveTable}>{m.saveAs('CSV')}</Button>
            <Button
              disabled={chosen.size === 0}
              onClick={() => navigate({ page: 'tensorboard', runs: [...chosenRuns].slice(0, 500) }, 'TensorBoard')}
            >
              TensorBoard
            </Button>
          </>
        }
      />
      <CompareCharts
        data={data}
        rows={candidates}
        shown={rows}
        columns={columns}
        chosen={chosen}
        pinned={pinned}
        hovered={hovered}
        onHover={setHovered}
        brushes={brushes}
        onBrush={setBrushes}
        onChoose={(wanted) => setChosenRuns(new Set(wanted.map((row) => data.ids[row]!)))}
        onOpen={open}
      />
      <div class="toolbar compare-toolbar">
        <TextField label={m.filterRuns} placeholder={m.filterExample} value={filter} onInput={setFilter} />
        <GroupPicker columns={data.columns} chosen={groupBy} onChoose={setGroupBy} />
        <ColumnPicker
          columns={data.columns}
          hidden={hidden}
          onHide={setHidden}
          pinned={pinnedColumns}
          onPin={setPinnedColumns}
        />
        <Checkbox checked={differencesOnly} onChange={setDifferencesOnly}>
          {m.differencesOnly}
        </Checkbox>
        <Checkbox checked={chosenOnly} onChange={setChosenOnly}>
          {m.chosenOnly}
        </Checkbox>
        <span class="toolbar-end">
          <span class="quiet" role="status" aria-live="polite">
            {filtered.unknown.length > 0 && m.noSuchColumn(filtered.unknown.join(', '))}
          </span>
          <Button
            disabled={filter === '' && chosen.size === 0 && Object.keys(brushes).length === 0}
            onClick={() => {
              setFilter('');
              setBrushes({});
              setChosenRuns(new Set());
            }}
          >
            {m.showAll}
          </Button>
        </span>
      </div>
      <RunTable
        data={data}
        items={items}
        columns={columns}
        sort={sort}
        onSort={setSort}
        chosen={chosen}
        onChoose={choose}
        hovered={hovered}
        onHover={setHovered}
        onPin={(row) => {
          const id = data.ids[row]!;
          setPinnedRuns(pinnedRuns.includes(id) ? pinnedRuns.filter((each) => each !== id) : [...pinnedRuns, id]);
        }}
        onOpen={open}
        onToggleGroup={(key) => {
          const next = new Set(closed);
          if (!next.delete(key)) next.add(key);
          setClosed(next);
        }}
      />
      {items.length === 0 && <EmptyState title={m.noRunFits} />}
    </>
  );
}
