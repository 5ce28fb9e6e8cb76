/** What a person is told about work that does not run, or has ended, on the real test cluster. */
import assert from 'node:assert/strict';
import type { Workload } from '../../../server/runtimes/index.ts';
import type { KubernetesRuntime } from '../../../server/runtimes/kubernetes/index.ts';
import { readLog, shell, until } from '../../integration/runtimes/conformance.ts';
import { type Cluster, up } from '../cluster.ts';
import { apply } from '../kubectl.ts';
import { type Condition, untilCondition } from './conditions.ts';
import { type KubernetesPlace, makeKubernetesPlace } from './place.ts';

describe('on the cluster', function () {
  this.timeout(180_000);
  let cluster: Cluster;
  let place: KubernetesPlace;
  let runtime: KubernetesRuntime;
  before(async () => {
    cluster = await up();
    place = await makeKubernetesPlace(cluster.kubectl);
    runtime = await place.runtime();
  });
  after(() => place?.close());

  /** Starts work that is to wait, and gives the condition under this code. */
  async function conditionOf(workload: Workload, code: string): Promise<Condition> {
    await runtime.start(workload);
    const condition = await untilCondition(runtime, workload.id, code);
    await runtime.stop(workload.id, 'seen enough', 0);
    await until(runtime, workload.id, 'ended');
    return condition;
  }

  it('work that needs more memory than its limit is told so', async () => {
    const script = 'python3 -c "x = bytearray(200 << 20)"';
    const workload = shell(script, { needs: { memoryBytes: 48 << 20 } });
    await runtime.start(workload);
    const ended = await until(runtime, workload.id, 'ended');
    assert.deepEqual([ended.reason, ended.signal], ['signalled', 'SIGKILL']);
    assert.match(ended.detail, /more memory than its limit.*OOMKilled/);
  });

  it('an image whose registry does not answer is told as that', async () => {
    const workload = shell('true', { needs: { image: 'registry.invalid/none:1' } });
    const { detail } = await conditionOf(workload, 'image.unreachable');
    assert.match(detail, /registry\.invalid\/none:1 cannot be reached/);
  });

  it('more GPUs than any node has are told with the shapes of the nodes', async () => {
    const { detail } = await conditionOf(shell('true', { needs: { gpus: 99 } }), 'unschedulable');
    assert.match(detail, /Insufficient nvidia\.com\/gpu/);
  });

  it('GPUs are given where a node has them', async () => {
    const workload = shell('echo ran', { needs: { gpus: 4 } });
    await runtime.start(workload);
    assert.equal((await until(runtime, workload.id, 'started')).host, 'node-1');
    assert.equal((await until(runtime, workload.id, 'ended')).exitCode, 0);
  });

  it('a used-up quota is told with its name', async () => {
    const metadata = { name: 'nothing-left', namespace: place.namespace };
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: { hard: { pods: '0' } } };
    await apply(cluster.kubectl, [quota]);
    try {
      const { detail } = await conditionOf(shell('true'), 'quota');
      assert.match(detail, /exceeded quota: nothing-left/);
    } finally {
      await cluster.kubectl(['delete', 'resourcequota', '-n', place.namespace, 'nothing-left']);
    }
  });

  it('an evicted pod is replaced, nothing is counted, and the log goes on', async () => {
    const workload = shell('echo begun; sleep 6; echo done');
    await runtime.start(workload);
    await readLog(runtime, workload.id, 'begun');
    const pod = (
      await cluster.kubectl([
        'get',
        'pod',
        '-n',
        place.namespace,
        '-l',
        `slipway.dev/workload=${workload.id}`,
        '-o',
        'name',
      ])
    ).trim();
    const name = pod.replace('pod/', '');
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: place.namespace } };
    const path = `/api/v1/namespaces/${place.namespace}/pods/${name}/eviction`;
    await cluster.kubectl(['create', '--raw', path, '-f', '-'], JSON.stringify(eviction));
    const ended = await until(runtime, workload.id, 'ended');
    assert.deepEqual([ended.reason, ended.exitCode], ['exited', 0]);
    // The shell of the first pod says what ended its child.
    assert.match((await readLog(runtime, workload.id)).toString(), /^begun\n(Terminated\n)?begun\ndone\n$/);
  });

  it('a pod that somebody deletes ends the work, with what is known', async () => {
    const workload = shell('echo begun; sleep 600', { graceMs: 0 });
    await runtime.start(workload);
    await readLog(runtime, workload.id, 'begun');
    const selector = ['-n', place.namespace, '-l', `slipway.dev/workload=${workload.id}`];
    await cluster.kubectl(['delete', 'pod', '--wait=false', ...selector]);
    const ended = await until(runtime, workload.id, 'ended');
    assert.equal(ended.reason, 'signalled');
  });

  it('a Job that somebody deletes is lost, and says so', async () => {
    const workload = shell('sleep 600', { graceMs: 0 });
    await runtime.start(workload);
    await until(runtime, workload.id, 'started');
    await cluster.kubectl(['delete', 'job', '-n', place.namespace, workload.id, '--wait=false']);
    const ended = await until(runtime, workload.id, 'ended');
    assert.equal(ended.reason, 'lost');
    assert.match(ended.detail, /deleted its Job/);
  });

  it('GPUs that others hold are no free slots', async () => {
    const foreign = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'foreign', namespace: 'default' },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: 'c',
            image: 'slipway.test/python:bookworm',
            command: ['sleep', '600'],
            resources: { limits: { 'nvidia.com/gpu': '3' } },
          },
        ],
        nodeSelector: { 'kubernetes.io/hostname': 'node-1' },
      },
    };
    await apply(cluster.kubectl, [foreign]);
    const done = new AbortController();
    try {
      for await (const { nodes } of runtime.capacity(done.signal)) {
        const busy = nodes.find(({ name }) => name === 'node-1')!.gpus.filter(({ busyByForeign }) => busyByForeign);
        if (busy.length === 3) break;
      }
    } finally {
      done.abort();
      await cluster.kubectl(['delete', 'pod', 'foreign', '--wait=false']);
    }
  });
});
