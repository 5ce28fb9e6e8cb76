// Requests, errors and latency of the last half hour, by revision, as they come.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import type { EntityOf } from '../../../server/protocol/entities.ts';
import type { EndpointTraffic } from '../../../server/protocol/traffic.ts';
import { ChartCard } from '../../charts/ChartCard.tsx';
import { Plot } from '../../charts/Plot.tsx';
import { type ChartTheme, useChartTheme } from '../../charts/theme.ts';
import { EmptyState, Section } from '../../components/layout.tsx';
import { exact, m, tickValue, value } from '../../i18n/index.ts';
import { useClient, useNow } from '../../store/hooks.ts';
import { mergeTraffic, trafficSeries } from './trafficSeries.ts';

const heightPx = 130;
const drawEveryMs = 5_000;
/** Lines of two revisions differ by more than their colour. */
const dashes = [[], [6, 4], [2, 3], [8, 3, 2, 3]];

export function TrafficCharts({ endpoint }: { endpoint: EntityOf<'endpoints'> }) {
  const traffic = useTraffic(endpoint);
  const now = useNow(drawEveryMs);
  const series = useMemo(() => traffic && trafficSeries(traffic, now), [traffic, now]);
  if (!series) return null;
  const { x, revisions } = series;
  if (revisions.length === 0) {
    return (
      <Section title={m.requestsColumn}>
        <EmptyState title={m.serving.noTraffic} />
      </Section>
    );
  }
  const charts = [
    { title: m.serving.requestsPerSecond, lines: series.requestsPerSecond },
    { title: m.serving.p95InMs, lines: series.p95Ms },
    { title: m.serving.errorsInPercent, lines: series.errorPercent },
  ];
  return (
    <Section title={m.requestsColumn}>
      <div class="traffic-charts">
        {charts.map(({ title, lines }) => (
          <TrafficChart key={title} title={title} x={x} revisions={revisions} lines={lines} />
        ))}
      </div>
    </Section>
  );
}

/** The hour before, then what is new each time the endpoint says that there is something. */
function useTraffic({ name, trafficAt }: EntityOf<'endpoints'>): EndpointTraffic | undefined {
  const client = useClient();
  const [traffic, setTraffic] = useState<EndpointTraffic>();
  const known = useRef<EndpointTraffic>(undefined);
  useEffect(() => {
    let isCurrent = true;
    const since = known.current?.to;
    client.call('readEndpointTraffic', { params: { name }, query: { since } }).then(
      (later) => {
        if (!isCurrent) return;
        known.current = mergeTraffic(known.current, later);
        setTraffic(known.current);
      },
      // What is shown stays; the connection's state is told by the page itself.
      () => undefined,
    );
    return () => {
      isCurrent = false;
    };
  }, [client, name, trafficAt]);
  return traffic;
}

interface TrafficChartProps {
  title: string;
  x: number[];
  revisions: string[];
  lines: (number | null)[][];
}

function TrafficChart({ title, x, revisions, lines }: TrafficChartProps) {
  const theme = useChartTheme();
  const key = revisions.join();
  const options = useMemo(() => plotOptions(theme, revisions.length), [theme, key]);
  const data = useMemo(() => [x, ...lines] as uPlot.AlignedData, [x, lines]);
  const table = () => ({
    head: [m.time, ...revisions],
    rows: x.map((at, i) => [exact(at * 1000), ...lines.map((line) => line[i] ?? undefined)]).reverse(),
  });
  const reading = revisions.map((revision, i) => (
    <span key={revision}>
      <i
        class="traffic-line"
        style={{ borderTopColor: theme.curves[i], borderTopStyle: i === 0 ? 'solid' : 'dashed' }}
      />
      {revision} <strong>{value(lastOf(lines[i]!))}</strong>
    </span>
  ));
  return (
    <ChartCard title={title} height={heightPx} table={table} reading={reading} name={title}>
      <Plot options={options} data={data} height={heightPx} label={m.serving.trafficOf(title)} />
    </ChartCard>
  );
}

function lastOf(line: (number | null)[]): number | undefined {
  return line.findLast((amount) => amount !== null) ?? undefined;
}

function plotOptions(theme: ChartTheme, lines: number) {
  const axis = {
    stroke: theme.muted,
    font: theme.font,
    grid: { stroke: theme.grid, width: 1 },
    ticks: { stroke: theme.grid, width: 1, size: 4 },
  };
  const series: uPlot.Series[] = Array.from({ length: lines }, (_, i) => ({
    stroke: theme.curves[i % theme.curves.length]!,
    width: 1.5,
    dash: dashes[i % dashes.length]!,
    spanGaps: false,
    points: { show: false },
  }));
  return {
    legend: { show: false },
    padding: [8, null, 0, 0] as uPlot.Padding,
    scales: {
      x: { time: true },
      y: { range: (_: uPlot, __: number, max: number): uPlot.Range.MinMax => [0, max > 0 ? max * 1.1 : 1] },
    },
    axes: [
      {
        ...axis,
        size: 26,
        values: [
          [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1],
          [60, '{HH}:{mm}', null, null, null, null, null, null, 1],
        ] as uPlot.Axis.Values,
      },
      { ...axis, size: 48, values: (_: uPlot, ticks: number[]) => ticks.map((tick) => tickValue(tick)) },
    ],
    series: [{}, ...series],
    cursor: { y: false, drag: { x: true, y: false } },
  } satisfies Omit<uPlot.Options, 'width' | 'height'>;
}
