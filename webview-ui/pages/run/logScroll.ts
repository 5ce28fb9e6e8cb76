// Which line a scroll position means. Browsers scroll no further than some tens of millions of pixels; beyond a safe
// height the scroll bar stands for proportionally more. Pure.

/** Firefox lays out up to 17.8 million pixels (2³⁰ / 60), Chromium up to 33.5 million. */
export const mostPx = 15_000_000;

export interface LogView {
  lines: number;
  linePx: number;
  /** Pixels of the pane. */
  height: number;
}

/** Pixels of everything there is to scroll through. */
export function scrollHeight({ lines, linePx }: LogView): number {
  return Math.min(mostPx, lines * linePx);
}

/** The line at the top of the pane, with its fraction, at a scroll position. */
export function lineAtScroll(view: LogView, top: number): number {
  const [most, mostLines] = ranges(view);
  return most === 0 ? 0 : (Math.min(top, most) / most) * mostLines;
}

/** The scroll position that has a line at the top of the pane. */
export function scrollOfLine(view: LogView, line: number): number {
  const [most, mostLines] = ranges(view);
  return mostLines === 0 ? 0 : Math.max(0, Math.min(1, line / mostLines)) * most;
}

/** How far can be scrolled, in pixels and in lines. */
function ranges(view: LogView): [px: number, lines: number] {
  const inSight = view.height / view.linePx;
  return [Math.max(0, scrollHeight(view) - view.height), Math.max(0, view.lines - inSight)];
}
