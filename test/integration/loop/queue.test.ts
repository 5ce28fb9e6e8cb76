// The queue as people meet it: runs that wait say why, by API and CLI; policy.yaml; two users who share the GPUs of a host.
// A program stands in place of nvidia-smi, since none of this needs a real GPU.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';
import { placeOfSuite, type Server, until } from './place.ts';

describe('the queue', function () {
  this.timeout(180_000);
  const place = placeOfSuite();
  const cpus = availableParallelism();
  let ann: Server;
  let bob: Server;

  before(async () => {
    await mkdir(place.path('bin'));
    const answer = `case "$1" in --query-gpu=*) echo '0, GPU-1234, Stand-in, 1024' ;; esac`;
    await writeFile(place.path('bin', 'nvidia-smi'), `#!/bin/sh\n${answer}\n`, { mode: 0o755 });
    const PATH = `${place.path('bin')}${delimiter}${process.env['PATH']}`;
    const env = { PATH, SLIPWAY_GPU_LEASES: place.path('leases') };
    ann = await place.serve({ env });
    bob = await place.serve({ env, data: place.path('bob') });
    await Promise.all(
      [ann, bob].map((server) =>
        until(async () => (await server.call('listNodes')).items.length > 0, 'the node to be seen'),
      ),
    );
  });

  async function start(server: Server, name: string, resources: string, script: string): Promise<string> {
    const folder = place.path(name);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'work.sh'), script);
    await writeFile(
      join(folder, 'slipway.yaml'),
      `project: ${name}\ntrain: { run: sh work.sh, resources: ${resources}, objective: { metric: loss, goal: minimize } }\n` +
        'sweep: { trials: 36, space: { x: { float: [0, 1] } } }\n',
    );
    return (await server.call('startRun', { body: { folder } })).id;
  }

  const reaches = (server: Server, id: string, status: string) =>
    until(async () => (await server.call('getRun', { params: { id } })).status === status, `${id} to be ${status}`);

  const held = (name: string) =>
    `touch ${place.path(name)}.begun; while [ ! -e ${place.path(name)}.go ]; do sleep 0.1; done`;

  it('says why a run waits, behind whom and what would let it start, by API and in a sentence', async () => {
    const first = await start(ann, 'first', `{ cpu: ${cpus} }`, held('first'));
    await reaches(ann, first, 'running');
    const second = await start(ann, 'second', '{ cpu: 1 }', 'true');
    const third = await start(ann, 'third', '{ cpu: 1 }', 'true');
    await reaches(ann, third, 'waiting');
    await until(async () => (await ann.call('listQueue', {})).items.length === 2, 'two to wait');
    const { items } = await ann.call('listQueue', {});
    assert.deepEqual(
      items.map(({ id, waiting }) => [id, waiting.position, waiting.startsNowIf]),
      [
        [second, 1, `it would start now if ${first} ended`],
        [third, 2, `it would start now if ${first} ended and it were ahead of ${second}`],
      ],
    );
    const { stdout } = await place.slipway(['cluster', 'explain', second, '--data', place.data]);
    assert.match(
      stdout,
      new RegExp(`^${second} has waited since .*: waits for 1 CPUs to become free, place 1 in the line`),
    );
    await writeFile(`${place.path('first')}.go`, '');
    for (const id of [first, second, third]) await reaches(ann, id, 'succeeded');
    const done = await place.slipway(['cluster', 'explain', second, '--data', place.data]);
    assert.match(done.stdout, /does not wait: it is succeeded/);
  });

  it('estimates a sweep by how long its like took, against what policy.yaml leaves', async () => {
    const file = place.path('policy.yaml');
    await writeFile(file, 'tenants: { local: { budget: { cpuHours: 5 } } }\n');
    const dry = await place.slipway(['admin', 'policy', 'apply', file, '--dry-run', '--data', place.data]);
    assert.match(dry.stdout, /Would change:\n {2}tenants\.local: not set → /);
    assert.match((await ann.call('getPolicy', {})).text, /tenants: \{\}/);
    await place.slipway(['admin', 'policy', 'apply', file, '--data', place.data]);
    assert.match((await ann.call('getPolicy', {})).text, /cpuHours: 5/);
    const estimate = await ann.call('estimateSweep', { body: { folder: place.path('first') } });
    const { trials, trialSeconds, cpuHours, gpuHours, left, basis } = estimate;
    assert.deepEqual([trials, gpuHours, basis], [36, 0, 'median of the last 1 runs of first/train']);
    assert.equal(cpuHours, (36 * cpus * trialSeconds!) / 3600);
    assert.ok(left.cpuHours! > 0 && left.cpuHours! < 5, 'what has run is spent');
    const { entries, now, instead } = await ann.call('whatIf', { body: { placement: 'spread' } });
    assert.deepEqual([entries, now.gpusTotal, instead.gpusTotal], [3, 1, 1]);
  });

  it('gives the only GPU to one user at a time, and to the other when it is free again', async () => {
    const mine = await start(
      ann,
      'mine',
      '{ cpu: 0.1, gpu: 1 }',
      `echo "sees $CUDA_VISIBLE_DEVICES."; ${held('mine')}`,
    );
    await reaches(ann, mine, 'running');
    await until(
      async () => (await ann.call('readRunLogs', { params: { id: mine } })).text.includes('sees 0.'),
      'its GPU',
    );
    const yours = await start(bob, 'yours', '{ cpu: 0.1, gpu: 1 }', 'true');
    const { waiting } = await until(async () => {
      const answer = await bob.call('explainRun', { params: { id: yours } });
      return answer.waiting?.reason.includes('1 GPU') && answer;
    }, 'the reason');
    assert.match(waiting!.startsNowIf!, /would have to be given back by programs that Slipway did not start/);
    await writeFile(`${place.path('mine')}.go`, '');
    await reaches(ann, mine, 'succeeded');
    await reaches(bob, yours, 'succeeded');
    assert.deepEqual((await ann.call('listQueue', {})).items, []);
  });
});
