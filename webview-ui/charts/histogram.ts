// Histograms of a tag by step, as a ridge: one outline for each step, the latest in front. Pure but for the pen.
import type { Histogram } from '../../server/protocol/metrics.ts';
import { count, tickValue } from '../i18n/index.ts';
import { numberAxis } from './axis.ts';
import type { Pen } from './pen.ts';
import type { ChartTheme } from './theme.ts';

/** How much of the chart's height one outline may take. */
const ridgeShare = 0.35;
const padding = { left: 10, right: 52, top: 10, bottom: 22 };

export interface Density {
  step: number;
  /** From edge to edge with the count per unit of width; empty buckets are zero. */
  bars: { from: number; to: number; density: number; count: number }[];
}

/** A histogram as densities: its buckets differ in width, so that counts alone would not compare. */
export function densityOf({ step, edges, counts }: Histogram): Density {
  const bars = counts.flatMap((amount, i) => {
    const [from, to] = [Number(edges[i]), Number(edges[i + 1])];
    if (!Number.isFinite(from) || !Number.isFinite(to)) return [];
    // all values alike: a bucket without width
    const width = to - from || Math.abs(from) * 1e-3 || 1e-3;
    return [{ from, to: from + width, density: amount / width, count: amount }];
  });
  return { step, bars };
}

/** Draws the histograms from the first step (behind) to the last (in front); `chosen` stands out. */
export function drawHistograms(
  pen: Pen,
  { width, height }: { width: number; height: number },
  { densities, chosen }: { densities: readonly Density[]; chosen: number },
  theme: ChartTheme,
): void {
  const filled = densities.flatMap(({ bars }) => bars.filter((bar) => bar.count > 0));
  let [low, high, peak] = [Infinity, -Infinity, 0];
  for (const { from, to, density } of filled) {
    low = Math.min(low, from);
    high = Math.max(high, to);
    peak = Math.max(peak, density);
  }
  const x = numberAxis([low, high], { ticks: 5, hasRoom: true });
  const [left, right] = [padding.left, width - padding.right];
  const [top, bottom] = [padding.top, height - padding.bottom];
  const ridge = (bottom - top) * ridgeShare;
  const placeX = (value: number) => left + (x.place(value) ?? 0) * (right - left);
  for (const { place, value } of x.ticks) {
    const at = left + place * (right - left);
    pen.lines([at, top, at, bottom], { color: theme.grid, width: 1 });
    pen.text(at, bottom + 12, tickValue(Number(value)), { color: theme.muted, align: 'center' });
  }
  const last = densities.length - 1;
  const labelled = Math.ceil(densities.length / 6);
  for (const [i, { step, bars }] of densities.entries()) {
    const base = last === 0 ? bottom : top + ridge + ((bottom - top - ridge) * i) / last;
    const outline: number[] = [left, base];
    for (const { from, to, density } of bars) {
      const y = base - (peak > 0 ? density / peak : 0) * ridge;
      outline.push(placeX(from), y, placeX(to), y);
    }
    outline.push(right, base);
    const isChosen = i === chosen;
    pen.area(outline, { color: theme.background, alpha: 0.75 });
    pen.area(outline, { color: theme.line, alpha: isChosen ? 0.55 : 0.22 });
    pen.lines(outline, { color: isChosen ? theme.text : theme.line, width: isChosen ? 1.5 : 0.75 });
    if (isChosen || ((last - i) % labelled === 0 && Math.abs(i - chosen) > labelled / 2)) {
      pen.text(right + 6, base, count(step), { color: isChosen ? theme.text : theme.muted });
    }
  }
}
