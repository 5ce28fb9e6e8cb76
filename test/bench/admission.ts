/**
 * A thousand suspended Jobs, admitted through the real API server of the test cluster, on nodes of kwok: Jobs admitted a
 * second, the memory of the process that does it, and that each Job came to be once.
 */
import { randomBytes } from 'node:crypto';
import type { KubernetesRuntime } from '../../server/runtimes/kubernetes/index.ts';
import { up } from '../cluster/cluster.ts';
import { addKwokNodes, kwokTaint } from '../cluster/kwok.ts';
import { makeKubernetesPlace } from '../cluster/suite/place.ts';
import { prepareKwok } from '../run/setup/kubernetes.ts';
import type { BenchRow } from './run.ts';

const jobs = 1000;
const nodes = 20;
/** Starts in flight: the engine carries out as many commands at a time. */
const parallel = 32;

export default async function admission(): Promise<BenchRow[]> {
  const cluster = await up();
  await addKwokNodes(await prepareKwok(), cluster.kubectl, nodes);
  const place = await makeKubernetesPlace(cluster.kubectl);
  try {
    const settings = { nodeSelector: { type: 'kwok' }, tolerations: [{ ...kwokTaint, operator: 'Equal' }] };
    const runtime = await place.runtime({ settings });
    return await measure(runtime, async () => {
      const list = await cluster.kubectl(['get', 'jobs', '-n', place.namespace, '-o', 'name']);
      return list.trim().split('\n').length;
    });
  } finally {
    await place.close();
  }
}

async function measure(runtime: KubernetesRuntime, countJobs: () => Promise<number>): Promise<BenchRow[]> {
  const run = randomBytes(3).toString('hex');
  const ids = Array.from({ length: jobs }, (_, index) => `b${run}-${index}`);
  const ended = new Map<string, number>();
  const done = new AbortController();
  const watching = (async () => {
    for await (const observed of runtime.watch(done.signal)) {
      if (observed.type === 'ended') ended.set(observed.id, (ended.get(observed.id) ?? 0) + 1);
      if (ended.size === jobs) return;
    }
  })();
  const started = Date.now();
  const queue = ids.values();
  const start = async () => {
    for (const id of queue) {
      const command = ['/bin/true'];
      await runtime.start({
        id,
        kind: 'run',
        command,
        cwd: '/tmp',
        env: {},
        graceMs: 1000,
        needs: { gpus: 0, cpus: 0.1 },
      });
    }
  };
  await Promise.all(Array.from({ length: parallel }, start));
  const admittedSeconds = (Date.now() - started) / 1000;
  const limit = setTimeout(() => done.abort(), 240_000);
  await watching;
  clearTimeout(limit);
  done.abort();
  const endedSeconds = (Date.now() - started) / 1000;
  // A second start of all of them must not make another Job.
  await Promise.all(
    ids
      .slice(0, 50)
      .map((id) => runtime.start({ id, kind: 'run', command: ['/bin/true'], cwd: '/tmp', env: {}, graceMs: 1000 })),
  );
  const made = await countJobs();
  const rate = jobs / admittedSeconds;
  const memoryMb = process.resourceUsage().maxRSS / 1024;
  return [
    // Kueue's own performance test: https://github.com/kubernetes-sigs/kueue/tree/main/test/performance/scheduler
    { name: 'created and admitted', value: rate, unit: 'Jobs/s', peer: 43, goal: '≥ 43', met: rate >= 43 },
    { name: 'until all had ended and were written down', value: endedSeconds, unit: 's' },
    { name: 'seen to end', value: ended.size, unit: 'Jobs', goal: `= ${jobs}`, met: ended.size === jobs },
    { name: 'Jobs in the namespace', value: made, unit: 'Jobs', goal: `= ${jobs}`, met: made === jobs },
    { name: 'memory at its highest', value: memoryMb, unit: 'MB', goal: '< 300', met: memoryMb < 300 },
  ];
}
