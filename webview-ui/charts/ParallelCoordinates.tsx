// Every trial as a line across its parameters to its value; the better, the stronger.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { EntityOf } from '../../server/protocol/entities.ts';
import { middleEllipsis } from '../../server/protocol/format/number.ts';
import { count, m, param, tickValue } from '../i18n/index.ts';
import { type ChartTheme, useChartTheme } from './theme.ts';
import { axesOf, type Given, numberAxis, placeOn, type TrialAxis, ticksOf } from './trialAxes.ts';
import './charts.css';

const heightPx = 260;
const top = 30;
const bottom = 14;
/** More lines than this are a solid area: the best are drawn. */
const mostLines = 2000;
const labelLength = 18;

interface Props {
  trials: readonly EntityOf<'trials'>[];
  space: Readonly<Record<string, unknown>> | undefined;
  metric: string;
  goal: 'minimize' | 'maximize';
}

export function ParallelCoordinates({ trials, space, metric, goal }: Props) {
  const theme = useChartTheme();
  const place = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(place);
  const { axes, lines, left } = useMemo(() => linesOf(trials, space, metric, goal), [trials, space, metric, goal]);
  const room = Math.max(width - 120, 40);
  const xOf = (index: number) => 60 + (axes.length === 1 ? room / 2 : (index / (axes.length - 1)) * room);
  const yOf = (at: number) => top + (1 - at) * (heightPx - top - bottom);
  useEffect(() => {
    if (canvas.current && width > 0) draw(canvas.current, width, theme, lines, xOf, yOf);
  }, [lines, width, theme]);
  return (
    <figure class="chart-card">
      <div class="parallel" ref={place} role="img" aria-label={m.parallelChart(metric)}>
        <canvas ref={canvas} />
        <svg width={width} height={heightPx} aria-hidden="true">
          {axes.map((axis, index) => (
            <g key={axis.name} transform={`translate(${xOf(index)},0)`}>
              <text class="axis-name" y={14} text-anchor="middle">
                <title>{axis.name}</title>
                {middleEllipsis(axis.name, labelLength)}
              </text>
              <line y1={top} y2={heightPx - bottom} />
              {ticksOf(axis, 0).map(({ at, given }) => (
                <text key={at} class="axis-tick" x={6} y={yOf(at) + (at > 0.9 ? 10 : at < 0.1 ? -3 : 4)}>
                  {tickText(given)}
                </text>
              ))}
            </g>
          ))}
        </svg>
      </div>
      <figcaption class="legend">
        <span class="legend-line">{m.betterIsStronger}</span>
        {left > 0 && <span>{m.onlyBestDrawn(count(mostLines))}</span>}
      </figcaption>
    </figure>
  );
}

function tickText(given: Given): string {
  return typeof given === 'number' ? tickValue(given) : middleEllipsis(param(given), 12);
}

interface Line {
  /** From 0, the worst, to 1, the best, by rank. */
  quality: number;
  places: (number | undefined)[];
}

function linesOf(
  trials: Props['trials'],
  space: Props['space'],
  metric: string,
  goal: Props['goal'],
): { axes: TrialAxis[]; lines: Line[]; left: number } {
  const sign = goal === 'maximize' ? 1 : -1;
  const known = trials
    .filter(({ value }) => value !== undefined && Number.isFinite(Number(value)))
    .sort((a, b) => sign * (Number(a.value) - Number(b.value)));
  const shown = known.slice(-mostLines);
  const parameters = axesOf(space, trials);
  const values = numberAxis(
    metric,
    shown.map(({ value }) => Number(value)),
  );
  const lines = shown.map((trial, index) => ({
    quality: shown.length === 1 ? 1 : index / (shown.length - 1),
    places: [...parameters.map((axis) => placeOn(axis, trial.params[axis.name])), placeOn(values, Number(trial.value))],
  }));
  return { axes: [...parameters, values], lines, left: known.length - shown.length };
}

/** Worst first, so that the best lie on top. A parameter that a trial has not breaks its line. */
function draw(
  canvas: HTMLCanvasElement,
  width: number,
  theme: ChartTheme,
  lines: readonly Line[],
  xOf: (index: number) => number,
  yOf: (at: number) => number,
): void {
  const scale = window.devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = heightPx * scale;
  const context = canvas.getContext('2d')!;
  context.scale(scale, scale);
  context.lineWidth = 1.25;
  for (const { quality, places } of lines) {
    const isBest = quality >= 0.95;
    context.strokeStyle = isBest ? theme.best : theme.line;
    context.globalAlpha = isBest ? 0.95 : 0.08 + 0.5 * quality ** 2;
    context.beginPath();
    let isBroken = true;
    for (const [index, at] of places.entries()) {
      if (at === undefined) isBroken = true;
      else {
        if (isBroken) context.moveTo(xOf(index), yOf(at));
        else context.lineTo(xOf(index), yOf(at));
        isBroken = false;
      }
    }
    context.stroke();
  }
}

function useWidth(place: { current: HTMLElement | null }): number {
  const [width, set] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => set(Math.floor(entry!.contentRect.width)));
    observer.observe(place.current!);
    return () => observer.disconnect();
  }, []);
  return width;
}
