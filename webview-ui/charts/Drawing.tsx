// A canvas that a chart of ours is drawn on: as wide as its place, sharp on every screen, drawn anew when the drawing
// changes. What goes over it (brushes, cross-hairs, labels) are its children.
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { type Draw, paintCanvas } from './pen.ts';

export interface DrawingProps {
  draw: Draw;
  font: string;
  height: number;
  label: string;
  /** Told once the width is known and when it changes, for what is laid over the canvas. */
  onWidth?: (width: number) => void;
  onPointerMove?: (event: PointerEvent) => void;
  onPointerDown?: (event: PointerEvent) => void;
  onPointerUp?: (event: PointerEvent) => void;
  onPointerLeave?: () => void;
  onDblClick?: (event: MouseEvent) => void;
  /** Makes the drawing reachable by keyboard. */
  onKeyDown?: (event: KeyboardEvent) => void;
  children?: ComponentChildren;
}

const leastWidth = 80;

export function Drawing({ draw, font, height, label, onWidth, children, ...handlers }: DrawingProps) {
  const place = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);

  useLayoutEffect(() => {
    const element = place.current!;
    const measure = () => {
      if (element.clientWidth === 0) return;
      const measured = Math.max(leastWidth, element.clientWidth);
      setWidth(measured);
      onWidth?.(measured);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [onWidth]);

  // before the frame is painted: an empty canvas must not flicker in between
  useLayoutEffect(() => {
    if (width === 0) return;
    const element = canvas.current!;
    paintCanvas(element, draw, font, width, height, window.devicePixelRatio);
  }, [draw, font, width, height]);

  return (
    <div class="drawing" ref={place} style={{ height: `${height}px` }} {...handlers}>
      <canvas ref={canvas} role="img" aria-label={label} tabIndex={handlers.onKeyDown ? 0 : undefined} />
      {children}
    </div>
  );
}
