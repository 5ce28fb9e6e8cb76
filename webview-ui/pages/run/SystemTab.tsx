import { useMemo } from 'preact/hooks';
import { CurveCard } from '../../charts/CurveCard.tsx';
import { createCrosshair } from '../../charts/crosshair.ts';
import { type CurveOptions, firstCurveOptions, groupTags } from '../../charts/curve.ts';
import { EmptyState, Loading } from '../../components/layout.tsx';
import { m } from '../../i18n/index.ts';
import { useTags } from '../../store/hooks.ts';
import { systemPrefix } from './CurvesTab.tsx';

/** Over the run's time, as measured. */
const options: CurveOptions = { ...firstCurveOptions, xAxis: 'relative', smoothing: 0, showsEnvelope: true };

/** What the run took of its machine: processor, memory, disk, GPUs. */
export function SystemTab({ run, hasEnded }: { run: string; hasEnded: boolean }) {
  const { scalars, ready } = useTags(run);
  const crosshair = useMemo(createCrosshair, []);
  const cards = useMemo(
    () =>
      groupTags(
        [...scalars.keys()].filter((tag) => tag.startsWith(systemPrefix)),
        [],
      )
        .flatMap((group) => group.tags)
        .map((tag) => {
          const label = tag.slice(systemPrefix.length);
          return { tag, label, sources: [{ key: { run, tag }, label }] };
        }),
    [scalars, run],
  );
  if (!ready) return <Loading />;
  if (cards.length === 0) return <EmptyState title={hasEnded ? m.noSystemEnded : m.noSystemYet} />;
  return (
    <div class="chart-grid">
      {cards.map(({ tag, label, sources }) => (
        <CurveCard key={tag} title={label} sources={sources} options={options} crosshair={crosshair} />
      ))}
    </div>
  );
}
