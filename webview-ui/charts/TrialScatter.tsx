// Points on two axes, the better ones marked: a slice through one parameter, or two goals against each other.
import { useMemo } from 'preact/hooks';
import type uPlot from 'uplot';
import { middleEllipsis } from '../../server/protocol/format/number.ts';
import { param, tickValue } from '../i18n/index.ts';
import './charts.css';
import { Plot } from './Plot.tsx';
import { useChartTheme } from './theme.ts';
import { type Given, placeOn, type TrialAxis, ticksOf } from './trialAxes.ts';

export interface ScatterPoint {
  x: Given | undefined;
  y: number;
  isMarked: boolean;
}

export interface TrialScatterProps {
  title: string;
  label: string;
  x: TrialAxis;
  points: readonly ScatterPoint[];
  height: number;
  /** Whether the marked points are joined, as a front is. */
  isJoined?: boolean;
}

export function TrialScatter({ title, label, x, points, height, isJoined = false }: TrialScatterProps) {
  const theme = useChartTheme();
  const data = useMemo<uPlot.AlignedData>(() => {
    const placed = points
      .flatMap(({ x: given, ...point }) => {
        const at = placeOn(x, given);
        return at === undefined ? [] : [{ at, ...point }];
      })
      .sort((a, b) => a.at - b.at);
    return [
      placed.map(({ at }) => at),
      placed.map(({ y, isMarked }) => (isMarked ? null : y)),
      placed.map(({ y, isMarked }) => (isMarked ? y : null)),
    ];
  }, [points, x]);
  const options = useMemo(() => {
    const axis = {
      stroke: theme.muted,
      font: theme.font,
      grid: { stroke: theme.grid, width: 1 },
      ticks: { stroke: theme.grid, width: 1, size: 4 },
    };
    const ticks = ticksOf(x);
    const text = (given: Given) => (typeof given === 'number' ? tickValue(given) : middleEllipsis(param(given), 10));
    return {
      legend: { show: false },
      padding: [8, 16, 0, 0] as uPlot.Padding,
      scales: { x: { time: false, range: [-0.05, 1.05] as [number, number] } },
      axes: [
        {
          ...axis,
          size: 26,
          splits: () => ticks.map(({ at }) => at),
          values: () => ticks.map(({ given }) => text(given)),
        },
        { ...axis, size: 52, values: (_: uPlot, given: number[]) => given.map((tick) => tickValue(tick)) },
      ],
      series: [
        {},
        {
          paths: () => null,
          stroke: theme.muted,
          points: { show: true, size: 5, stroke: theme.line, fill: 'transparent' },
        },
        {
          ...(isJoined ? {} : { paths: () => null }),
          spanGaps: true,
          width: 1.5,
          stroke: theme.best,
          points: { show: true, size: 6, stroke: theme.best, fill: theme.best },
        },
      ],
      cursor: { show: false },
    } satisfies Omit<uPlot.Options, 'width' | 'height'>;
  }, [theme, x, isJoined]);
  return (
    <figure class="chart-card">
      <h4 title={title}>{title}</h4>
      <Plot options={options} data={data} height={height} label={label} />
    </figure>
  );
}
