// The charts above the table: parallel coordinates, one column against another, curves of the chosen runs.
import { useMemo, useState } from 'preact/hooks';
import { CurveCard } from '../../charts/CurveCard.tsx';
import { CurveToolbar } from '../../charts/CurveToolbar.tsx';
import { createCrosshair } from '../../charts/crosshair.ts';
import { firstCurveOptions, groupTags } from '../../charts/curve.ts';
import { ParallelChart } from '../../charts/ParallelChart.tsx';
import type { Brushes } from '../../charts/parallel.ts';
import { ScatterChart } from '../../charts/ScatterChart.tsx';
import { EmptyState, ErrorNote } from '../../components/layout.tsx';
import { Tabs } from '../../components/Tabs.tsx';
import { Button } from '../../components/toolkit.tsx';
import { count, m } from '../../i18n/index.ts';
import { useClient, useLoaded } from '../../store/hooks.ts';
import { Choice } from './ColumnPicker.tsx';
import { columnTitle } from './cells.ts';
import type { CompareColumn, CompareData } from './compareData.ts';

/** Axes that can still be told apart, and read. */
const mostAxes = 10;
const mostMetrics = 2;
const mostCurves = 24;
const cardsAtOnce = 12;

export interface CompareChartsProps {
  data: CompareData;
  /** The rows that the filter lets through, and of those the ones within the brushes. */
  rows: readonly number[];
  shown: readonly number[];
  columns: readonly CompareColumn[];
  chosen: ReadonlySet<number>;
  pinned: readonly number[];
  hovered: number | undefined;
  onHover: (row: number | undefined) => void;
  brushes: Brushes;
  onBrush: (brushes: Brushes) => void;
  onChoose: (rows: readonly number[]) => void;
  onOpen: (row: number) => void;
}

export function CompareCharts(props: CompareChartsProps) {
  const [tab, setTab] = useState('parallel');
  return (
    <div class="compare-charts">
      <Tabs
        chosen={tab}
        onChoose={setTab}
        tabs={[
          { id: 'parallel', title: m.parallelCoordinates, content: () => <Parallel {...props} /> },
          { id: 'scatter', title: m.scatter, content: () => <ScatterTab {...props} /> },
          { id: 'curves', title: m.curves, content: () => <Curves {...props} /> },
        ]}
      />
    </div>
  );
}

/** Columns a chart can be made of: what was given, then what was reached. */
function chartColumns(columns: readonly CompareColumn[]): CompareColumn[] {
  const fit = columns.filter(({ kind }) => kind !== 'attribute');
  return fit.map((column) => ({ ...column, title: columnTitle(column) }));
}

function Parallel({ data, rows, columns, chosen, hovered, onHover, brushes, onBrush, onOpen }: CompareChartsProps) {
  const metrics = columns.filter(({ kind }) => kind === 'metric').slice(0, mostMetrics);
  const params = columns.filter(({ kind }) => kind === 'param' || kind === 'tag').slice(0, mostAxes - metrics.length);
  const drawn = [...params, ...metrics];
  // a filter that leaves the columns as they are leaves the axes as they are
  const dimensions = useMemo(() => chartColumns(drawn), [data, drawn.map(({ id }) => id).join('\n')]);
  if (dimensions.length < 2) return <EmptyState title={m.nothingDiffers} />;
  return (
    <ParallelChart
      title={m.parallelCoordinates}
      dimensions={dimensions}
      rows={rows}
      nameOf={(row) => data.titles[row]!}
      brushes={brushes}
      onBrush={onBrush}
      chosen={chosen}
      hovered={hovered}
      onHover={onHover}
      onOpen={onOpen}
    />
  );
}

function ScatterTab(props: CompareChartsProps) {
  const { data, shown, columns, chosen, hovered, onHover, onChoose, onOpen } = props;
  const fit = useMemo(() => chartColumns(columns), [data, columns.map(({ id }) => id).join('\n')]);
  const [xId, setX] = useState<string>();
  const [yId, setY] = useState<string>();
  const [colorId, setColor] = useState('');
  const x = fit.find(({ id }) => id === xId) ?? fit.find(({ kind }) => kind !== 'metric') ?? fit[0];
  const y = fit.find(({ id }) => id === yId) ?? fit.find(({ kind, id }) => kind === 'metric' && id !== x?.id) ?? fit[1];
  if (!x || !y) return <EmptyState title={m.nothingDiffers} />;
  const color = fit.find(({ id }) => id === colorId);
  const options = fit.map(({ id, title }) => ({ id, title }));
  return (
    <>
      <div class="toolbar">
        <Choice label="x" value={x.id} options={options} onChoose={setX} />
        <Choice label="y" value={y.id} options={options} onChoose={setY} />
        <Choice
          label={m.colorBy}
          value={color?.id ?? ''}
          options={[{ id: '', title: '–' }, ...options]}
          onChoose={setColor}
        />
      </div>
      <ScatterChart
        title={m.against(y.title, x.title)}
        x={x}
        y={y}
        color={color}
        rows={shown}
        nameOf={(row) => data.titles[row]!}
        chosen={chosen}
        hovered={hovered}
        onHover={onHover}
        onChoose={onChoose}
        onOpen={onOpen}
      />
    </>
  );
}

/** The curves of the chosen and pinned runs, or of the first ones, one card a tag. */
function Curves({ data, shown, chosen, pinned }: CompareChartsProps) {
  const client = useClient();
  const [options, setOptions] = useState(firstCurveOptions);
  const [filter, setFilter] = useState('');
  const [limit, setLimit] = useState(cardsAtOnce);
  const crosshair = useMemo(createCrosshair, [options.xAxis]);
  const wanted = [...new Set([...pinned, ...(chosen.size > 0 ? chosen : shown)])];
  const runs = wanted.slice(0, mostCurves).map((row) => ({ id: data.ids[row]!, label: data.titles[row]! }));
  const key = runs.map((run) => run.id).join();
  const { value: tags, error } = useLoaded(async () => {
    const answers = await Promise.all(runs.map((run) => client.call('listRunMetrics', { params: { id: run.id } })));
    return [...new Set(answers.flatMap((answer) => answer.tags.map(({ tag }) => tag)))];
  }, [key]);
  const cards = useMemo(() => {
    const fitting = (tags ?? []).filter((tag) => tag.toLowerCase().includes(filter.toLowerCase()));
    return groupTags(fitting, [])
      .flatMap((group) => group.tags)
      .map((tag) => ({ tag, sources: runs.map((run) => ({ key: { run: run.id, tag }, label: run.label })) }));
  }, [tags, filter, key]);
  return (
    <>
      <CurveToolbar options={options} onChange={setOptions} filter={filter} onFilter={setFilter}>
        {wanted.length > mostCurves && (
          <span class="quiet">{m.firstRunsShown(count(mostCurves), count(wanted.length))}</span>
        )}
      </CurveToolbar>
      {error && <ErrorNote error={error} />}
      {tags && cards.length === 0 && <EmptyState title={filter ? m.nothingFound(filter) : m.noCurvesEnded} />}
      <div class="chart-grid wide">
        {cards.slice(0, limit).map(({ tag, sources }) => (
          <CurveCard key={tag} title={tag} sources={sources} options={options} crosshair={crosshair} height={220} />
        ))}
      </div>
      {cards.length > limit && <Button onClick={() => setLimit(limit + cardsAtOnce)}>{m.showMore}</Button>}
    </>
  );
}
