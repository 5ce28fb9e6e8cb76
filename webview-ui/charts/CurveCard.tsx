// One tag of one or several runs as a card: live curves with their reading, a cross-hair shared with the other cards,
// zoom that asks the server for every point of the range, and what could not be drawn, counted.
import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { SeriesKey } from '../../server/protocol/metrics.ts';
import { count, exact, m, span, value } from '../i18n/index.ts';
import { notePainted } from '../measure.ts';
import { asErrorBody } from '../store/client.ts';
import { useClient, useEvery, useInSight, useSeries } from '../store/hooks.ts';
import { type Series, seriesId, seriesOf } from '../store/series.ts';
import { ChartCard } from './ChartCard.tsx';
import type { NumberTable } from './chartFiles.ts';
import type { Crosshair } from './crosshair.ts';
import { type Curve, type CurveOptions, curveOf, type Extent, nearestPoint } from './curve.ts';
import { type CurvePlot, curveFrame, drawCurves, lookOf, plotOf } from './curveDrawing.ts';
import { Drawing } from './Drawing.tsx';
import type { Draw } from './pen.ts';
import { type ChartTheme, useChartTheme } from './theme.ts';
import './charts.css';

export interface CurveSource {
  key: SeriesKey;
  /** How the curve is called beside others. */
  label: string;
}

export interface CurveCardProps {
  title: string;
  sources: readonly CurveSource[];
  options: CurveOptions;
  crosshair: Crosshair;
  /** Draws the points that a restart wrote again too. */
  showsSuperseded?: boolean;
  actions?: ComponentChildren;
  height?: number;
}

const firstHeight = 180;
/** About the pixels a card is wide: the server keeps what this many buckets can show. */
const liveBuckets = 500;
/** While a card is zoomed, what arrives is fetched no more often. */
const zoomRefreshMs = 1000;
const dragPx = 4;

/** One curve with what its card knows of it. */
interface Drawn {
  label: string;
  series: Series;
  curve: Curve;
}

export function CurveCard(props: CurveCardProps) {
  const { title, sources, options, crosshair, showsSuperseded = false, actions } = props;
  const height = props.height ?? firstHeight;
  const theme = useChartTheme();
  const place = useRef<HTMLDivElement>(null);
  const inSight = useInSight(place);
  const keys = useMemo(() => sources.map((source) => source.key), [sources]);
  const live = useSeries(inSight ? keys : none, liveBuckets, showsSuperseded ? 'all' : 'shown');
  const zoom = useZoom(live, keys, options, showsSuperseded);
  const held = zoom.series ?? live;
  const drawn = useDrawn(sources, held, options);
  const plot = useMemo(
    () =>
      plotOf(
        drawn.map(({ curve }, i) => ({ curve, ...lookOf(i, theme) })),
        options,
        zoom.extent,
      ),
    [drawn, options, zoom.extent, theme],
  );
  const draw = useCallback<Draw>(
    (pen, width, drawnHeight) => drawCurves(pen, curveFrame(width, drawnHeight), plot, theme),
    [plot, theme],
  );
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    if (width > 0 && drawn.length > 0) notePainted('curves', () => paintedCurves(title, drawn, zoom));
  }, [draw, width]);

  const isAlone = sources.length === 1;
  return (
    <div ref={place} class="curve-card">
      <ChartCard
        title={title}
        name={title}
        height={height}
        actions={actions}
        table={() => tableOf(drawn, isAlone, options)}
        picture={() => ({ draw, width: Math.max(width, 480), height, theme })}
        reading={isAlone ? <Reading drawn={drawn[0]} options={options} crosshair={crosshair} /> : undefined}
        notes={zoom.error ?? <Notes drawn={drawn} options={options} />}
      >
        <Plot
          draw={draw}
          plot={plot}
          theme={theme}
          height={height}
          label={m.chartOf(title)}
          crosshair={crosshair}
          onWidth={setWidth}
          onZoom={zoom.to}
        />
        {!isAlone && <Legend drawn={drawn} theme={theme} crosshair={crosshair} />}
      </ChartCard>
    </div>
  );
}

