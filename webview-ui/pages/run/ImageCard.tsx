import { useRef, useState } from 'preact/hooks';
import { middleEllipsis } from '../../../server/protocol/format/number.ts';
import type { MediaSummary } from '../../../server/protocol/metrics.ts';
import { ErrorNote } from '../../components/layout.tsx';
import { Button } from '../../components/toolkit.tsx';
import { count, m } from '../../i18n/index.ts';
import { useClient, useLoaded } from '../../store/hooks.ts';
import { StepSlider } from './StepSlider.tsx';
import { useItems } from './useItems.ts';

const steps = 1000;
const titleLength = 44;

/** Images or sounds of a tag by step; several of one step one after the other. */
export function ImageCard({ run, summary }: { run: string; summary: MediaSummary }) {
  const { tag, kind } = summary;
  const client = useClient();
  const place = useRef<HTMLElement>(null);
  const [sample, setSample] = useState(0);
  const { value, at, move, error } = useItems(place, summary, () =>
    client.call('listRunMedia', { params: { id: run }, query: { tag, limit: steps } }),
  );
  const item = value?.items[at];
  const content = useLoaded(
    () =>
      item
        ? client.call('readRunMedia', { params: { id: run }, query: { tag, index: item.index, sample } })
        : Promise.resolve(undefined),
    [tag, item?.index, sample],
  );
  const shown = content.value;
  const samples = shown?.samples ?? 1;
  const address = shown && `data:${shown.mediaType};base64,${shown.base64}`;
  const description = `${tag}, ${item ? m.stepOf(count(item.step)) : ''} ${shown?.caption ?? ''}`;
  return (
    <section class="chart-card" aria-label={tag} ref={place} data-chart={tag}>
      <header>
        <h4 title={tag}>{middleEllipsis(summary.title ?? tag, titleLength)}</h4>
        {shown && (
          <Button
            appearance="icon"
            label={m.saveAs(shown.mediaType.split('/')[1]!.toUpperCase())}
            onClick={() =>
              client.send({ type: 'save', name: fileName(tag, item!.step, shown.mediaType), base64: shown.base64 })
            }
          >
            {m.save}
          </Button>
        )}
      </header>
      <p class="reading">
        <StepSlider items={value?.items ?? []} at={at} onMove={move} />
        {samples > 1 && (
          <span class="samples">
            <Button
              appearance="icon"
              onClick={() => setSample((sample + samples - 1) % samples)}
              label={m.previousSample}
            >
              ‹
            </Button>
            <span class="number">{m.ofTotal(count(sample + 1), count(samples))}</span>
            <Button appearance="icon" onClick={() => setSample((sample + 1) % samples)} label={m.nextSample}>
              ›
            </Button>
          </span>
        )}
      </p>
      <div class="media">
        {shown && kind === 'images' && <img src={address} alt={description} />}
        {/* biome-ignore lint/a11y/useMediaCaption: a recorded sample has no words of its own */}
        {shown && kind === 'audio' && <audio controls src={address} aria-label={description} />}
        {(error ?? content.error) && <ErrorNote error={(error ?? content.error)!} />}
      </div>
      <p class="notes">
        {shown?.width !== undefined && `${shown.width} × ${shown.height}`} {shown?.caption}
      </p>
    </section>
  );
}

function fileName(tag: string, step: number, mediaType: string): string {
  return `${tag.replace(/[^\p{L}\p{N}]+/gu, '-')}-${step}.${mediaType.split('/')[1]}`;
}
