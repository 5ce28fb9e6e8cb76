/** Operations on metrics: tags, series, histograms, images, sounds, texts, hyperparameters. */
import { dirname, join } from 'node:path';
import {
  histogramOf,
  hparamsOf,
  layoutOf,
  type Media,
  type MediaEntry,
  onlyString,
  readValue,
  type Series,
  type SeriesView,
  type StoredValue,
  samplesOf,
  textOfValue,
} from '../../metrics/index.ts';
import { SlipwayError } from '../../protocol/errors.ts';
import type { SeriesPoints } from '../../protocol/metrics.ts';
import { compareTable } from '../compare.ts';
import { toFloat } from '../floats.ts';
import type { Followed } from '../follow.ts';
import { logLines, searchLog } from '../logLines.ts';
import { runFolder } from '../runFolder.ts';
import { mediaSummary, nonFiniteOf, pointArrays, tagSummary } from '../seriesStream.ts';
import type { Part, ServiceParts } from './parts.ts';

const defaultTags = 10_000;
/** Values that are no scalars, read at the same time. */
const readAtOnce = 8;
/** Of one image or sound; it travels as base64 in JSON. */
const maxSampleBytes = 32 << 20;

export function metricServices({
  context,
  metrics,
  run,
  traced,
}: ServiceParts): Part<
  | 'listRunMetrics'
  | 'readRunSeries'
  | 'querySeries'
  | 'listRunHistograms'
  | 'listRunMedia'
  | 'readRunMedia'
  | 'listRunTexts'
  | 'readRunHparams'
  | 'compareRuns'
  | 'listRunLogLines'
  | 'searchRunLog'
> {
  const of = async (id: string) => metrics.of(await traced(id));

  /** The value of an entry, read from its event file; undefined where that is gone. */
  const readEntry = (id: string, { logdir, file, offset, tag }: MediaEntry): Promise<StoredValue | undefined> => {
    const folder = runFolder(context.folders.runs, id);
    const root = { logs: folder.logs, work: folder.work, system: folder.system }[logdir] ?? folder.logs;
    return readValue(join(root, file), offset, tag);
  };

  return {
    async listRunMetrics({ params, query }) {
      const { series, isEnded } = await of(params.id);
      const { contains, prefix, limit = defaultTags } = query ?? {};
      const text = contains?.toLowerCase();
      const isWanted = (tag: string) =>
        (prefix === undefined || tag.startsWith(prefix)) && (text === undefined || tag.toLowerCase().includes(text));
      const wanted = [...series.all()].filter(({ tag }) => isWanted(tag));
      const start = query?.cursor === undefined ? 0 : wanted.findIndex(({ tag }) => tag === query.cursor) + 1;
      const tags = wanted.slice(start, start + limit);
      const isMore = start + tags.length < wanted.length;
      return {
        tags: tags.map(tagSummary),
        total: wanted.length,
        ...(isMore ? { next: tags.at(-1)!.tag } : {}),
        groups: groupsOf(wanted),
        media: start > 0 ? [] : [...series.media()].filter(({ tag }) => isWanted(tag)).map(mediaSummary),
        problems: series.problems,
        complete: isEnded,
      };
    },
    async readRunSeries({ params, query }) {
      const { series } = await of(params.id);
      const { tag, points, from, to } = query;
      const found = series.get(tag);
      if (found === undefined) throw unknownTag(tag);
      const isWhole = points === undefined && from === undefined && to === undefined;
      const buckets = Math.max(1, Math.floor((points ?? 100_000) / 4));
      const part = isWhole ? found.slice(0) : found.part({ buckets, by: 'step', from, to, points: 'all' }).points;
      return { tag, total: found.count, ...pointArrays(part) };
    },
    async querySeries({ body }) {
      const { series: wanted, ...view } = body;
      const ids = [...new Set(wanted.map((one) => one.run))];
      const followed = new Map(await Promise.all(ids.map(async (id) => [id, await of(id)] as const)));
      return {
        series: wanted.flatMap(({ run: id, tag }) => {
          const found = followed.get(id)!.series.get(tag);
          return found === undefined ? [] : [seriesPoints(followed.get(id)!, found, view)];
        }),
      };
    },
    async listRunHistograms({ params, query }) {
      const { entries } = requireMedia(await of(params.id), query.tag);
      const wanted = spread(entries, query);
      const items = await eachRead(wanted, async (entry) => {
        const value = await readEntry(params.id, entry);
        const histogram = value && histogramOf(value);
        if (!histogram) return undefined;
        const { edges, counts } = histogram;
        return { step: entry.step, wallTime: entry.wallTime, edges: edges.map(toFloat), counts };
      });
      return { total: entries.length, items };
    },
    async listRunMedia({ params, query }) {
      const { kind, entries } = requireMedia(await of(params.id), query.tag);
      const items = spread(entries, query).map(({ index, step, wallTime }) => ({ index, step, wallTime }));
      return { kind, total: entries.length, items };
    },
    async readRunMedia({ params, query }) {
      const { kind, entries } = requireMedia(await of(params.id), query.tag);
      const entry = entries[query.index];
      const value = entry && (await readEntry(params.id, entry));
      const samples = value ? samplesOf(value, kind) : [];
      const sample = samples[query.sample];
      if (!entry || !sample) throw unreadable(query.tag, query.index);
      const { bytes, ...about } = sample;
      if (bytes.length > maxSampleBytes) throw tooLarge(query.tag, bytes.length);
      const { step, wallTime } = entry;
      return {
        ...{ index: query.index, step, wallTime, sample: query.sample, samples: samples.length },
        ...about,
        base64: bytes.toString('base64'),
      };
    },
    async listRunTexts({ params, query }) {
      const { entries } = requireMedia(await of(params.id), query.tag);
      const items = await eachRead(spread(entries, query), async (entry) => {
        const value = await readEntry(params.id, entry);
        const text = value && textOfValue(value);
        return text && { index: entry.index, step: entry.step, wallTime: entry.wallTime, ...text };
      });
      return { total: entries.length, items };
    },
    async readRunHparams({ params }) {
      const all = [...(await of(params.id)).series.media()];
      const written = all.filter(({ kind }) => kind === 'hparams').flatMap(({ entries }) => entries);
      const byFolder = Map.groupBy(written, ({ logdir, file }) => `${logdir}/${dirname(file)}`);
      const hparams = await eachRead([...byFolder.values()], async (entries) => {
        const values = await Promise.all(entries.map((entry) => readEntry(params.id, entry)));
        const found = hparamsOf(values.flatMap((value) => value?.pluginContent ?? []));
        const entriesOf = Object.entries(found.values);
        const named = entriesOf.map(([name, one]) => [name, typeof one === 'number' ? toFloat(one) : one] as const);
        return { ...found, values: Object.fromEntries(named) };
      });
      const layout = all.find(({ kind }) => kind === 'custom_scalars')?.entries.at(-1);
      const value = layout && (await readEntry(params.id, layout));
      const content = value && onlyString(value);
      return { hparams, customScalars: (content && layoutOf(content)) || null };
    },
    compareRuns: ({ body }) => compareTable(context.engine.store.read, body),
    async listRunLogLines({ params, query }) {
      return logLines(context, await run(params.id), query?.from ?? 0, query?.limit ?? 500);
    },
    async searchRunLog({ params, query }) {
      return searchLog(context, await run(params.id), query);
    },
  };
}