const none: readonly SeriesKey[] = [];

function paintedCurves(title: string, drawn: readonly Drawn[], { extent, series }: Zoom) {
  const told = drawn.map(({ series: { run, total, covered, length, steps } }) => {
    return { run, total, covered, length, lastStep: steps[length - 1] };
  });
  return { title, zoomed: extent, fetched: series !== undefined, series: told };
}

/** The series that have points, prepared for drawing; each is prepared anew only when it or the options changed. */
function useDrawn(sources: readonly CurveSource[], held: ReadonlyMap<string, Series>, options: CurveOptions): Drawn[] {
  const known = useRef(new Map<Series, { revision: number; options: CurveOptions; curve: Curve }>());
  const revisions = sources.map(({ key }) => held.get(seriesId(key))?.revision ?? 0).join();
  return useMemo(() => {
    const next: typeof known.current = new Map();
    const drawn = sources.flatMap(({ key, label }) => {
      const series = held.get(seriesId(key));
      if (!series || series.length === 0) return [];
      const before = known.current.get(series);
      const isFresh = before?.revision === series.revision && before.options === options;
      const curve = isFresh ? before.curve : curveOf(series, options);
      next.set(series, { revision: series.revision, options, curve });
      return [{ label, series, curve }];
    });
    known.current = next;
    return drawn;
  }, [sources, held, revisions, options]);
}

interface Zoom {
  extent: Extent | undefined;
  /** What the server gave for the range; before it has, what is held is shown. */
  series: ReadonlyMap<string, Series> | undefined;
  /** Why there is nothing of the range. */
  error: string | undefined;
  /** Zooms to a range of x, or back to all. */
  to: (extent: Extent | undefined) => void;
}

function useZoom(
  live: ReadonlyMap<string, Series>,
  keys: readonly SeriesKey[],
  { xAxis }: CurveOptions,
  showsSuperseded: boolean,
): Zoom {
  const client = useClient();
  const [extent, setExtent] = useState<Extent>();
  const [series, setSeries] = useState<ReadonlyMap<string, Series>>();
  const [error, setError] = useState<string>();
  const asked = useRef(0);
  useEffect(() => {
    setExtent(undefined);
    setSeries(undefined);
  }, [xAxis]);

  const fetch = useCallback(
    async (wanted: Extent) => {
      asked.current += 1;
      const asking = asked.current;
      // a little more than is shown, so that lines go on to the edges
      const room = (wanted[1] - wanted[0]) * 0.01;
      const parts = keys.map((key) => {
        // relative times begin at another moment in each run
        const begin = xAxis === 'relative' ? (live.get(seriesId(key))?.wallTimes[0] ?? 0) : 0;
        return { key, from: wanted[0] - room + begin, to: wanted[1] + room + begin };
      });
      const calls = xAxis === 'relative' ? parts.map((part) => [part]) : [parts];
      const answers = await Promise.all(
        calls.map((call) =>
          client.call('querySeries', {
            body: {
              series: call.map((part) => part.key),
              buckets: liveBuckets,
              by: xAxis === 'step' ? 'step' : 'wallTime',
              from: call[0]!.from,
              to: call[0]!.to,
              points: showsSuperseded ? 'all' : 'shown',
            },
          }),
        ),
      );
      if (asking !== asked.current) return;
      const found = answers.flatMap((answer) => answer.series.map((part) => [seriesId(part), seriesOf(part)] as const));
      setSeries(new Map(found));
      setError(undefined);
    },
    [client, keys, xAxis, showsSuperseded, live],
  );
  const fetchNow = useRef(fetch);
  fetchNow.current = fetch;
  const refetch = useCallback((wanted: Extent) => {
    fetchNow.current(wanted).catch((refusal) => setError(asErrorBody(refusal).message));
  }, []);

  // What arrives while the card is zoomed may lie in the range.
  const totals = keys.map((key) => live.get(seriesId(key))?.total).join();
  const fetchedTotals = useRef(totals);
  useEvery(zoomRefreshMs, extent !== undefined, () => {
    if (!extent || totals === fetchedTotals.current) return;
    fetchedTotals.current = totals;
    refetch(extent);
  });

  const to = useCallback((wanted: Extent | undefined) => {
    asked.current += 1;
    setExtent(wanted);
    if (wanted) refetch(wanted);
    else setSeries(undefined);
  }, []);
  return { extent, series: extent && series, error: extent && error, to };
}

