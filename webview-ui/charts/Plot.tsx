// A uPlot chart with the life cycle of a component: made once for its options, then fed; sized by its place.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export interface PlotProps {
  /** Everything but size; a new object makes the chart anew. */
  options: Omit<uPlot.Options, 'width' | 'height'>;
  data: uPlot.AlignedData;
  /** Pixels; fixed, so that nothing moves when data arrives. */
  height: number;
  label: string;
}

export function Plot({ options, data, height, label }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(undefined);
  const isZoomed = useRef(false);
  const latest = useRef(data);
  latest.current = data;

  useEffect(() => {
    const element = place.current!;
    isZoomed.current = false;
    const width = Math.max(element.clientWidth, 80);
    const made = new uPlot({ ...options, width, height }, latest.current, element);
    chart.current = made;
    made.over.addEventListener('mouseup', () => {
      if (made.select.width > 0) isZoomed.current = true;
    });
    made.over.addEventListener('dblclick', () => {
      isZoomed.current = false;
    });
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) made.setSize({ width: element.clientWidth, height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = undefined;
    };
  }, [options, height]);

  useEffect(() => {
    const made = chart.current;
    if (!made || made.data === data) return;
    made.setData(data, !isZoomed.current);
    if (isZoomed.current) made.redraw();
  }, [data]);

  return <div class="plot" ref={place} role="img" aria-label={label} style={{ height: `${height}px` }} />;
}
