import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runCli } from './memoryShell.ts';

describe('slipway simulate schedule', () => {
  let cwd = '';
  before(async () => {
    cwd = await mkdtemp(path.join(tmpdir(), 'slipway-simulate-'));
    await writeFile(
      path.join(cwd, 'nodes.csv'),
      'sn,cpu_milli,memory_mib,gpu,model\nn0,8000,1024,2,T4\nn1,8000,1024,2,T4\n',
    );
    const pods = [
      'name,cpu_milli,memory_mib,num_gpu,gpu_milli',
      'p0,1000,1,1,500',
      'p1,1000,1,1,1000',
      'p2,1000,1,2,1000',
    ];
    await writeFile(path.join(cwd, 'pods.csv'), `${pods.join('\n')}\n`);
    const job = (at: string, seconds: number, gpus: number, tenant: string) =>
      `2017-10-09 07:00:${at},${seconds}.0,${gpus},${seconds * gpus}.0,${tenant}`;
    const jobs = [job('00', 100, 8, 'ann'), job('10', 50, 8, 'bob'), job('20', 10, 16, 'ann')];
    await writeFile(path.join(cwd, 'jobs.csv'), `timestamp,duration,num_gpus,gpu_time,cluster\n${jobs.join('\n')}\n`);
    await writeFile(path.join(cwd, 'broken.csv'), 'name,cpu_milli,memory_mib,num_gpu,gpu_milli\np0,much,1,1,500\n');
  });
  after(() => rm(cwd, { recursive: true, force: true }));

  const run = (...words: string[]) => runCli(['simulate', 'schedule', ...words], { cwd });

  it('fills the nodes with pods until they ask for the load, and says it in the published form', async () => {
    const line = ['--nodes', 'nodes.csv', '--pods', 'pods.csv', '--load', '2', '--seed', '3', '--json'];
    const { status, stdout } = await run(...line, '--policy', 'bestfit');
    assert.equal(status, 0);
    const { decisionsPerSecond, gpusAllocatedPct, tasks, placed, ...rest } = JSON.parse(stdout);
    assert.ok(decisionsPerSecond > 0 && tasks > placed && placed > 0 && gpusAllocatedPct <= 100);
    const none = { p50: 0, p95: 0, max: 0 };
    const even = { p50: 1, p95: 1, max: 1 };
    assert.deepEqual(rest, {
      policy: 'bestfit',
      seed: 3,
      load: 2,
      gpusTotal: 4,
      waitSeconds: none,
      slowdown: even,
      preemptions: 0,
      jainFairness: 1,
      byTenant: { all: { waitSeconds: none, slowdown: even } },
    });
    const again = JSON.parse((await run(...line, '--policy', 'bestfit')).stdout);
    assert.equal(again.gpusAllocatedPct, gpusAllocatedPct);
  });

  it('lets jobs wait, run and end at their times: here one after the other on eight GPUs', async () => {
    const { stdout } = await run('--gpus', '8', '--pods', 'jobs.csv', '--json');
    const { tasks, placed, waitSeconds, byTenant } = JSON.parse(stdout);
    // Sixteen GPUs are two times eight at once, which eight GPUs never hold.
    assert.deepEqual([tasks, placed, waitSeconds.max, byTenant.bob.waitSeconds.p50], [3, 2, 90, 90]);
    const both = JSON.parse((await run('--gpus', '16', '--pods', 'jobs.csv', '--json')).stdout);
    assert.deepEqual([both.placed, both.byTenant.ann.waitSeconds.max], [3, 80]);
  });

  it('says what is wrong with a file or an option', async () => {
    const broken = await run('--nodes', 'nodes.csv', '--pods', 'broken.csv');
    assert.deepEqual([broken.status, /broken\.csv: row 2: cpu_milli is "much"/.test(broken.stderr)], [1, true]);
    assert.equal((await run('--pods', 'pods.csv')).status, 2);
    assert.equal((await run('--nodes', 'nodes.csv', '--pods', 'pods.csv', '--policy', 'worst')).status, 2);
    assert.match((await run('--nodes', 'jobs.csv', '--pods', 'pods.csv')).stderr, /columns sn, .* are missing/);
  });
});