interface PlotProps {
  draw: Draw;
  plot: CurvePlot;
  theme: ChartTheme;
  height: number;
  label: string;
  crosshair: Crosshair;
  onWidth: (width: number) => void;
  onZoom: (extent: Extent | undefined) => void;
}

/** The canvas with the cross-hair over it; a range dragged over it is zoomed to, a double click shows all again. */
function Plot({ draw, plot, theme, height, label, crosshair, onWidth, onZoom }: PlotProps) {
  const [width, setWidth] = useState(0);
  const [dragged, setDragged] = useState<readonly [number, number]>();
  const start = useRef<number>(undefined);
  const frame = curveFrame(width, height);
  const told = useCallback(
    (next: number) => {
      setWidth(next);
      onWidth(next);
    },
    [onWidth],
  );
  const leftOf = (event: PointerEvent) =>
    event.clientX - (event.currentTarget as HTMLElement).getBoundingClientRect().left;
  const xAt = (left: number) => {
    const place = (left - frame.left) / (frame.right - frame.left);
    return Number(plot.x.valueAt(Math.max(0, Math.min(1, place))));
  };
  return (
    <Drawing
      draw={draw}
      font={theme.font}
      height={height}
      label={label}
      onWidth={told}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
        start.current = leftOf(event);
      }}
      onPointerMove={(event) => {
        const left = leftOf(event);
        crosshair.set(xAt(left));
        if (start.current !== undefined) setDragged([Math.min(start.current, left), Math.max(start.current, left)]);
      }}
      onPointerUp={(event) => {
        const [from, to] = [start.current, leftOf(event)];
        start.current = undefined;
        setDragged(undefined);
        if (from === undefined || Math.abs(to - from) < dragPx) return;
        onZoom([xAt(Math.min(from, to)), xAt(Math.max(from, to))]);
      }}
      onPointerLeave={() => crosshair.set(undefined)}
      onDblClick={() => onZoom(undefined)}
      onKeyDown={(event) => {
        const next = zoomByKey(event.key, plot.shown);
        if (next === undefined) return;
        event.preventDefault();
        onZoom(next === 'all' ? undefined : next);
      }}
    >
      {dragged && (
        <span
          class="zoom-range"
          style={{
            left: `${dragged[0]}px`,
            width: `${dragged[1] - dragged[0]}px`,
            height: `${frame.bottom - frame.top}px`,
          }}
        />
      )}
      {width > 0 && <CrosshairLine crosshair={crosshair} plot={plot} left={frame.left} right={frame.right} />}
    </Drawing>
  );
}

/** Plus and minus zoom around the middle, arrows move by a quarter, Escape and 0 show all. */
function zoomByKey(key: string, [from, to]: Extent): Extent | 'all' | undefined {
  const width = to - from;
  if (key === 'Escape' || key === '0') return 'all';
  if (key === '+' || key === '=') return [from + width / 4, to - width / 4];
  if (key === '-') return [from - width / 2, to + width / 2];
  if (key === 'ArrowLeft') return [from - width / 4, to - width / 4];
  if (key === 'ArrowRight') return [from + width / 4, to + width / 4];
  return undefined;
}

interface CrosshairLineProps {
  crosshair: Crosshair;
  plot: CurvePlot;
  left: number;
  right: number;
}

function CrosshairLine({ crosshair, plot, left, right }: CrosshairLineProps) {
  const x = useCrosshair(crosshair);
  const place = x === undefined ? undefined : plot.x.place(x);
  if (place === undefined || place < 0 || place > 1) return null;
  return <span class="crosshair" style={{ transform: `translateX(${left + place * (right - left)}px)` }} />;
}

