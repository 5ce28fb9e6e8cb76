// Reads every scalar of a log folder in a process of its own and says when it was done, and what memory it took.
import { availableParallelism } from 'node:os';
import { exportScalars } from '../../../server/metrics/export.ts';

const worker = new URL('../../../server/metrics/exportWorker.ts', import.meta.url);
const threads = { worker, count: availableParallelism() };
const { stats, problems } = await exportScalars(process.argv[2]!, { threads });
const peakBytes = process.resourceUsage().maxRSS * 1024;
const { points, seconds: loadSeconds } = stats;
console.log(JSON.stringify({ points, loadSeconds, problems: problems.length, peakBytes }));
