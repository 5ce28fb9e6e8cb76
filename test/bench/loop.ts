// Time of each step of `npm start`'s loop on a fresh data folder, and again with everything cached.
import { answering, caller, makePlace, until } from '../integration/loop/place.ts';
import type { BenchRow } from './run.ts';

/** The goal of the whole loop, installation not counted, on two cores. */
const goalSeconds = 90;

export default async function loop(): Promise<BenchRow[]> {
  const place = await makePlace();
  try {
    const rows: BenchRow[] = [];
    const first = await wholeLoop(place);
    const pipelines = first.pipelines.toReversed();
    for (const [n, { steps }] of pipelines.entries()) {
      for (const { id, startedAt, endedAt } of steps) {
        if (startedAt === undefined || endedAt === undefined) continue;
        rows.push({
          name: `${n === 0 ? 'first model' : 'better model'}: ${id}`,
          value: (endedAt - startedAt) / 1000,
          unit: 's',
        });
      }
    }
    rows.push({
      name: 'whole loop',
      value: first.seconds,
      unit: 's',
      goal: `≤ ${goalSeconds}`,
      met: first.seconds <= goalSeconds,
    });
    const second = await wholeLoop(place);
    rows.push({ name: 'whole loop, cached', value: second.seconds, unit: 's' });
    return rows.map((row) => ({ ...row, value: Number(row.value.toFixed(2)) }));
  } finally {
    await place.close();
  }
}

async function wholeLoop(place: Awaited<ReturnType<typeof makePlace>>) {
  const began = performance.now();
  const running = place.spawn(['start', '--data', place.data]);
  await until(async () => running.hasEnded() || /^Done in /m.test(running.said.stdout), 'the loop', 600_000);
  const seconds = (performance.now() - began) / 1000;
  const server = await answering(place.data);
  if (!server) throw new Error(running.said.stdout + running.said.stderr);
  const { items } = await caller(server)('listPipelines');
  running.child.kill('SIGINT');
  await running.ended;
  return { seconds, pipelines: items };
}
