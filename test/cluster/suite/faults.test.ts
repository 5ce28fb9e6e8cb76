/** The cluster breaks while work runs: nothing is lost, doubled or wrongly ended. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Workload } from '../../../server/runtimes/index.ts';
import type { KubernetesRuntime } from '../../../server/runtimes/kubernetes/index.ts';
import { readLog, shell, until } from '../../integration/runtimes/conformance.ts';
import { type Cluster, up } from '../cluster.ts';
import { apiServerReady, startApiServer } from '../controlPlane.ts';
import { nodes } from '../layout.ts';
import { setCable } from '../network.ts';
import { runKubelet } from '../node.ts';
import { endComponent } from '../processes.ts';
import { startMinio } from '../stores.ts';
import { untilCondition } from './conditions.ts';
import { type KubernetesPlace, makeKubernetesPlace } from './place.ts';

describe('faults of the cluster', function () {
  this.timeout(180_000);
  let cluster: Cluster;
  let place: KubernetesPlace;
  let runtime: KubernetesRuntime;
  const node = nodes[0]!;
  before(async () => {
    cluster = await up();
    place = await makeKubernetesPlace(cluster.kubectl);
    // What cannot be reached for now is tried again: no reason to fill the output.
    runtime = await place.runtime({
      onProblem: () => {},
      settings: { nodeSelector: { 'kubernetes.io/hostname': node.name } },
    });
  });
  after(() => place?.close());

  /** Work on the first node that goes on until it is told to end. */
  async function begin(): Promise<Workload> {
    const workload = shell('echo begun; while ! [ -e /tmp/go ]; do sleep 0.2; done; exit 5');
    await runtime.start(workload);
    await readLog(runtime, workload.id, 'begun');
    return workload;
  }

  /** Ends it from inside, and holds that it ran once and to its own end. */
  async function finish({ id }: Workload): Promise<void> {
    const stream = await runtime.open(id, { command: ['/bin/sh', '-c', 'echo > /tmp/go'] });
    stream.resume();
    const ended = await until(runtime, id, 'ended');
    assert.deepEqual([ended.reason, ended.exitCode], ['exited', 5]);
    assert.equal((await readLog(runtime, id)).toString(), 'begun\n');
  }

  it('the API server is killed and away for a while', async () => {
    const workload = await begin();
    await endComponent('apiserver', 'SIGKILL');
    const starting = runtime.start(shell('true')); // waits until it is back
    await delay(4000);
    startApiServer(cluster.programs.kubernetes);
    await apiServerReady();
    await starting;
    await finish(workload);
  });

  it('the kubelet is killed and started again', async () => {
    const workload = await begin();
    await endComponent(`kubelet-${node.name}`, 'SIGKILL');
    runKubelet(cluster.programs.kubernetes, node);
    await finish(workload);
  });

  it('the object store is killed and started again while a log is written', async () => {
    const workload = await begin();
    await endComponent('minio', 'SIGKILL');
    await delay(2000);
    await startMinio(cluster.minio!);
    await finish(workload);
  });

  it('a node is cut off for longer than the cluster waits: out of sight, not failed, and back', async () => {
    const workload = await begin();
    await setCable(node, 'down');
    try {
      const { detail } = await untilCondition(runtime, workload.id, 'nodeUnreachable');
      assert.match(detail, /node-1 has not been heard of since .* may well go on/);
    } finally {
      await setCable(node, 'up');
    }
    await untilCondition(runtime, workload.id, null);
    await finish(workload);
  });
});
