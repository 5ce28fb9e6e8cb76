/**
 * What the API tells of a run's metrics: scalar series in parts and thinned out for a screen, histograms, images,
 * sounds, texts, hyperparameters, the table that compares runs, and the log by lines. The operations join the table of
 * operations.ts; the messages join those of events.ts. Steps and wall times are numbers (seconds since 1970), values
 * are floats by name where JSON has no number for them.
 */
import * as z from 'zod';
import { Float } from './entities.ts';

const SeriesKey = z.strictObject({ run: z.string().max(200), tag: z.string().max(10_000) });
export type SeriesKey = z.infer<typeof SeriesKey>;

/** Points a series has at most, after thinning: five of each bucket, see {@link SeriesPoints}. */
export const maxBuckets = 20_000;

/** What is wanted of each series of a request. */
const view = {
  buckets: z
    .number()
    .int()
    .min(1)
    .max(maxBuckets)
    .default(1000)
    .describe('About the width of the chart in pixels. A range of at most twice as many points comes whole.'),
  by: z.enum(['step', 'wallTime']).default('step').describe('What `from` and `to` are.'),
  from: z.number().optional(),
  to: z.number().optional(),
  points: z
    .enum(['shown', 'all'])
    .default('shown')
    .describe('shown: without those superseded when steps went back after a restart, as TensorBoard shows it.'),
};

export const NonFinite = z.object({
  nan: z.number().int(),
  positiveInfinity: z.number().int(),
  negativeInfinity: z.number().int(),
});

/**
 * A part of a series as a chart needs it. Where it was thinned, each bucket of equally many points keeps its lowest
 * and highest value, its first NaN and infinities; the first and last point of the range are always there.
 */
export const SeriesPoints = z.object({
  run: z.string(),
  tag: z.string(),
  generation: z.number().int().describe('Changes when the points before are void (a file was cut or replaced).'),
  total: z.number().int().describe('Points of the whole series, superseded ones included.'),
  superseded: z.number().int().describe('Of those, written again after steps went back.'),
  inRange: z.number().int().describe('Points in the range, before thinning.'),
  exact: z.boolean().describe('Every point of the range is here.'),
  nonFinite: NonFinite.describe('In the range.'),
  steps: z.array(z.number()),
  wallTimes: z.array(z.number()),
  values: z.array(Float),
});
export type SeriesPoints = z.infer<typeof SeriesPoints>;

/** One scalar tag of a run. */
export const TagSummary = z.object({
  tag: z.string(),
  points: z.number().int(),
  superseded: z.number().int(),
  nonFinite: z.number().int(),
  firstStep: z.number(),
  lastStep: z.number(),
  firstWallTime: z.number(),
  lastWallTime: z.number(),
  lastValue: Float,
  min: Float.describe('Of finite values; NaN where there is none.'),
  max: Float,
});
export type TagSummary = z.infer<typeof TagSummary>;

/** What a tag that is no scalar holds, by the plugin that shows it. */
export const MediaSummary = z.object({
  tag: z.string(),
  kind: z.string().describe('histograms, images, audio, text, hparams, custom_scalars, graphs, pr_curves, …'),
  count: z.number().int(),
  firstStep: z.number(),
  lastStep: z.number(),
  title: z.string().optional().describe('As its writer named it.'),
});
export type MediaSummary = z.infer<typeof MediaSummary>;

export const ReadProblem = z.object({ file: z.string(), offset: z.number().int(), message: z.string() });

/** One histogram: `edges` has one entry more than `counts`. */
export const Histogram = z.object({
  step: z.number(),
  wallTime: z.number(),
  edges: z.array(Float),
  counts: z.array(z.number()),
});
export type Histogram = z.infer<typeof Histogram>;

export const MediaItem = z.object({
  index: z.number().int().describe('Of the tag, in the order of the files.'),
  step: z.number(),
  wallTime: z.number(),
});

export const MediaContent = MediaItem.extend({
  sample: z.number().int(),
  samples: z.number().int().describe('Several images or sounds of one step.'),
  mediaType: z.string().describe('image/png, audio/wav, …; application/octet-stream where its bytes say nothing else.'),
  width: z.number().int().optional(),
  height: z.number().int().optional(),
  caption: z.string().optional(),
  base64: z.string(),
});
export type MediaContent = z.infer<typeof MediaContent>;

export const TextItem = z.object({
  index: z.number().int(),
  step: z.number(),
  wallTime: z.number(),
  shape: z.array(z.number().int()).describe('Empty for one text; [3] for three; [2, 3] for a table of two rows.'),
  texts: z.array(z.string()).describe('Markdown, row by row.'),
});
export type TextItem = z.infer<typeof TextItem>;

