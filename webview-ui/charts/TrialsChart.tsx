// The values of a sweep's trials in the order they were asked, with the best so far as a line over them.
import { useMemo } from 'preact/hooks';
import uPlot from 'uplot';
import type { EntityOf } from '../../server/protocol/entities.ts';
import { count, m, span, tickValue } from '../i18n/index.ts';
import { type BestGoal, trialPoints } from './bestSoFar.ts';
import { useChartTheme } from './theme.ts';
import './charts.css';
import { Plot } from './Plot.tsx';

const heightPx = 200;
/** Trials are whole numbers: no grid line stands between two of them. */
const wholeSteps = [1, 2, 5]
  .flatMap((step) => [step, step * 10, step * 100, step * 1000, step * 10_000])
  .sort((a, b) => a - b);

export function TrialsChart({
  trials,
  goal,
  metric,
  since,
}: {
  trials: EntityOf<'trials'>[];
  goal: BestGoal;
  metric: string;
  /** Draws over the time since then, in ms, instead of over the trials. */
  since?: number;
}) {
  const theme = useChartTheme();
  const points = useMemo(() => trialPoints(trials, goal, since), [trials, goal, since]);
  const data = useMemo<uPlot.AlignedData>(
    () => [points.numbers, points.finished, points.others, points.best],
    [points],
  );
  const options = useMemo(() => {
    const axis = {
      stroke: theme.muted,
      font: theme.font,
      grid: { stroke: theme.grid, width: 1 },
      ticks: { stroke: theme.grid, width: 1, size: 4 },
    };
    const dots = { paths: () => null, width: 1.5 };
    return {
      legend: { show: false },
      padding: [8, null, 0, 0] as uPlot.Padding,
      scales: { x: { time: false } },
      axes: [
        {
          ...axis,
          size: 26,
          ...(since === undefined ? { incrs: wholeSteps } : {}),
          values: (_: uPlot, ticks: number[]) =>
            ticks.map((tick) => (since === undefined ? count(tick) : span(tick * 1000))),
        },
        { ...axis, size: 52, values: (_: uPlot, ticks: number[]) => ticks.map((tick) => tickValue(tick)) },
      ],
      series: [
        {},
        { ...dots, stroke: theme.line, points: { show: true, size: 6, fill: theme.line } },
        { ...dots, stroke: theme.muted, points: { show: true, size: 6, fill: 'transparent' } },
        { stroke: theme.best, width: 1.5, paths: uPlot.paths.stepped!({ align: 1 }), points: { show: false } },
      ],
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    } satisfies Omit<uPlot.Options, 'width' | 'height'>;
  }, [theme, since === undefined]);

  return (
    <figure class="chart-card">
      <Plot options={options} data={data} height={heightPx} label={m.trialsChart(metric)} />
      <figcaption class="legend">
        <span class="legend-dot">{m.finishedTrials}</span>
        <span class="legend-ring">{m.otherTrials}</span>
        <span class="legend-line">{m.bestSoFar}</span>
        {points.nonFinite > 0 && <span>{m.nonFiniteTrials(count(points.nonFinite))}</span>}
      </figcaption>
    </figure>
  );
}
