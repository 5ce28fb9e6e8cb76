import { parentPort, workerData } from 'node:worker_threads';
import { SlipwayError } from '../protocol/errors.ts';
import type { AddJob, AddMessage } from './addFolder.ts';
import { runAdd, type Summarize } from './addJob.ts';
import { type HashJob, serveHashing } from './hashThreads.ts';

/**
 * What an entry file of the threads of `addFolder` calls: one thread lists, plans and commits, those it starts read files.
 * @param summarize makes the result's summary, in the thread, so that very many files never block the caller
 */
export async function serveAdd(summarize?: Summarize): Promise<void> {
  const job = workerData as AddJob | HashJob;
  const port = parentPort!;
  if (job.role === 'hash') {
    serveHashing(job, port);
    return;
  }
  const send = (message: AddMessage) => port.postMessage(message);
  try {
    const result = await runAdd(job, (progress) => send({ type: 'progress', progress }), summarize);
    send({ type: 'done', result: { ...result, files: result.files.columns } });
  } catch (error) {
    if (!(error instanceof SlipwayError)) throw error;
    const { code, message, hint, status } = error;
    send({ type: 'refused', code, message, hint, status });
  }
}
