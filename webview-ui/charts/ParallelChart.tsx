// Parallel coordinates as a chart: lines on a canvas, brushes over each axis by pointer and by keyboard.

import { useCallback, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { middleEllipsis } from '../../server/protocol/format/number.ts';

import { m, param, tickValue } from '../i18n/index.ts';
import { notePainted } from '../measure.ts';
import { ChartCard } from './ChartCard.tsx';
import type { NumberTable } from './chartFiles.ts';
import { Drawing } from './Drawing.tsx';
import type { Dimension } from './dimension.ts';
import {
  axisX,
  type Brushes,
  bundledLines,
  nearestLine,
  type ParallelAxis,
  type ParallelFrame,
  parallelAxes,
  parallelLines,
  rowsByColor,
  withinBrushes,
} from './parallel.ts';
import type { Draw, Pen } from './pen.ts';
import { type ChartTheme, useChartTheme } from './theme.ts';
import './charts.css';

export interface ParallelChartProps {
  title: string;
  dimensions: readonly Dimension[];
  /** The rows that are drawn, by index; those outside the brushes are drawn faintly. */
  rows: readonly number[];
  nameOf: (row: number) => string;
  /** The dimension whose values colour the lines; the last one where none is named. */
  colorBy?: string | undefined;
  brushes: Brushes;
  onBrush: (brushes: Brushes) => void;
  /** Rows that stand out: chosen elsewhere, or under the pointer. */
  chosen?: ReadonlySet<number>;
  hovered?: number | undefined;
  onHover?: (row: number | undefined) => void;
  onOpen?: (row: number) => void;
  height?: number;
}

const firstHeight = 260;
const topPx = 30;
const bottomPx = 26;
const sidePx = 56;
const reachPx = 8;
/** How far an arrow key moves the edge of a brush, as a share of the axis. */
const keyStep = 0.02;
/** More lines than this are drawn thinner, so that the dense places show. */
const manyLines = 400;
/** More lines than this are drawn as bundles of those that run alike. */
const bundledFrom = 1500;
const bundleParts = 28;
const bundleAlphas = [0.18, 0.4, 0.75] as const;

export function ParallelChart(props: ParallelChartProps) {
  const { title, dimensions, rows, nameOf, colorBy, brushes, onBrush, chosen, hovered, onHover, onOpen } = props;
  const height = props.height ?? firstHeight;
  const theme = useChartTheme();
  const [width, setWidth] = useState(0);
  const axes = useMemo(() => parallelAxes(dimensions), [dimensions]);
  const within = useMemo(() => withinBrushes(axes, brushes, rows), [axes, brushes, rows]);
  const colored = axes.find(({ dimension }) => dimension.id === colorBy) ?? axes.at(-1);

  const draw = useCallback<Draw>(
    (pen, drawnWidth, drawnHeight) =>
      drawParallel(pen, frameOf(drawnWidth, drawnHeight), { axes, rows, within, colored, theme, brushes }),
    [axes, rows, within, colored, theme, brushes],
  );
  const standOut = useMemo(() => {
    const all = new Set(chosen);
    if (hovered !== undefined) all.add(hovered);
    return [...all].filter((row) => row < (axes[0]?.places.length ?? 0));
  }, [chosen, hovered, axes]);
  const drawOver = useCallback<Draw>(
    (pen, drawnWidth, drawnHeight) => {
      const path = parallelLines(axes, standOut, frameOf(drawnWidth, drawnHeight));
      pen.lines(path, { color: theme.background, width: 4 });
      pen.lines(path, { color: theme.text, width: 2 });
    },
    [axes, standOut, theme],
  );
  useLayoutEffect(() => {
    if (width > 0) notePainted('parallel', () => ({ rows: within.length }));
  }, [draw, width]);
  const frame = frameOf(width, height);
  const rowAt = (event: PointerEvent | MouseEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return nearestLine(axes, within, frame, {
      x: event.clientX - box.left,
      y: event.clientY - box.top,
      within: reachPx,
    });
  };
  const table = (): NumberTable => ({
    head: [m.run, ...dimensions.map((dimension) => dimension.title)],
    rows: within.map((row) => [nameOf(row), ...dimensions.map(({ values }) => exactCell(values[row]))]),
  });

  return (
    <ChartCard
      title={title}
      name="parallel"
      height={height}
      table={table}
      picture={() => ({ draw, width: Math.max(width, 640), height, theme })}
      reading={hovered === undefined ? m.linesShown(within.length, rows.length) : <strong>{nameOf(hovered)}</strong>}
    >
      <Drawing
        draw={draw}
        font={theme.font}
        height={height}
        label={m.parallelOf(dimensions.map((dimension) => dimension.title).join(', '))}
        onWidth={setWidth}
        onPointerMove={onHover && ((event) => event.buttons === 0 && onHover(rowAt(event)))}
        onPointerLeave={onHover && (() => onHover(undefined))}
        onDblClick={(event) => {
          const row = rowAt(event);
          if (row !== undefined) onOpen?.(row);
        }}
      >
        {standOut.length > 0 && <Over draw={drawOver} font={theme.font} height={height} />}
        {width > 0 &&
          axes.map((axis, i) => (
            <Brush
              key={axis.dimension.id}
              axis={axis}
              x={axisX(frame, i, axes.length)}
              frame={frame}
              range={brushes[axis.dimension.id]}
              onChange={(range) => {
                const { [axis.dimension.id]: _, ...others } = brushes;
                onBrush(range ? { ...others, [axis.dimension.id]: range } : others);
              }}
            />
          ))}
      </Drawing>
    </ChartCard>
  );
}

function exactCell(cell: Dimension['values'][number]): string | number | undefined {
  return typeof cell === 'boolean' ? String(cell) : (cell ?? undefined);
}

/** A second canvas over the first, so that a line under the pointer costs no drawing of all the others. */
function Over({ draw, font, height }: { draw: Draw; font: string; height: number }) {
  return (
    <div class="drawing-over" aria-hidden="true">
      <Drawing draw={draw} font={font} height={height} label="" />
    </div>
  );
}

function frameOf(width: number, height: number): ParallelFrame {
  return {
    left: sidePx,
    right: Math.max(sidePx + 1, width - sidePx),
    top: topPx,
    bottom: height - bottomPx,
    missing: height - 10,
  };
}

interface ParallelDrawing {
  axes: readonly ParallelAxis[];
  rows: readonly number[];
  within: readonly number[];
  colored: ParallelAxis | undefined;
  theme: ChartTheme;
  brushes: Brushes;
}

function drawParallel(pen: Pen, frame: ParallelFrame, drawing: ParallelDrawing): void {
  const { axes, rows, within, colored, theme } = drawing;
  if (within.length < rows.length) {
    const drawn = new Set(within);
    // enough of them to tell what was left out
    const outside = rows.filter((row) => !drawn.has(row)).slice(0, bundledFrom);
    pen.lines(parallelLines(axes, outside, frame), { color: theme.muted, width: 0.5, alpha: 0.12 });
  }
  const steps = theme.ramp.length;
  if (within.length > bundledFrom) {
    for (const { color, weight, path } of bundledLines(axes, within, frame, {
      by: colored,
      steps,
      parts: bundleParts,
    })) {
      pen.lines(path, { color: theme.ramp[color] ?? theme.muted, width: 1 + weight, alpha: bundleAlphas[weight] });
    }
  } else {
    const stroke = within.length > manyLines ? { width: 0.7, alpha: 0.35 } : { width: 1.2, alpha: 0.8 };
    for (const [step, members] of rowsByColor(colored, within, steps).entries()) {
      const color = theme.ramp[step] ?? theme.muted;
      if (members.length > 0) pen.lines(parallelLines(axes, members, frame), { color, ...stroke });
    }
  }
  for (const [i, { dimension, axis, hasMissing }] of axes.entries()) {
    const x = axisX(frame, i, axes.length);
    const room = axes.length > 1 ? (frame.right - frame.left) / (axes.length - 1) : frame.right;
    pen.lines([x, frame.top, x, frame.bottom], { color: theme.muted, width: 1 });
    pen.text(x, 10, middleEllipsis(dimension.title, Math.max(6, Math.floor(room / 7))), {
      color: theme.text,
      align: 'center',
    });
    const isLast = i === axes.length - 1 && i > 0;
    for (const tick of axis.ticks) {
      const y = frame.bottom - tick.place * (frame.bottom - frame.top);
      pen.lines([x - 3, y, x + 3, y], { color: theme.muted, width: 1 });
      pen.text(x + (isLast ? 6 : -6), y, tickLabel(tick.value), {
        color: theme.muted,
        align: isLast ? 'start' : 'end',
      });
    }
    if (hasMissing) pen.text(x - 6, frame.missing, '–', { color: theme.muted, align: 'end' });
  }
}

/** A tick as it is read: short numbers, categories cut to what fits beside the axis. */
export function tickLabel(value: number | string): string {
  return typeof value === 'number' ? tickValue(value) : middleEllipsis(value, 9);
}

interface BrushProps {
  axis: ParallelAxis;
  x: number;
  frame: ParallelFrame;
  range: readonly [number, number] | undefined;
  onChange: (range: readonly [number, number] | undefined) => void;
}

/** The chosen part of one axis: dragged by the pointer, its two edges moved by arrow keys, cleared by Escape. */
function Brush({ axis, x, frame, range, onChange }: BrushProps) {
  const start = useRef<number>(undefined);
  const height = frame.bottom - frame.top;
  const placeAt = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return Math.max(0, Math.min(1, 1 - (event.clientY - box.top) / box.height));
  };
  const begin = (event: PointerEvent) => {
    event.preventDefault();
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    start.current = placeAt(event);
  };
  const drag = (event: PointerEvent) => {
    if (start.current === undefined) return;
    const to = placeAt(event);
    if (Math.abs(to - start.current) * height < 3) return;
    onChange([Math.min(start.current, to), Math.max(start.current, to)]);
  };
  const end = (event: PointerEvent) => {
    if (start.current !== undefined && Math.abs(placeAt(event) - start.current) * height < 3) onChange(undefined);
    start.current = undefined;
  };
  const [low, high] = range ?? [0, 1];
  return (
    <fieldset class="brush" style={{ left: `${x}px`, top: `${frame.top}px`, height: `${height}px` }}>
      <legend class="sr-only">{axis.dimension.title}</legend>
      <div class="brush-track" onPointerDown={begin} onPointerMove={drag} onPointerUp={end}>
        {range && (
          <span
            class="brush-range"
            style={{ bottom: `${low * 100}%`, height: `${Math.max(high - low, 0.005) * 100}%` }}
          />
        )}
      </div>
      {(['low', 'high'] as const).map((edge) => {
        const place = edge === 'low' ? low : high;
        const move = (to: number) => {
          const next = Math.max(0, Math.min(1, to));
          onChange(edge === 'low' ? [Math.min(next, high), high] : [low, Math.max(next, low)]);
        };
        return (
          <span
            key={edge}
            class="brush-edge"
            style={{ bottom: `${place * 100}%` }}
            role="slider"
            tabIndex={0}
            aria-orientation="vertical"
            aria-label={edge === 'low' ? m.atLeastOf(axis.dimension.title) : m.atMostOf(axis.dimension.title)}
            aria-valuemin={0}
            aria-valuemax={1}
            aria-valuenow={Number(place.toFixed(3))}
            aria-valuetext={param(axis.axis.valueAt(place))}
            onKeyDown={(event) => {
              const step = { ArrowUp: keyStep, ArrowDown: -keyStep, PageUp: 5 * keyStep, PageDown: -5 * keyStep }[
                event.key
              ];
              if (event.key === 'Escape' || event.key === 'Delete') onChange(undefined);
              else if (step !== undefined) move(place + step);
              else return;
              event.preventDefault();
            }}
          />
        );
      })}
    </fieldset>
  );
}
