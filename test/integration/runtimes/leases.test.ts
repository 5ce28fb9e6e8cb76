// Two control planes on one host, with a program in place of nvidia-smi, since what is shown needs no GPU.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { LocalRuntime, Observed } from '../../../server/runtimes/index.ts';
import { readStarted } from '../../../server/runtimes/local/records.ts';
import { type LocalPlace, makeLocalPlace } from './local-place.ts';

const uuids = ['GPU-aaaa', 'GPU-bbbb'];

describe('GPUs of a host that two users share', () => {
  let folder: string;
  let places: LocalPlace[];
  const before = { ...process.env };
  let stop: AbortController;

  beforeEach(async () => {
    stop = new AbortController();
    folder = await mkdtemp(join(tmpdir(), 'slipway-leases-'));
    await mkdir(join(folder, 'bin'));
    const gpus = uuids.map((uuid, index) => `${index}, ${uuid}, Stand-in, 1024`).join('\n');
    const script = `#!/bin/sh\ncase "$1" in --query-gpu=*) printf '%s\\n' '${gpus}' ;; *) cat ${folder}/processes ;; esac\n`;
    await writeFile(join(folder, 'bin', 'nvidia-smi'), script, { mode: 0o755 });
    await writeFile(join(folder, 'processes'), '');
    process.env['PATH'] = `${join(folder, 'bin')}${delimiter}${before['PATH']}`;
    process.env['SLIPWAY_GPU_LEASES'] = join(folder, 'leases');
    places = [await makeLocalPlace(), await makeLocalPlace()];
  });

  afterEach(async () => {
    stop.abort();
    for (const place of places) await place.close();
    process.env['PATH'] = before['PATH'];
    delete process.env['SLIPWAY_GPU_LEASES'];
    await rm(folder, { recursive: true, force: true });
  });

  const work = (id: string, gpus: number[]) => ({
    id,
    kind: 'run' as const,
    command: ['sleep', '600'],
    cwd: tmpdir(),
    env: {},
    gpus,
    graceMs: 1000,
  });

  async function state(runtime: LocalRuntime, id: string, type: Observed['type']): Promise<Observed> {
    for await (const observed of runtime.watch(AbortSignal.timeout(60_000)))
      if (observed.id === id && observed.type === type) return observed;
    throw new Error(`${id} was never ${type}`);
  }

  async function busy(runtime: LocalRuntime): Promise<boolean[]> {
    for await (const { nodes } of runtime.capacity(stop.signal)) return nodes[0]!.gpus.map((gpu) => gpu.busyByForeign);
    throw new Error('no capacity was told');
  }

  it('are handed out once, shown as busy to the other, and free again when their holder is killed', async () => {
    const [ann, bob] = await Promise.all(places.map((place) => place.runtime()));
    await ann!.start(work('r1-1', [0]));
    await state(ann!, 'r1-1', 'started');
    assert.deepEqual(
      [await busy(ann!), await busy(bob!)],
      [
        [false, false],
        [true, false],
      ],
    );

    await bob!.start(work('r2-1', [0, 1]));
    const refused = await state(bob!, 'r2-1', 'ended');
    assert.equal(refused.type === 'ended' && refused.reason, 'slotTaken');
    assert.deepEqual(await busy(ann!), [false, false], 'a part of what was asked for was kept');

    const { launcher } = (await readStarted(join(places[0]!.root, 'r1-1')))!;
    process.kill(launcher.pid, 'SIGKILL');
    await state(ann!, 'r1-1', 'ended');
    assert.deepEqual(await busy(bob!), [false, false]);
    await bob!.start(work('r2-2', [0, 1]));
    await state(bob!, 'r2-2', 'started');
    assert.deepEqual(await busy(ann!), [true, true]);
  });

  it('are no slots while a process computes on them that is no workload', async () => {
    const runtime = await places[0]!.runtime();
    const foreign = spawn('sleep', ['600']);
    try {
      await writeFile(join(folder, 'processes'), `GPU-bbbb, ${foreign.pid}\n`);
      assert.deepEqual(await busy(runtime), [false, true]);
    } finally {
      foreign.kill('SIGKILL');
    }
  });

  it('are given to one of many who ask at the same moment', async () => {
    const runtimes = await Promise.all(places.map((place) => place.runtime()));
    const asked = [0, 1, 2, 3, 4, 5].map((n) => ({ runtime: runtimes[n % 2]!, id: `race-${n}` }));
    await Promise.all(asked.map(({ runtime, id }) => runtime.start(work(id, [1]))));
    const reached = await Promise.all(
      asked.map(async ({ runtime, id }) => {
        for await (const observed of runtime.watch(AbortSignal.timeout(60_000))) {
          if (observed.id !== id) continue;
          if (observed.type === 'ended') return observed.reason;
          const place = places[asked.findIndex((one) => one.id === id) % 2]!;
          if ((await readStarted(join(place.root, id)))?.work) return 'running';
        }
        return 'unknown';
      }),
    );
    assert.deepEqual(reached.toSorted(), ['running', ...Array<string>(5).fill('slotTaken')]);
  });
});
