import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Run } from '../../../server/protocol/entities.ts';
import type { MediaSummary } from '../../../server/protocol/metrics.ts';
import { CurveCard } from '../../charts/CurveCard.tsx';
import { CurveToolbar } from '../../charts/CurveToolbar.tsx';
import { createCrosshair } from '../../charts/crosshair.ts';
import { firstCurveOptions, groupTags, type TagGroup } from '../../charts/curve.ts';
import { Icon } from '../../components/Icon.tsx';
import { EmptyState, Loading, Notice } from '../../components/layout.tsx';
import { Button, Checkbox } from '../../components/toolkit.tsx';
import { count, m } from '../../i18n/index.ts';
import { useTags } from '../../store/hooks.ts';
import { HistogramCard } from './HistogramCard.tsx';
import { ImageCard } from './ImageCard.tsx';
import { TextCard } from './TextCard.tsx';

/** Cards of one group at first; a run may have tens of thousands of tags. */
const cardsAtOnce = 24;
/** Groups beyond so many are closed at first. */
const openGroups = 12;
/** What measures the run while it runs; it has a tab of its own. */
export const systemPrefix = 'system/';

/** Every tag of a run as a card, live: pinned ones first, the others in groups by prefix. */
export function CurvesTab({ run, hasEnded }: { run: Run; hasEnded: boolean }) {
  const { scalars, media, problems, ready } = useTags(run.id);
  const [options, setOptions] = useState(firstCurveOptions);
  const [filter, setFilter] = useState('');
  const [showsSuperseded, setShowsSuperseded] = useState(false);
  const [pinned, setPinned] = useState<readonly string[]>(run.objective ? [run.objective.metric] : []);
  const crosshair = useMemo(createCrosshair, [options.xAxis]);
  const tags = useMemo(
    () => [...scalars.keys(), ...media.keys()].filter((tag) => !tag.startsWith(systemPrefix)),
    [scalars, media],
  );
  const wanted = useMemo(() => tags.filter((tag) => tag.toLowerCase().includes(filter.toLowerCase())), [tags, filter]);
  const groups = useMemo(() => {
    const hasCurves = (group: TagGroup) => group.tags.some((tag) => scalars.has(tag));
    return groupTags(wanted, pinned).sort((a, b) => Number(hasCurves(b)) - Number(hasCurves(a)));
  }, [wanted, pinned, scalars]);
  if (!ready) return <Loading />;
  if (tags.length === 0) return <EmptyState title={hasEnded ? m.noCurvesEnded : m.noCurvesYet} />;

  const hasSuperseded = [...scalars.values()].some((tag) => tag.superseded > 0);
  const togglePin = (tag: string) =>
    setPinned(pinned.includes(tag) ? pinned.filter((each) => each !== tag) : [...pinned, tag]);
  const card = (tag: string) => {
    const summary = media.get(tag);
    if (summary && !scalars.has(tag)) return <MediaCard run={run.id} summary={summary} />;
    return (
      <ScalarCard
        run={run.id}
        tag={tag}
        options={options}
        crosshair={crosshair}
        showsSuperseded={showsSuperseded}
        isPinned={pinned.includes(tag)}
        onPin={() => togglePin(tag)}
      />
    );
  };
  return (
    <>
      <CurveToolbar options={options} onChange={setOptions} filter={filter} onFilter={setFilter}>
        {hasSuperseded && (
          <Checkbox checked={showsSuperseded} onChange={setShowsSuperseded}>
            {m.showSuperseded}
          </Checkbox>
        )}
      </CurveToolbar>
      {problems.length > 0 && (
        <Notice tone="caution">
          <p>{m.readProblems(problems.length)}</p>
          <p class="quiet">{problems.map(({ file, message }) => `${file}: ${message}`).join(' · ')}</p>
        </Notice>
      )}
      {wanted.length === 0 && <EmptyState title={m.nothingFound(filter)} />}
      <div class="chart-grid">
        {groups.map((group, i) => (
          <Group key={`${group.pinned} ${group.prefix}`} group={group} isOpenAtFirst={i < openGroups} card={card} />
        ))}
      </div>
    </>
  );
}

interface GroupProps {
  group: TagGroup;
  isOpenAtFirst: boolean;
  card: (tag: string) => preact.JSX.Element;
}

function Group({ group, isOpenAtFirst, card }: GroupProps) {
  const [isOpen, setIsOpen] = useState(isOpenAtFirst);
  const [limit, setLimit] = useState(cardsAtOnce);
  useEffect(() => setLimit(cardsAtOnce), [group.prefix]);
  return (
    <details
      class={group.tags.length > 1 ? 'tag-group row' : 'tag-group'}
      open={isOpen}
      onToggle={(event) => setIsOpen(event.currentTarget.open)}
    >
      <summary>
        {group.pinned ? m.pinned : group.prefix || m.otherTags}
        <span class="quiet number"> {count(group.tags.length)}</span>
      </summary>
      {isOpen && (
        <div class="chart-grid">
          {group.tags.slice(0, limit).map((tag) => (
            <div key={tag} class="card-place">
              {card(tag)}
            </div>
          ))}
        </div>
      )}
      {isOpen && group.tags.length > limit && (
        <Button onClick={() => setLimit(limit + 4 * cardsAtOnce)}>{m.showMore}</Button>
      )}
    </details>
  );
}

type CurveCardParts = Pick<Parameters<typeof CurveCard>[0], 'options' | 'crosshair' | 'showsSuperseded'>;

interface ScalarCardProps extends CurveCardParts {
  run: string;
  tag: string;
  isPinned: boolean;
  onPin: () => void;
}

function ScalarCard({ run, tag, isPinned, onPin, ...parts }: ScalarCardProps) {
  const sources = useMemo(() => [{ key: { run, tag }, label: tag }], [run, tag]);
  return (
    <CurveCard
      title={tag}
      sources={sources}
      {...parts}
      actions={
        <Button appearance="icon" pressed={isPinned} onClick={onPin} label={isPinned ? m.unpin : m.pin}>
          <Icon name="pin" />
        </Button>
      }
    />
  );
}

function MediaCard({ run, summary }: { run: string; summary: MediaSummary }) {
  if (summary.kind === 'histograms') return <HistogramCard run={run} summary={summary} />;
  if (summary.kind === 'text') return <TextCard run={run} summary={summary} />;
  if (summary.kind === 'images' || summary.kind === 'audio') return <ImageCard run={run} summary={summary} />;
  return (
    <section class="chart-card">
      <header>
        <h4>{summary.tag}</h4>
      </header>
      <p class="quiet">{m.shownByTensorBoard(summary.kind)}</p>
    </section>
  );
}
