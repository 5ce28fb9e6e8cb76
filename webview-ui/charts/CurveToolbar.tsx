// What all curves of a page are drawn by: smoothing, axes, outliers, envelope. And which tags are shown.
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { Checkbox, TextField } from '../components/toolkit.tsx';
import { m } from '../i18n/index.ts';
import type { CurveOptions, XAxis } from './curve.ts';

const xAxes: XAxis[] = ['step', 'relative', 'wall'];

export interface CurveToolbarProps {
  options: CurveOptions;
  onChange: (options: CurveOptions) => void;
  filter: string;
  onFilter: (filter: string) => void;
  children?: ComponentChildren;
}

export function CurveToolbar({ options, onChange, filter, onFilter, children }: CurveToolbarProps) {
  const name = useId();
  const flag = (key: 'logX' | 'logY' | 'ignoresOutliers' | 'showsEnvelope', title: string) => (
    <Checkbox checked={options[key]} onChange={(checked) => onChange({ ...options, [key]: checked })}>
      {title}
    </Checkbox>
  );
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
              name={name}
              checked={options.xAxis === xAxis}
              onChange={() => onChange({ ...options, xAxis })}
            />
            {m.xAxisNames[xAxis]}
          </label>
        ))}
      </fieldset>
      {flag('logX', m.logX)}
      {flag('logY', m.logY)}
      {flag('ignoresOutliers', m.ignoreOutliers)}
      {flag('showsEnvelope', m.envelope)}
      {children}
    </div>
  );
}
