import { count, exact, m } from '../../i18n/index.ts';

export interface StepSliderProps {
  items: readonly { step: number; wallTime: number }[];
  at: number;
  onMove: (at: number) => void;
}

/** Moves through the steps at which a tag has something to show; its line keeps its height. */
export function StepSlider({ items, at, onMove }: StepSliderProps) {
  const item = items[at];
  return (
    <label class="step-slider">
      <input
        type="range"
        min="0"
        max={Math.max(0, items.length - 1)}
        step="1"
        value={at}
        aria-label={m.step}
        aria-valuetext={item && m.stepOf(count(item.step))}
        disabled={items.length < 2}
        onInput={(event) => onMove(Number(event.currentTarget.value))}
      />
      {item && (
        <span class="number" title={exact(item.wallTime * 1000)}>
          {m.stepOf(count(item.step))}
        </span>
      )}
    </label>
  );
}
