// A bar of parts with their numbers beside it: budgets, traffic. Parts differ by pattern and order, not by colour alone.
import type { Tone } from './Status.tsx';

export interface MeterPart {
  id: string;
  label: string;
  amount: number;
  /** The amount as it is read. */
  text: string;
  tone: Tone;
}

export function Meter({ label, parts, total }: { label: string; parts: MeterPart[]; total: number }) {
  const summary = parts.map((part) => `${part.label} ${part.text}`).join(', ');
  return (
    <div class="meter">
      <div class="meter-bar" role="img" aria-label={`${label}: ${summary}`}>
        {parts
          .filter((part) => part.amount > 0)
          .map((part) => (
            <span
              key={part.id}
              class={`fill-${part.tone}`}
              title={`${part.label} ${part.text}`}
              style={{ width: `${(100 * part.amount) / Math.max(total, 1e-9)}%` }}
            />
          ))}
      </div>
      <ul class="meter-legend" aria-hidden="true">
        {parts.map((part) => (
          <li key={part.id}>
            <span class={`swatch fill-${part.tone}`} />
            {part.label} <span class="number">{part.text}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
