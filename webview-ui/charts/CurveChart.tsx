// One scalar tag as a card: a live curve with its reading, what it could not draw, and its numbers as a table.
import { useMemo, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { middleEllipsis } from '../../server/protocol/format/number.ts';
import { Button } from '../components/toolkit.tsx';
import { count, exact, m, span, tickValue, value } from '../i18n/index.ts';
import type { Series } from '../store/series.ts';
import { type Curve, type CurveOptions, curveOf, type XAxis } from './curve.ts';
import { type ChartTheme, useChartTheme } from './theme.ts';
import './charts.css';
import { Plot } from './Plot.tsx';

const heightPx = 180;
const tagLength = 44;
/** Rows of the table at once; more can be copied from the exported event files. */
const tableRows = 500;

export interface CurveChartProps {
  series: Series;
  options: CurveOptions;
  /** Charts of one key share their cross-hair. */
  syncKey: string;
}

export function CurveChart({ series, options, syncKey }: CurveChartProps) {
  const theme = useChartTheme();
  const [isTable, setIsTable] = useState(false);
  const [hovered, setHovered] = useState<number>();
  const { xAxis, smoothing, logY } = options;
  // the revision stands for the content of the series
  const curve = useMemo(
    () => curveOf(series, { xAxis, smoothing, logY }),
    [series, series.revision, xAxis, smoothing, logY],
  );
  const shown = useRef(curve);
  shown.current = curve;
  const isSmoothed = smoothing > 0;
  const plotOptions = useMemo(
    () => plotOptionsOf({ theme, xAxis, logY, isSmoothed, syncKey, curve: () => shown.current, onHover: setHovered }),
    [theme, xAxis, logY, isSmoothed, syncKey],
  );
  const data = useMemo<uPlot.AlignedData>(
    () => (isSmoothed ? [curve.x, curve.raw, curve.smoothed] : [curve.x, curve.raw]),
    [curve, isSmoothed],
  );
  const at = hovered !== undefined && hovered < curve.index.length ? hovered : curve.index.length - 1;

  return (
    <section class="chart-card" aria-label={series.tag}>
      <header>
        <h4 title={series.tag}>{middleEllipsis(series.tag, tagLength)}</h4>
        <Button appearance="icon" pressed={isTable} onClick={() => setIsTable(!isTable)} label={m.showAsTable}>
          {m.table}
        </Button>
      </header>
      <Reading series={series} curve={curve} at={at} isSmoothed={isSmoothed} />
      {isTable ? (
        <PointTable series={series} curve={curve} isSmoothed={isSmoothed} />
      ) : (
        <Plot options={plotOptions} data={data} height={heightPx} label={m.chartOf(series.tag)} />
      )}
      <Notes curve={curve} />
    </section>
  );
}

/** The values under the cross-hair, or the last ones; always one line, so that nothing jumps. */
function Reading({ series, curve, at, isSmoothed }: { series: Series; curve: Curve; at: number; isSmoothed: boolean }) {
  const point = curve.index[at];
  if (point === undefined) return <p class="reading">{m.noPoints}</p>;
  const smoothed = isSmoothed ? curve.smoothed[at] : undefined;
  return (
    <p class="reading">
      <strong>{value(series.values[point])}</strong>
      {smoothed !== undefined && smoothed !== null && <span>{m.smoothedTo(value(smoothed))}</span>}
      <span class="quiet">{m.stepOf(count(series.steps[point]!))}</span>
      <span class="quiet">{span((series.wallTimes[point]! - series.wallTimes[0]!) * 1000)}</span>
    </p>
  );
}

/** What the line does not show, counted. Keeps its line when there is nothing to say. */
function Notes({ curve }: { curve: Curve }) {
  const kinds = Map.groupBy(curve.marks, (mark) => mark.kind);
  const notes = [...kinds].map(([kind, marks]) => m.nonFinite(count(marks.length), value(kind)));
  if (curve.superseded > 0) notes.push(m.superseded(count(curve.superseded)));
  if (curve.belowLog > 0) notes.push(m.belowLog(count(curve.belowLog)));
  return <p class="notes">{notes.join(' · ')}</p>;
}

function PointTable({ series, curve, isSmoothed }: { series: Series; curve: Curve; isSmoothed: boolean }) {
  const from = Math.max(0, curve.index.length - tableRows);
  const rows = Array.from(curve.index.subarray(from), (point, i) => ({ point, smoothed: curve.smoothed[from + i] }));
  rows.reverse();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <div class="point-table" style={{ height: `${heightPx}px` }} tabIndex={0}>
      <table>
        <caption class="sr-only">{series.tag}</caption>
        <thead>
          <tr>
            <th class="end">{m.step}</th>
            <th class="end">{m.valueColumn}</th>
            {isSmoothed && <th class="end">{m.smoothed}</th>}
            <th class="end">{m.time}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ point, smoothed }) => (
            <tr key={point}>
              <td class="end">{count(series.steps[point]!)}</td>
              <td class="end">{value(series.values[point])}</td>
              {isSmoothed && <td class="end">{value(smoothed)}</td>}
              <td class="end">{exact(series.wallTimes[point]! * 1000)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface PlotLook {
  theme: ChartTheme;
  xAxis: XAxis;
  logY: boolean;
  isSmoothed: boolean;
  syncKey: string;
  curve: () => Curve;
  onHover: (index: number | undefined) => void;
}

function plotOptionsOf({ theme, xAxis, logY, isSmoothed, syncKey, curve, onHover }: PlotLook) {
  const axis = {
    stroke: theme.muted,
    font: theme.font,
    grid: { stroke: theme.grid, width: 1 },
    ticks: { stroke: theme.grid, width: 1, size: 4 },
  };
  const series: uPlot.Series[] = [{}, { stroke: theme.line, width: 1.5, alpha: isSmoothed ? 0.3 : 1 }];
  if (isSmoothed) series.push({ stroke: theme.line, width: 1.5, points: { show: false } });
  return {
    legend: { show: false },
    padding: [8, null, 0, 0] as uPlot.Padding,
    scales: { x: { time: xAxis === 'wall' }, y: { distr: logY ? (3 as const) : (1 as const) } },
    axes: [
      { ...axis, size: 26, ...(xAxis === 'wall' ? {} : { values: xLabels(xAxis) }) },
      {
        ...axis,
        size: 52,
        values: (_: uPlot, ticks: number[]) => ticks.map((tick) => (tick === null ? '' : tickValue(tick))),
      },
    ],
    series,
    cursor: {
      sync: { key: `${syncKey} ${xAxis}`, scales: ['x', null] as [string, null] },
      y: false,
      points: { size: 6 },
      drag: { x: true, y: false },
    },
    hooks: {
      setCursor: [(plot: uPlot) => onHover(plot.cursor.idx ?? undefined)],
      draw: [(plot: uPlot) => drawMarks(plot, curve().marks, theme)],
    },
  } satisfies Omit<uPlot.Options, 'width' | 'height'>;
}

function xLabels(xAxis: XAxis) {
  return (_: uPlot, ticks: number[]) =>
    ticks.map((tick) => (xAxis === 'relative' ? span(tick * 1000) : Number.isInteger(tick) ? count(tick) : ''));
}

/** What is no number stands at the edge it belongs to: NaN as a cross below, infinities as arrows up and down. */
function drawMarks(plot: uPlot, marks: Curve['marks'], theme: ChartTheme): void {
  const { ctx, bbox } = plot;
  const size = 3.5 * devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left - size, bbox.top, bbox.width + 2 * size, bbox.height);
  ctx.clip();
  ctx.strokeStyle = theme.error;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  for (const { x, kind } of marks) {
    const left = plot.valToPos(x, 'x', true);
    const top = kind === 'Infinity' ? bbox.top + 2 * size : bbox.top + bbox.height - 2 * size;
    ctx.beginPath();
    if (kind === 'NaN') {
      ctx.moveTo(left - size, top - size);
      ctx.lineTo(left + size, top + size);
      ctx.moveTo(left + size, top - size);
      ctx.lineTo(left - size, top + size);
    } else {
      const tip = kind === 'Infinity' ? -size : size;
      ctx.moveTo(left - size, top - tip);
      ctx.lineTo(left, top + tip);
      ctx.lineTo(left + size, top - tip);
    }
    ctx.stroke();
  }
  ctx.restore();
}