function useCrosshair(crosshair: Crosshair): number | undefined {
  const [x, set] = useState(crosshair.x);
  useEffect(() => crosshair.listen(() => set(crosshair.x)), [crosshair]);
  return x;
}

/** The point under the cross-hair, or the last one. */
function pointAt(curve: Curve, x: number | undefined): number {
  return (x === undefined ? undefined : nearestPoint(curve, x)) ?? curve.x.length - 1;
}

/** The values under the cross-hair, or the last ones; always one line, so that nothing jumps. */
function Reading(props: { drawn: Drawn | undefined; options: CurveOptions; crosshair: Crosshair }) {
  const { drawn, options, crosshair } = props;
  const x = useCrosshair(crosshair);
  if (!drawn) return <>{m.noPoints}</>;
  const { curve, series } = drawn;
  const at = pointAt(curve, x);
  const point = curve.index[at]!;
  return (
    <>
      <strong>{value(series.values[point])}</strong>
      {options.smoothing > 0 && <span>{m.smoothedTo(value(curve.smoothed[at]))}</span>}
      <span class="quiet">{m.stepOf(count(series.steps[point]!))}</span>
      <span class="quiet">{span((series.wallTimes[point]! - series.wallTimes[0]!) * 1000)}</span>
    </>
  );
}

/** Which curve is which, with its value under the cross-hair. */
function Legend({ drawn, theme, crosshair }: { drawn: readonly Drawn[]; theme: ChartTheme; crosshair: Crosshair }) {
  const x = useCrosshair(crosshair);
  return (
    <ul class="curve-legend">
      {drawn.map(({ label, curve, series }, i) => {
        const { color, dash } = lookOf(i, theme);
        return (
          <li key={series.run}>
            <svg width="18" height="8" aria-hidden="true">
              <line x1="0" x2="18" y1="4" y2="4" stroke={color} stroke-width="2" stroke-dasharray={dash.join(' ')} />
            </svg>
            <span class="curve-name" title={label}>
              {label}
            </span>
            <span class="number">{value(curve.values[pointAt(curve, x)])}</span>
          </li>
        );
      })}
    </ul>
  );
}

/** What the lines do not show, counted. */
function Notes({ drawn, options }: { drawn: readonly Drawn[]; options: CurveOptions }) {
  const sum = (of: (drawn: Drawn) => number) => drawn.reduce((total, each) => total + of(each), 0);
  const counts: [amount: number, text: (amount: string) => string][] = [
    [sum(({ series }) => series.nonFinite.nan), (amount) => m.nonFinite(amount, value('NaN'))],
    [sum(({ series }) => series.nonFinite.positiveInfinity), (amount) => m.nonFinite(amount, value('Infinity'))],
    [sum(({ series }) => series.nonFinite.negativeInfinity), (amount) => m.nonFinite(amount, value('-Infinity'))],
    [sum(({ series }) => series.superseded), m.superseded],
    [options.logY ? sum(({ curve }) => curve.belowLog) : 0, m.belowLog],
  ];
  const notes = counts.filter(([amount]) => amount > 0).map(([amount, text]) => text(count(amount)));
  const [all, shown] = [sum(({ series }) => series.covered), sum(({ series }) => series.length)];
  if (all > shown) notes.push(m.thinned(count(all)));
  return <>{notes.join(' · ')}</>;
}

function tableOf(drawn: readonly Drawn[], isAlone: boolean, { smoothing }: CurveOptions): NumberTable {
  const head = [m.step, m.valueColumn, ...(smoothing > 0 ? [m.smoothed] : []), m.time];
  return {
    head: isAlone ? head : [m.run, ...head],
    rows: drawn.flatMap(({ label, curve, series }) =>
      Array.from(curve.index, (point, i) => {
        const cells = [
          series.steps[point]!,
          series.values[point]!,
          ...(smoothing > 0 ? [curve.smoothed[i]!] : []),
          exact(series.wallTimes[point]! * 1000),
        ];
        return isAlone ? cells : [label, ...cells];
      }).reverse(),
    ),
  };
}
