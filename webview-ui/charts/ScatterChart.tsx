// Two dimensions as dots, for metrics against parameters (slices) and metrics against each other (with their Pareto
// front). A box drawn by the pointer chooses dots; each dot tells its row.
import { useCallback, useMemo, useRef, useState } from 'preact/hooks';
import { middleEllipsis } from '../../server/protocol/format/number.ts';
import { m, value } from '../i18n/index.ts';
import { ChartCard } from './ChartCard.tsx';
import type { NumberTable } from './chartFiles.ts';
import { Drawing } from './Drawing.tsx';
import { type Cell, type Dimension, isMissing } from './dimension.ts';
import { tickLabel } from './ParallelChart.tsx';
import { parallelAxes, rowsByColor } from './parallel.ts';
import type { Draw, Pen } from './pen.ts';
import {
  dotAt,
  dotsWithin,
  drawableRows,
  frontLine,
  nearestDot,
  type Scatter,
  type ScatterFrame,
  scatterOf,
} from './scatter.ts';
import { type ChartTheme, useChartTheme } from './theme.ts';
import './charts.css';

export interface ScatterChartProps {
  title: string;
  x: Dimension;
  y: Dimension;
  /** Colours the dots. */
  color?: Dimension | undefined;
  /** The rows that are drawn, by index. */
  rows: readonly number[];
  nameOf: (row: number) => string;
  /** Rows that no other row beats in both dimensions, joined by a line. */
  front?: { rows: readonly number[]; xGoal: 'minimize' | 'maximize' };
  chosen?: ReadonlySet<number>;
  hovered?: number | undefined;
  onHover?: (row: number | undefined) => void;
  /** Dots that a box was drawn around; none takes the choice back. */
  onChoose?: (rows: number[]) => void;
  onOpen?: (row: number) => void;
  height?: number;
}

const firstHeight = 260;
const reachPx = 10;
const manyDots = 1000;

interface Point {
  x: number;
  y: number;
}

export function ScatterChart(props: ScatterChartProps) {
  const { title, x, y, color, rows, nameOf, front, chosen, hovered, onHover, onChoose, onOpen } = props;
  const height = props.height ?? firstHeight;
  const theme = useChartTheme();
  const [width, setWidth] = useState(0);
  const [box, setBox] = useState<[Point, Point]>();
  const start = useRef<Point>(undefined);
  const scatter = useMemo(() => scatterOf(x, y), [x, y]);
  const drawn = useMemo(() => drawableRows(scatter, rows), [scatter, rows]);
  const colored = useMemo(() => (color ? parallelAxes([color])[0] : undefined), [color]);
  const draw = useCallback<Draw>(
    (pen, drawnWidth, drawnHeight) => {
      const frame = frameOf(drawnWidth, drawnHeight);
      drawAxes(pen, frame, { scatter, x, y, theme });
      const look = drawn.length > manyDots ? { radius: 2, alpha: 0.5 } : { radius: 3.5, alpha: 0.85 };
      for (const [step, members] of rowsByColor(colored, drawn, theme.ramp.length).entries()) {
        const centers = members.flatMap((row) => dotAt(scatter, row, frame));
        const dotColor = colored ? (theme.ramp[step] ?? theme.muted) : theme.line;
        if (centers.length > 0) pen.dots(centers, { color: dotColor, ...look });
      }
      if (front) pen.lines(frontLine(scatter, front.rows, frame, front.xGoal), { color: theme.best, width: 1.5 });
      const standOut = drawn.filter((row) => row === hovered || chosen?.has(row));
      if (standOut.length > 0) {
        const centers = standOut.flatMap((row) => dotAt(scatter, row, frame));
        pen.dots(centers, { color: theme.text, radius: look.radius + 2, isRing: true });
      }
    },
    [scatter, drawn, colored, front, chosen, hovered, theme, x, y],
  );
  const frame = frameOf(width, height);
  const pointOf = (event: PointerEvent | MouseEvent): Point => {
    const area = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return { x: event.clientX - area.left, y: event.clientY - area.top };
  };
  const rowAt = (event: PointerEvent | MouseEvent) =>
    nearestDot(scatter, drawn, frame, { ...pointOf(event), within: reachPx });
  const move = (event: PointerEvent) => {
    if (start.current) setBox([start.current, pointOf(event)]);
    else onHover?.(rowAt(event));
  };
  const begin = (event: PointerEvent) => {
    if (event.button !== 0 || !onChoose) return;
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    start.current = pointOf(event);
  };
  const end = (event: PointerEvent) => {
    const from = start.current;
    start.current = undefined;
    setBox(undefined);
    if (!from) return;
    const to = pointOf(event);
    if (Math.hypot(to.x - from.x, to.y - from.y) > 4) onChoose?.(dotsWithin(scatter, drawn, frame, [from, to]));
    else onChoose?.([rowAt(event)].filter((row) => row !== undefined));
  };
  const table = (): NumberTable => ({
    head: [m.run, x.title, y.title, ...(color ? [color.title] : [])],
    rows: rows.map((row) => [
      nameOf(row),
      ...[x, y, ...(color ? [color] : [])].map(({ values }) => exact(values[row])),
    ]),
  });
  const left = rows.length - drawn.length;

  return (
    <ChartCard
      title={title}
      name="scatter"
      height={height}
      table={table}
      picture={() => ({ draw, width: Math.max(width, 480), height, theme })}
      reading={
        hovered === undefined || isMissing(y.values[hovered]) ? (
          <span class="quiet">{m.dotsShown(drawn.length)}</span>
        ) : (
          <>
            <strong>{nameOf(hovered)}</strong>
            <span>{`${x.title} ${cellText(x.values[hovered])}`}</span>
            <span>{`${y.title} ${cellText(y.values[hovered])}`}</span>
          </>
        )
      }
      notes={left > 0 ? m.withoutPlace(left) : ''}
    >
      <Drawing
        draw={draw}
        font={theme.font}
        height={height}
        label={m.scatterOf(x.title, y.title)}
        onWidth={setWidth}
        onPointerMove={move}
        onPointerDown={begin}
        onPointerUp={end}
        onPointerLeave={() => onHover?.(undefined)}
        onDblClick={(event) => {
          const row = rowAt(event);
          if (row !== undefined) onOpen?.(row);
        }}
      >
        {box && <span class="choice-box" style={boxStyle(box)} />}
      </Drawing>
    </ChartCard>
  );
}

