// The entry file of the threads of `addFolder`: one that lists, plans and commits, and those it starts to read files.
import { parentPort, workerData } from 'node:worker_threads';
import { SlipwayError } from '../protocol/errors.ts';
import type { AddJob, AddMessage } from './addFolder.ts';
import { runAdd } from './addJob.ts';
import { type HashJob, serveHashing } from './hashThreads.ts';

const job = workerData as AddJob | HashJob;
const port = parentPort!;

if (job.role === 'hash') {
  serveHashing(job, port);
} else {
  const send = (message: AddMessage) => port.postMessage(message);
  try {
    const result = await runAdd(job, (progress) => send({ type: 'progress', progress }));
    send({ type: 'done', result });
  } catch (error) {
    if (!(error instanceof SlipwayError)) throw error;
    const { code, message, hint, status } = error;
    send({ type: 'refused', code, message, hint, status });
  }
}
