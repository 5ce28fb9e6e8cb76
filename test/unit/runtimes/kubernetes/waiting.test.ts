import assert from 'node:assert/strict';
import { capacityOf } from '../../../../server/runtimes/kubernetes/capacity.ts';
import { quantity } from '../../../../server/runtimes/kubernetes/objects.ts';
import { type Warning, waitOf } from '../../../../server/runtimes/kubernetes/waiting.ts';
import { job, node, pod } from './objects.ts';

const codeOf = (...args: Parameters<typeof waitOf>) => waitOf(...args)?.code;
const pulling = (message: string, reason = 'ErrImagePull') =>
  pod({ phase: 'Pending', state: { waiting: { reason, message } }, image: 'r/i:1' });
const unscheduled = (message: string) =>
  pod({ phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', message }] });

describe('what work waits for', () => {
  it('is nothing while it runs where it can be seen', () => {
    assert.equal(waitOf(job(), [pod({ state: { running: {} } })], [], node()), undefined);
  });

  it('is a node out of sight, whatever the pod last said', () => {
    const { code, detail } = waitOf(job(), [pod({ state: { running: {} } })], [], node({ ready: 'Unknown' }))!;
    assert.equal(code, 'nodeUnreachable');
    assert.match(detail, /2026-01-01T00:00:00/);
  });

  it('is admission while it is suspended, and somebody’s hand where it ran before', () => {
    assert.equal(codeOf(job({ suspend: true }), [], []), 'queued');
    assert.equal(codeOf(job({ suspend: true }), [pod({ phase: 'Failed' })], []), 'suspended');
  });

  it('is a quota, or another refusal of its pod', () => {
    const refused = (message: string): Warning[] => [{ reason: 'FailedCreate', message }];
    assert.equal(codeOf(job(), [], refused('pods "x" is forbidden: exceeded quota: q')), 'quota');
    assert.equal(codeOf(job(), [], refused('violates PodSecurity "restricted:latest"')), 'failing');
  });

  it('is a node that fits, or a volume', () => {
    assert.equal(
      codeOf(job(), [unscheduled('0/2 nodes are available: 2 Insufficient nvidia.com/gpu')], []),
      'unschedulable',
    );
    const unbound = 'pod has unbound immediate PersistentVolumeClaims';
    assert.equal(codeOf(job(), [unscheduled(`0/2 nodes are available: ${unbound}`)], []), 'volume');
  });

  // The messages are containerd's own.
  const pulls: [code: string, message: string][] = [
    ['image.missing', 'failed to resolve reference "r/i:1": r/i:1: not found'],
    ['image.denied', 'failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized'],
    ['image.denied', 'pull access denied, repository does not exist or may require authorization'],
    ['image.unreachable', 'failed to do request: Head "https://r/v2/": dial tcp: lookup r: no such host'],
    [
      'image.unreachable',
      'failed to do request: Head "https://r/v2/": dial tcp 10.0.0.1:443: connect: no route to host',
    ],
    ['image.failed', 'failed to extract layer sha256:1: unexpected media type'],
  ];
  for (const [code, message] of pulls) {
    it(`is ${code}: ${message.slice(0, 60)}`, () => assert.equal(codeOf(job(), [pulling(message)], []), code));
  }

  it('is why the pull failed, also while it backs off and says so no more', () => {
    const told = [{ reason: 'Failed', message: 'Failed to pull image "r/i:1": r/i:1: not found' }];
    const backingOff = pulling('Back-off pulling image "r/i:1"', 'ImagePullBackOff');
    assert.equal(codeOf(job(), [backingOff], told), 'image.missing');
  });
});

describe('the capacity of a cluster', () => {
  it('counts GPUs that pods of others hold, and not those of ours', () => {
    const ours = { 'app.kubernetes.io/managed-by': 'slipway' };
    const pods = [
      pod({ name: 'a', gpus: 2 }),
      pod({ name: 'b', gpus: 1, labels: ours }),
      pod({ name: 'c', phase: 'Failed', gpus: 4 }),
    ];
    const [only] = capacityOf([node({ gpus: 4 })], pods).nodes;
    assert.equal(only!.gpus.filter(({ busyByForeign }) => busyByForeign).length, 2);
    assert.deepEqual([only!.cpus, only!.memoryBytes], [3.5, 2 ** 31]);
  });

  it('reads quantities in every notation', () => {
    const texts = ['500m', '2Gi', '1e3', '129M', '0.5', '', 'x'];
    assert.deepEqual(texts.map(quantity), [0.5, 2 ** 31, 1000, 129e6, 0.5, undefined, undefined]);
  });
});
