// The entry file of the threads of `exportScalars`: reads its share of the runs and hands their points over.
import { parentPort, workerData } from 'node:worker_threads';
import { type ExportJob, type RunExport, readShare } from './exportRuns.ts';

await readShare(workerData as ExportJob, (one: RunExport) => {
  // The memory of the points moves to the other thread; nothing is copied.
  const buffers = Object.values(one.tags).flatMap((series) => Object.values(series).map(({ buffer }) => buffer));
  // The record's missing prototype does not survive the way: entries do.
  parentPort!.postMessage({ ...one, tags: Object.entries(one.tags) }, [...new Set(buffers)]);
});
