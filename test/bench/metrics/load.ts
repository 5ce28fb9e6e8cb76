// Reads every scalar of a log folder in a process of its own and says when it was done, and what memory it took.
import { exportScalars } from '../../../server/metrics/export.ts';

const { stats, problems } = await exportScalars(process.argv[2]!);
console.log(
  JSON.stringify({ points: stats.points, problems: problems.length, peakBytes: process.resourceUsage().maxRSS * 1024 }),
);
