import { useCallback, useMemo, useRef, useState } from 'preact/hooks';
import type { MediaSummary } from '../../../server/protocol/metrics.ts';
import { ChartCard } from '../../charts/ChartCard.tsx';
import { Drawing } from '../../charts/Drawing.tsx';
import { densityOf, drawHistograms } from '../../charts/histogram.ts';
import type { Draw } from '../../charts/pen.ts';
import { useChartTheme } from '../../charts/theme.ts';
import { count, m } from '../../i18n/index.ts';
import { useClient } from '../../store/hooks.ts';
import { StepSlider } from './StepSlider.tsx';
import { useItems } from './useItems.ts';

const heightPx = 180;
/** Outlines that can still be told apart. */
const ridges = 30;

/** Histograms of a tag over the steps, as a ridge; the slider picks the one whose numbers the table has. */
export function HistogramCard({ run, summary }: { run: string; summary: MediaSummary }) {
  const { tag } = summary;
  const client = useClient();
  const theme = useChartTheme();
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(480);
  const { value, at, move, error } = useItems(place, summary, () =>
    client.call('listRunHistograms', { params: { id: run }, query: { tag, limit: ridges } }),
  );
  const items = value?.items ?? [];
  const densities = useMemo(() => items.map(densityOf), [value]);
  const draw = useCallback<Draw>(
    (pen, drawnWidth, height) => drawHistograms(pen, { width: drawnWidth, height }, { densities, chosen: at }, theme),
    [densities, at, theme],
  );
  const table = () => ({
    head: [m.from, m.to, m.count],
    rows: (densities[at]?.bars ?? []).map((bar) => [bar.from, bar.to, bar.count]),
  });
  return (
    <div ref={place}>
      <ChartCard
        title={tag}
        name={tag}
        height={heightPx}
        table={table}
        picture={() => ({ draw, width, height: heightPx, theme })}
        reading={<StepSlider items={items} at={at} onMove={move} />}
        notes={error?.message ?? m.histogramsShown(count(items.length), count(value?.total ?? summary.count))}
      >
        <Drawing draw={draw} font={theme.font} height={heightPx} label={m.histogramsOf(tag)} onWidth={setWidth} />
      </ChartCard>
    </div>
  );
}
