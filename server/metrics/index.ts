// Metrics that training code writes as TensorBoard event files: reading, exporting, following and thinning them out,
// and the real TensorBoard as a child process. Imports server/protocol and nothing else of the server; reads files
// and writes none (but links for TensorBoard in a temporary folder). The engine follows runs with it, the CLI exports
// with it, the API answers from `ScalarStore`.

export type { ScalarColumns } from './columns.ts';
export { type Downsampled, downsample, type SeriesRange } from './downsample.ts';
export type { ReadProblem } from './eventFile.ts';
export type { BlobEntry } from './events.ts';
export {
  type ExportedRun,
  type ExportedSeries,
  type ExportStats,
  exportJson,
  exportScalars,
  type ScalarExport,
} from './export.ts';
export { ScalarStore, type ScalarStoreLimits, type SeriesPart, type TagSummary } from './scalarStore.ts';
export { type Tail, type TailDelivery, type TailOptions, tailLogdir } from './tail.ts';
export type { RunCursor, ScalarBatch } from './tailRun.ts';
export { startTensorBoard, type TensorBoard, type TensorBoardOptions } from './tensorboard.ts';
