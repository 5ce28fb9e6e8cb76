import { useState } from 'preact/hooks';
import type { Run } from '../../../server/protocol/entities.ts';
import { CurveChart } from '../../charts/CurveChart.tsx';
import { type CurveOptions, groupTags, type XAxis } from '../../charts/curve.ts';
import { EmptyState } from '../../components/layout.tsx';
import { Checkbox, TextField } from '../../components/toolkit.tsx';
import { count, m } from '../../i18n/index.ts';
import { useSeries } from '../../store/hooks.ts';

const xAxes: XAxis[] = ['step', 'relative', 'wall'];
/** TensorBoard's own first choice. */
const firstSmoothing = 0.6;

/** Every scalar tag of a run as a card, live; the objective's first, the others in groups by prefix. */
export function CurvesTab({ run, hasEnded }: { run: Run; hasEnded: boolean }) {
  const series = useSeries(run.id);
  const [options, setOptions] = useState<CurveOptions>({ xAxis: 'step', smoothing: firstSmoothing, logY: false });
  const [filter, setFilter] = useState('');
  if (series.size === 0) return <EmptyState title={hasEnded ? m.noCurvesEnded : m.noCurvesYet} />;

  const wanted = [...series.keys()].filter((tag) => tag.toLowerCase().includes(filter.toLowerCase()));
  return (
    <>
      <CurveToolbar options={options} onChange={setOptions} filter={filter} onFilter={setFilter} />
      {wanted.length === 0 && <EmptyState title={m.nothingFound(filter)} />}
      <div class="chart-grid">
        {groupTags(wanted, run.objective?.metric).map((group) => (
          <details
            key={`${group.pinned} ${group.prefix}`}
            class={group.tags.length > 1 ? 'tag-group row' : 'tag-group'}
            open
          >
            <summary>
              {group.pinned ? m.objective : group.prefix || m.otherTags}
              <span class="quiet number"> {count(group.tags.length)}</span>
            </summary>
            <div class="chart-grid">
              {group.tags.map((tag) => (
                <CurveChart key={tag} series={series.get(tag)!} options={options} syncKey={run.id} />
              ))}
            </div>
          </details>
        ))}
      </div>
    </>
  );
}

interface ToolbarProps {
  options: CurveOptions;
  onChange: (options: CurveOptions) => void;
  filter: string;
  onFilter: (filter: string) => void;
}

function CurveToolbar({ options, onChange, filter, onFilter }: ToolbarProps) {
  return (
    <div class="toolbar">
      <TextField label={m.filterTags} value={filter} onInput={onFilter} />
      <label class="slider">
        {m.smoothing}
        <input
          type="range"
          min="0"
          max="0.99"
          step="0.01"
          value={options.smoothing}
          onInput={(event) => onChange({ ...options, smoothing: Number(event.currentTarget.value) })}
        />
        <output class="number">{options.smoothing.toFixed(2)}</output>
      </label>
      <fieldset class="choices">
        <legend>{m.xAxis}</legend>
        {xAxes.map((xAxis) => (
          <label key={xAxis}>
            <input
              type="radio"
              name="x-axis"
              checked={options.xAxis === xAxis}
              onChange={() => onChange({ ...options, xAxis })}
            />
            {m.xAxisNames[xAxis]}
          </label>
        ))}
      </fieldset>
      <Checkbox checked={options.logY} onChange={(logY) => onChange({ ...options, logY })}>
        {m.logY}
      </Checkbox>
    </div>
  );
}