/** Hyperparameters as the hparams plugin writes them: what the experiment may vary, and what this run used. */
export const Hparams = z.object({
  name: z.string(),
  values: z.record(z.string(), z.union([z.string(), z.boolean(), Float])),
  status: z.string().optional(),
  startedAt: z.number().optional(),
  endedAt: z.number().optional(),
  metrics: z.array(z.object({ tag: z.string(), group: z.string(), displayName: z.string() })),
});
export type Hparams = z.infer<typeof Hparams>;

/** A layout of the custom scalars plugin: titles, and which tags (regular expressions) share a chart. */
export const CustomScalars = z.object({
  categories: z.array(
    z.object({
      title: z.string(),
      closed: z.boolean(),
      charts: z.array(
        z.object({
          title: z.string(),
          tags: z.array(z.string()).describe('Regular expressions of a multiline chart.'),
          margins: z.array(z.object({ value: z.string(), lower: z.string(), upper: z.string() })),
        }),
      ),
    }),
  ),
});
export type CustomScalars = z.infer<typeof CustomScalars>;

/**
 * Runs side by side, by column: `values[i]` belongs to `runs[i]`, null where a run has no such value. Attributes are
 * status, kind, project, dataset, startedAt, duration, and so on.
 */
export const CompareTable = z.object({
  runs: z.array(z.object({ id: z.string(), title: z.string(), project: z.string(), status: z.string() })),
  columns: z.array(
    z.object({
      kind: z.enum(['attribute', 'param', 'metric', 'tag']),
      name: z.string(),
      type: z.enum(['number', 'string', 'boolean', 'mixed', 'time', 'duration']),
      differs: z.boolean().describe('Not all runs have the same value.'),
      values: z.array(z.union([z.string(), z.boolean(), Float, z.null()])),
    }),
  ),
  next: z.string().optional(),
});
export type CompareTable = z.infer<typeof CompareTable>;

const LogLine = z.object({
  line: z.number().int().describe('From 0.'),
  offset: z.number().int().describe('Byte where it begins.'),
  text: z.string().describe('Without its end; at most 16,384 characters.'),
});

const runIds = z.array(z.string().max(200)).min(1).max(10_000);
const tagQuery = z.object({ tag: z.string() });
const itemsQuery = tagQuery.extend({
  from: z.coerce.number().optional().describe('Steps, both ends included.'),
  to: z.coerce.number().optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100).describe('Evenly spread over the range.'),
});