function seriesPoints({ run, series: { generation } }: Followed, series: Series, view: SeriesView): SeriesPoints {
  const part = series.part(view);
  return {
    ...{ run, tag: series.tag, generation, total: series.count, superseded: series.superseded },
    ...{ inRange: part.inRange, exact: part.isExact, nonFinite: nonFiniteOf(part) },
    ...pointArrays(part.points),
  };
}

/** Tags by what stands before their first slash. */
function groupsOf(series: Series[]): { prefix: string; tags: number }[] {
  const counts = new Map<string, number>();
  for (const { tag } of series) {
    const prefix = tag.slice(0, tag.indexOf('/') + 1);
    counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
  }
  return [...counts].map(([prefix, tags]) => ({ prefix, tags }));
}

function requireMedia({ series }: Followed, tag: string): Media {
  const media = series.mediaOf(tag);
  if (media === undefined) throw unknownTag(tag);
  return media;
}

interface ItemsQuery {
  from?: number | undefined;
  to?: number | undefined;
  limit: number;
}

/** At most `limit` entries of a range of steps, evenly spread over it, the first and the last among them. */
function spread(entries: MediaEntry[], { from, to, limit }: ItemsQuery): (MediaEntry & { index: number })[] {
  const inRange = entries
    .map((entry, index) => ({ ...entry, index }))
    .filter(({ step }) => step >= (from ?? Number.NEGATIVE_INFINITY) && step <= (to ?? Number.POSITIVE_INFINITY));
  if (inRange.length <= limit) return inRange;
  if (limit === 1) return inRange.slice(-1);
  return Array.from({ length: limit }, (_, i) => inRange[Math.round((i * (inRange.length - 1)) / (limit - 1))]!);
}

/** Reads some at a time, in order; what cannot be read is left out. */
async function eachRead<T, R>(items: T[], read: (item: T) => Promise<R | undefined>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += readAtOnce) {
    const some = await Promise.all(items.slice(at, at + readAtOnce).map(read));
    results.push(...some.filter((one) => one !== undefined));
  }
  return results;
}

function unknownTag(tag: string): SlipwayError {
  return new SlipwayError('metrics.unknownTag', `The run has no tag ${tag}.`, 'See its metrics.', 404);
}

function unreadable(tag: string, index: number): SlipwayError {
  return new SlipwayError(
    'metrics.noValue',
    `The value ${index} of ${tag} is not there.`,
    'Its event file may have been removed; look at the list again.',
    404,
  );
}

function tooLarge(tag: string, bytes: number): SlipwayError {
  return new SlipwayError(
    'metrics.valueTooLarge',
    `This value of ${tag} has ${bytes} bytes; at most ${maxSampleBytes} are shown here.`,
    'Open TensorBoard to see it.',
    413,
  );
}