function frameOf(width: number, height: number): ScatterFrame {
  return { left: 60, right: Math.max(61, width - 12), top: 8, bottom: height - 40 };
}

function boxStyle([from, to]: [Point, Point]): Record<string, string> {
  return {
    left: `${Math.min(from.x, to.x)}px`,
    top: `${Math.min(from.y, to.y)}px`,
    width: `${Math.abs(to.x - from.x)}px`,
    height: `${Math.abs(to.y - from.y)}px`,
  };
}

function exact(cell: Cell): string | number | undefined {
  return typeof cell === 'boolean' ? String(cell) : (cell ?? undefined);
}

function cellText(cell: Cell): string {
  return typeof cell === 'number' ? value(cell) : String(cell ?? '–');
}

function drawAxes(
  pen: Pen,
  frame: ScatterFrame,
  { scatter, x, y, theme }: { scatter: Scatter; x: Dimension; y: Dimension; theme: ChartTheme },
): void {
  for (const tick of scatter.x.ticks) {
    const at = frame.left + tick.place * (frame.right - frame.left);
    pen.lines([at, frame.top, at, frame.bottom], { color: theme.grid, width: 1 });
    pen.text(at, frame.bottom + 11, tickLabel(tick.value), { color: theme.muted, align: 'center' });
  }
  for (const tick of scatter.y.ticks) {
    const at = frame.bottom - tick.place * (frame.bottom - frame.top);
    pen.lines([frame.left, at, frame.right, at], { color: theme.grid, width: 1 });
    pen.text(frame.left - 6, at, tickLabel(tick.value), { color: theme.muted, align: 'end' });
  }
  const middle = (frame.left + frame.right) / 2;
  pen.text(middle, frame.bottom + 29, middleEllipsis(x.title, 48), { color: theme.text, align: 'center' });
  pen.text(8, (frame.top + frame.bottom) / 2, middleEllipsis(y.title, 32), {
    color: theme.text,
    align: 'center',
    isUpright: true,
  });
}