/** Operations on metrics; paths as in operations.ts. */
export const metricsOperations = {
  listRunMetrics: {
    method: 'GET',
    path: '/runs/:id/metrics',
    summary: 'Tags of a run: scalars with counts and last values, and what is no scalar.',
    query: z.object({
      cursor: z.string().optional(),
      limit: z.coerce.number().int().min(1).max(100_000).optional().describe('Of scalar tags; 10,000 by default.'),
      contains: z.string().max(1000).optional().describe('Only tags with this text, upper and lower case alike.'),
      prefix: z.string().max(10_000).optional(),
    }),
    response: z.object({
      tags: z.array(TagSummary),
      total: z.number().int().describe('Scalar tags that match.'),
      next: z.string().optional(),
      groups: z
        .array(z.object({ prefix: z.string(), tags: z.number().int() }))
        .describe('By what stands before the first /.'),
      media: z.array(MediaSummary),
      problems: z.array(ReadProblem),
      complete: z.boolean().describe('All that was written when the call began has been read.'),
    }),
  },
  readRunSeries: {
    method: 'GET',
    path: '/runs/:id/series',
    summary: 'One tag, every point or at most so many (minimum and maximum of each bucket are kept).',
    query: z.object({
      tag: z.string(),
      points: z.coerce.number().int().min(2).max(100_000).optional(),
      from: z.coerce.number().optional(),
      to: z.coerce.number().optional(),
    }),
    response: z.object({
      tag: z.string(),
      total: z.number().int(),
      steps: z.array(z.number()),
      wallTimes: z.array(z.number()),
      values: z.array(Float),
    }),
  },
  querySeries: {
    method: 'POST',
    path: '/series',
    summary:
      'Parts of many series of many runs, thinned out for a chart and exact when zoomed in. Unknown ones are left out.',
    body: z.strictObject({ series: z.array(SeriesKey).min(1).max(2000), ...view }),
    response: z.object({ series: z.array(SeriesPoints) }),
  },
  listRunHistograms: {
    method: 'GET',
    path: '/runs/:id/histograms',
    summary: 'Histograms of a tag, by step.',
    query: itemsQuery,
    response: z.object({ total: z.number().int(), items: z.array(Histogram) }),
  },
  listRunMedia: {
    method: 'GET',
    path: '/runs/:id/media',
    summary: 'The steps at which a tag has images, sounds or other values.',
    query: itemsQuery,
    response: z.object({ kind: z.string(), total: z.number().int(), items: z.array(MediaItem) }),
  },
  readRunMedia: {
    method: 'GET',
    path: '/runs/:id/media/content',
    summary: 'One image or sound of a tag.',
    query: tagQuery.extend({
      index: z.coerce.number().int().min(0),
      sample: z.coerce.number().int().min(0).default(0),
    }),
    response: MediaContent,
  },
  listRunTexts: {
    method: 'GET',
    path: '/runs/:id/texts',
    summary: 'Texts of a tag, by step.',
    query: itemsQuery,
    response: z.object({ total: z.number().int(), items: z.array(TextItem) }),
  },
  readRunHparams: {
    method: 'GET',
    path: '/runs/:id/hparams',
    summary: 'What the run wrote for TensorBoard’s hparams and custom scalars.',
    response: z.object({ hparams: z.array(Hparams), customScalars: CustomScalars.nullable() }),
  },
  compareRuns: {
    method: 'POST',
    path: '/compare',
    summary: 'A table of runs: parameters, final metrics, attributes. Newest first, or in the order of `runs`.',
    body: z.strictObject({
      runs: runIds.optional(),
      project: z.string().optional(),
      sweep: z.string().optional(),
      cursor: z.string().optional(),
      limit: z.number().int().min(1).max(10_000).default(2000),
    }),
    response: CompareTable,
  },
  listRunLogLines: {
    method: 'GET',
    path: '/runs/:id/log-lines',
    summary: 'Lines of the log by number; negative `from` counts from the end.',
    query: z.object({
      from: z.coerce.number().int().default(0),
      limit: z.coerce.number().int().min(1).max(5000).default(500),
    }),
    response: z.object({
      total: z.number().int().describe('Lines so far; the last may be unfinished.'),
      bytes: z.number().int().describe('Of the log so far: where the stream of the log goes on.'),
      ended: z.boolean(),
      lines: z.array(LogLine),
    }),
  },
  searchRunLog: {
    method: 'GET',
    path: '/runs/:id/log-search',
    summary: 'Lines of the log that match, from a line on.',
    query: z.object({
      text: z.string().min(1).max(1000),
      pattern: z.stringbool().default(false).describe('`text` is a regular expression.'),
      matchCase: z.stringbool().default(false),
      from: z.coerce.number().int().min(0).default(0),
      limit: z.coerce.number().int().min(1).max(10_000).default(1000),
    }),
    response: z.object({
      matches: z.array(LogLine),
      next: z.number().int().nullable().describe('The line to go on from; null when all were looked at.'),
      total: z.number().int(),
    }),
  },
} as const;

/**
 * Series as they grow, thinned out as charts need them. Of each series a `series` message with `reset` comes first;
 * further ones either append points, or (`reset` again) replace everything: when the points before are void, when
 * points went out of view because steps went back, when the client was too slow, or when it holds so many that a
 * thinned series is shorter.
 */
export const SubscribeSeries = z.strictObject({
  type: z.literal('series'),
  id: z.string().min(1).max(64),
  series: z.array(SeriesKey).min(1).max(2000),
  buckets: view.buckets,
  points: view.points,
});

export const SeriesMessage = z.object({
  type: z.literal('series'),
  id: z.string(),
  reset: z.boolean(),
  /** The run has ended and this is the last message of the series. */
  ended: z.boolean(),
  series: SeriesPoints.omit({ inRange: true, exact: true }),
});
export type SeriesMessage = z.infer<typeof SeriesMessage>;

/** Tags of a run that are new or have changed, at most a few times a second; `ended` comes last. */
export const SubscribeTags = z.strictObject({
  type: z.literal('tags'),
  id: z.string().min(1).max(64),
  run: z.string(),
});

export const TagsMessage = z.object({
  type: z.literal('tags'),
  id: z.string(),
  run: z.string(),
  reset: z.boolean().describe('Forget the tags told before.'),
  tags: z.array(TagSummary),
  media: z.array(MediaSummary),
  problems: z.array(ReadProblem),
  ended: z.boolean(),
});
export type TagsMessage = z.infer<typeof TagsMessage>;
