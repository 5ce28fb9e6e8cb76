import { useRef } from 'preact/hooks';
import { middleEllipsis } from '../../../server/protocol/format/number.ts';
import type { MediaSummary, TextItem } from '../../../server/protocol/metrics.ts';
import { ErrorNote } from '../../components/layout.tsx';
import { CopyButton } from '../../components/text.tsx';
import { useClient } from '../../store/hooks.ts';
import { StepSlider } from './StepSlider.tsx';
import { useItems } from './useItems.ts';

const steps = 1000;
const titleLength = 44;

/** Texts of a tag by step, as they were written; tables of texts as tables. */
export function TextCard({ run, summary }: { run: string; summary: MediaSummary }) {
  const { tag } = summary;
  const client = useClient();
  const place = useRef<HTMLElement>(null);
  const { value, at, move, error } = useItems(place, summary, () =>
    client.call('listRunTexts', { params: { id: run }, query: { tag, limit: steps } }),
  );
  const item = value?.items[at];
  return (
    <section class="chart-card" aria-label={tag} ref={place} data-chart={tag}>
      <header>
        <h4 title={tag}>{middleEllipsis(summary.title ?? tag, titleLength)}</h4>
        {item && <CopyButton text={item.texts.join('\n')} />}
      </header>
      <p class="reading">
        <StepSlider items={value?.items ?? []} at={at} onMove={move} />
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <div class="media media-text" tabIndex={0}>
        {error && <ErrorNote error={error} />}
        {item && <Texts item={item} />}
      </div>
      <p class="notes" />
    </section>
  );
}

function Texts({ item: { shape, texts } }: { item: TextItem }) {
  const [rows, columns] = shape.length === 2 ? [shape[0]!, shape[1]!] : [0, 0];
  if (rows === 0) return <pre>{texts.join('\n\n')}</pre>;
  return (
    <table>
      <tbody>
        {Array.from({ length: rows }, (_, row) => (
          <tr key={row}>
            {texts.slice(row * columns, (row + 1) * columns).map((text, column) => (
              // cells have no other identity
              <td key={column}>{text}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
