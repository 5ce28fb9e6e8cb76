// Metrics that training code writes as TensorBoard event files: reading, exporting, following, keeping them in columns
// on disk and thinning them out, and the real TensorBoard as a child process. Imports server/protocol and nothing else
// of the server. Reads event files; writes the columns where it is told, event files of figures that come by other ways
// (the system's, MLflow's), and links for TensorBoard in a temporary folder. The engine follows runs with it, the CLI
// exports with it.

export type { ScalarColumns } from './columns.ts';
export { type Downsampled, downsample, type SeriesRange } from './downsample.ts';
export type { ReadProblem } from './eventFile.ts';
export type { BlobEntry } from './events.ts';
export { appendScalars, type ScalarEvent } from './eventWriter.ts';
export {
  type ExportedRun,
  type ExportedSeries,
  type ExportStats,
  exportJson,
  exportScalars,
  type ScalarExport,
} from './export.ts';
export {
  type HistogramValue,
  type HparamsValue,
  histogramOf,
  hparamsOf,
  type LayoutValue,
  layoutOf,
  type MediaSample,
  onlyString,
  samplesOf,
  type TextValue,
  textOfValue,
} from './media/decode.ts';
export { readValue, type StoredValue } from './media/readValue.ts';
export { type Media, type MediaEntry, RunSeries } from './series/runSeries.ts';
export type { Series, SeriesPart, SeriesView } from './series/series.ts';
export { type Tail, type TailDelivery, type TailOptions, tailLogdir } from './tail.ts';
export type { RunCursor, ScalarBatch } from './tailRun.ts';
export { startTensorBoard, type TensorBoard, type TensorBoardOptions } from './tensorboard.ts';
