// kill -9 of the control plane at random moments of adding, pushing, pulling and removing garbage; a full disk; a MinIO that
// goes away in the middle. After each the same command, given again, ends right, and every byte verifies.
// SLIPWAY_TEST_SEED repeats the moments of an earlier run.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Minio, minioProgram, startMinio } from '../integration/datasets/minio.ts';
import { randomOf } from '../integration/loop/killedLoop.ts';
import { type Ended, makePlace, type Place, type Server } from '../integration/loop/place.ts';

const kills = 50;
const files = 500;

describe('datasets whose control plane is killed', function () {
  this.timeout(18 * 60_000);
  let place: Place;
  let server: Server;
  let minio: Minio;
  const seed = Number(process.env['SLIPWAY_TEST_SEED'] ?? Date.now() % 1_000_000);
  const random = randomOf(seed);

  before(async function () {
    if (!minioProgram) {
      console.log('      SLIPWAY_TEST_MINIO names no program');
      this.skip();
    }
    console.log(`      seed ${seed}`);
    place = await makePlace();
    minio = await startMinio(place.path('minio'));
    server = await place.serve();
  });
  after(async () => {
    await server?.stop();
    await minio?.stop();
    await place?.close();
  });

  const command = (...args: string[]) => ['dataset', ...args, '--data', place.data, '--json'];
  const run = (...args: string[]) => place.slipway(command(...args), { env: minio.env });
  async function must(...args: string[]): Promise<Record<string, unknown>> {
    const { status, stdout, stderr } = await run(...args);
    assert.equal(status, 0, `${args.join(' ')}: ${stdout}${stderr}`);
    return JSON.parse(stdout) as Record<string, unknown>;
  }
  const write = (
    name: string,
    count = files,
    content = (i: number) => `${name} ${i} ${'x'.repeat((i * 7919) % 20_000)}`,
  ) => {
    for (let i = 0; i < count; i++) {
      if (i < 10) mkdirSync(place.path(name, String(i)), { recursive: true });
      writeFileSync(place.path(name, String(i % 10), `${i}`), content(i));
    }
    return place.path(name);
  };

  /** Runs a command, kills the control plane in the middle of it, starts another, and gives the command again. */
  async function killedDuring(longestMs: number, ...args: string[]): Promise<Record<string, unknown>> {
    const running = place.spawn(command(...args), { env: minio.env });
    await Promise.race([running.ended, delay(150 + random() * longestMs)]);
    const { stdout, stderr } = server.running.said;
    assert.ok(!server.running.hasEnded(), `the control plane ended by itself: ${stdout}${stderr}`);
    server.running.child.kill('SIGKILL');
    await server.running.ended;
    running.child.kill('SIGKILL');
    await running.ended;
    server = await place.serve();
    return must(...args);
  }

  async function timed(work: () => Promise<unknown>): Promise<number> {
    const began = performance.now();
    await work();
    return performance.now() - began;
  }

  it(`${kills} kills during add, push, pull and gc leave nothing half done`, async () => {
    write('first');
    const expected = await must('add', place.path('first'), '--name', 'data');
    const lasts = {
      add: await timed(() => must('add', write('measure'), '--name', 'measure')),
      push: await timed(() => must('push', 'measure', '--remote', 's3://data/measure')),
    };
    for (let round = 0; round < kills; round++) {
      if (round % 10 === 0) console.log(`      ${round} of ${kills} kills`);
      const kind = (['add', 'push', 'pull', 'gc'] as const)[round % 4]!;
      if (kind === 'add') {
        const added = await killedDuring(lasts.add, 'add', write(`new${round}`), '--name', 'killed', '--rehash');
        assert.equal(added['files'], files);
        rmSync(place.path(`new${round}`), { recursive: true });
      } else if (kind === 'push') {
        await killedDuring(lasts.push, 'push', 'killed', '--remote', 's3://data/killed');
        const there = await must('verify', 'killed', '--remote', 's3://data/killed').catch((error: unknown) => error);
        // Older versions were not pushed: only those of the one that was may not be missing.
        assert.ok(await pulls('killed', 's3://data/killed'), String(there));
      } else if (kind === 'pull') {
        await must('push', 'data', '--remote', 's3://data/kept');
        await must('delete', 'data', '--yes');
        await must('gc', '--grace', '0s');
        const pulled = await killedDuring(lasts.push, 'pull', 'data', '--remote', 's3://data/kept');
        assert.equal(pulled['digest'], expected['digest']);
        assert.equal(pulled['sha256'], expected['sha256']);
      } else {
        await must('delete', 'killed', '--yes');
        await killedDuring(300, 'gc', '--grace', '0s');
      }
      for (const name of ['data', 'measure'])
        assert.equal((await run('verify', name)).status, 0, `${name} after ${kind}`);
      if (kind === 'add') assert.equal((await run('verify', 'killed')).status, 0);
    }
    const temporary = readdirSync(place.path('data/objects/tmp'));
    assert.ok(temporary.length <= kills, temporary.join());
  });

  /** Whether a version that was pushed can be had back whole. */
  async function pulls(name: string, remote: string): Promise<boolean> {
    const pulled = await must('pull', name, '--remote', remote);
    return pulled['files'] === files && (await run('verify', name)).status === 0;
  }

  it('a push goes on when MinIO comes back', async () => {
    write('large', files);
    await must('add', place.path('large'), '--name', 'large');
    const running = place.spawn(command('push', 'large', '--remote', 's3://data/stopped'), { env: minio.env });
    await delay(400);
    await minio.stop();
    await delay(1000);
    await minio.start();
    const ended: Ended = await running.ended;
    assert.equal(ended.status, 0, ended.stderr + ended.stdout);
    assert.equal((await run('verify', 'large', '--remote', 's3://data/stopped')).status, 0);
  });

  it('a full disk is said, the store stays whole, and with room the add ends', async function () {
    if (process.getuid?.() !== 0) this.skip(); // who may not mount has no small disk
    const disk = place.path('small-disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=300m', 'tmpfs', disk]);
    try {
      const data = join(disk, 'data');
      const small = await place.serve({ data });
      const add = (name: string) =>
        place.slipway(['dataset', 'add', place.path(name), '--name', name, '--data', data, '--json']);
      const verify = (name: string) => place.slipway(['dataset', 'verify', name, '--data', data, '--json']);
      write('fits', 100);
      assert.equal((await add('fits')).status, 0);
      write('too-large', 3000, (i) => `${i} ${'y'.repeat(60_000)}`);
      writeFileSync(join(disk, 'filler'), Buffer.alloc(150 << 20, 1));
      const refused = await add('too-large');
      assert.equal(refused.status, 1);
      assert.match(refused.stdout + refused.stderr, /object\.noRoom/);
      assert.equal((await verify('fits')).status, 0);
      rmSync(join(disk, 'filler'));
      assert.equal((await add('too-large')).status, 0);
      assert.equal((await verify('too-large')).status, 0);
      await small.stop();
    } finally {
      execFileSync('umount', ['-l', disk]);
    }
  });
});
