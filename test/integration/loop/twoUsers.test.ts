import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rm, stat, statfs, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { placeOfSuite, type Refusal, type Server, until } from './place.ts';

describe('one control plane a data folder', function () {
  this.timeout(120_000);
  const place = placeOfSuite();
  let server: Server;
  before(async () => {
    server = await place.serve();
  });

  it('a second one on the same data folder is refused and disturbs nothing', async () => {
    const ended = await place.slipway(['serve', '--data', place.data, '--port', '0']);
    assert.equal(ended.status, 1);
    assert.match(ended.stderr, /control plane runs on .* already/);
    assert.match(ended.stderr, /hint: /);
    assert.ok((await server.call('getInfo')).version);
  });

  it('only its user may read the token', async () => {
    assert.equal((await stat(place.path('data', 'token'))).mode & 0o777, 0o600);
  });

  it('another data folder has its own: neither takes the token of the other, neither sees its runs', async () => {
    const other = await place.serve({ data: place.path('other') });
    assert.notEqual(other.url, server.url);
    assert.notEqual(other.token, server.token);
    for (const [url, token] of [
      [server.url, other.token],
      [other.url, server.token],
    ] as const) {
      const answer = await fetch(`${url}/api/v1/runs`, { headers: { authorization: `Bearer ${token}` } });
      assert.equal(answer.status, 401);
    }
    await mkdir(place.path('code'));
    await writeFile(place.path('code', 'hello.py'), 'print("hello")');
    const { id } = await server.call('startRun', {
      body: { folder: place.path('code'), command: ['python', 'hello.py'] },
    });
    await assert.rejects(other.call('getRun', { params: { id } }), (error: Refusal) => error.status === 404);
    assert.equal((await other.stop()).status, 0);
  });

  it('a taken port is told', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    const { port } = holder.address() as { port: number };
    const ended = await place.slipway(['serve', '--data', place.path('third'), '--port', String(port)]);
    holder.close();
    assert.equal(ended.status, 1);
    assert.match(ended.stderr, new RegExp(`Port ${port} is taken`));
    assert.match(ended.stderr, /hint: .*--port/);
  });

  it('without a Python npm start says so and leaves nothing running', async () => {
    const bin = place.path('bin');
    await mkdir(bin);
    await symlink(process.execPath, join(bin, 'node'));
    const env = { PATH: bin, HOME: place.path('nobody') };
    const ended = await place.slipway(['start', '--exit', '--data', place.path('no python')], { env });
    // Where a uv lies outside the PATH there is a Python after all.
    if (ended.status === 0) return;
    assert.equal(ended.status, 1, ended.stdout + ended.stderr);
    assert.match(ended.stderr, /[Pp]ython/);
    assert.match(ended.stderr, /hint: .*nstall/);
  });

  it('a data folder that cannot be used is told', async () => {
    await writeFile(place.path('file'), 'not a folder');
    const ended = await place.slipway(['serve', '--data', place.path('file'), '--port', '0']);
    assert.equal(ended.status, 1);
    assert.match(ended.stderr, /data folder .*file.* cannot be written/);
  });

  describe('on a full disk', () => {
    let disk: string | undefined;
    before(async function () {
      const folder = place.path('disk');
      await mkdir(folder);
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=80m', 'slipway-test', folder], { stdio: 'ignore' });
      } catch {
        this.skip(); // Needs the right to mount a small file system of its own.
      }
      disk = folder;
    });
    after(() => {
      if (disk) execFileSync('umount', ['-l', disk]);
    });

    it('it does not start, and says why', async () => {
      const { bavail, bsize } = await statfs(disk!);
      await writeFile(join(disk!, 'ballast'), new Uint8Array(bavail * bsize - (1 << 20)));
      const ended = await place.slipway(['serve', '--data', join(disk!, 'data'), '--port', '0']);
      assert.equal(ended.status, 1);
      assert.match(ended.stderr, /no room left/);
      assert.match(ended.stderr, /hint: .*(Free|--data)/);
      await rm(join(disk!, 'ballast'));
    });

    it('what no longer fits is refused, and when there is room again it goes on', async () => {
      const small = await place.serve({ data: join(disk!, 'data') });
      await mkdir(place.path('large'));
      await writeFile(place.path('large', 'bytes'), Buffer.alloc(120 << 20, 7));
      const { id } = await small.call('addDatasetVersion', { body: { name: 'large', path: place.path('large') } });
      const ended = await until(async () => {
        const now = await small.call('getOperation', { params: { id } });
        return now.status === 'running' ? undefined : now;
      }, `the operation ${id}`);
      assert.equal(ended.status, 'failed');
      assert.match(ended.error!.message, /room|full|space/i);
      assert.notEqual(ended.error!.hint, '');
      await writeFile(place.path('large', 'bytes'), 'small now');
      const again = await small.call('addDatasetVersion', { body: { name: 'large', path: place.path('large') } });
      await until(
        async () => (await small.call('getOperation', { params: { id: again.id } })).status === 'succeeded',
        'the small one',
      );
      assert.equal((await small.stop()).status, 0);
    });
  });
});

describe('hand-over to another version', function () {
  this.timeout(120_000);
  const place = placeOfSuite();

  it('the old one ends, the new one adopts the run and tells its true end; the gateway never stops', async () => {
    const old = await place.serve();
    await mkdir(place.path('code'));
    const script =
      'import os, sys, time\nprint("up", flush=True)\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.05)\nprint("down")\nsys.exit(7)';
    await writeFile(place.path('code', 'wait.py'), script);
    const command = ['python', 'wait.py', place.path('go on')];
    const { id } = await old.call('startRun', { body: { folder: place.path('code'), command } });
    await until(async () => (await old.call('readRunLogs', { params: { id } })).text.includes('up'), 'its first line');
    const { gateway } = await old.call('getInfo');

    let isOver = false;
    let answers = 0;
    const failures: string[] = [];
    const asking = (async () => {
      while (!isOver) {
        // No endpoint is there: the gateway says so itself.
        const status = await fetch(`${gateway.url}/endpoints/nobody/`).then(({ status }) => status, String);
        if (status === 404) answers++;
        else failures.push(String(status));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    await old.call('handOver', { body: { version: '99.0.0' } });
    assert.equal((await old.running.ended).status, 0);
    // While nobody watches, the run comes to its end.
    const next = await place.serve();
    assert.notEqual(next.pid, old.pid);
    assert.equal(next.token, old.token);
    assert.equal((await next.call('getRun', { params: { id } })).status, 'running');
    await writeFile(place.path('go on'), '');
    const run = await until(async () => {
      const now = await next.call('getRun', { params: { id } });
      return now.endedAt === undefined ? undefined : now;
    }, 'the run to end');
    isOver = true;
    await asking;
    assert.deepEqual([run.status, run.exitCode, run.attempt], ['failed', 7, 1]);
    assert.match((await next.call('readRunLogs', { params: { id } })).text, /^up\ndown\n$/);
    assert.equal((await next.call('getInfo')).gateway.url, gateway.url);
    assert.deepEqual(failures, []);
    assert.ok(answers > 10, `${answers} answers`);
    const started = await readFile(place.path('data', 'workloads', `${id}-1`, 'started.json'), 'utf8');
    assert.ok(started.includes('"pid"'));
    await next.stop();
  });

  it('a run that ended while no control plane was there is told as it ended', async () => {
    const first = await place.serve();
    await writeFile(
      place.path('code', 'late.py'),
      'import time\nprint("up", flush=True)\ntime.sleep(1)\nraise SystemExit(5)',
    );
    const { id } = await first.call('startRun', {
      body: { folder: place.path('code'), command: ['python', 'late.py'] },
    });
    await until(
      async () => (await first.call('readRunLogs', { params: { id } })).text.includes('up'),
      'its first line',
    );
    process.kill(first.pid, 'SIGKILL');
    await first.running.ended;
    const exited = place.path('data', 'workloads', `${id}-1`, 'exited.json');
    await until(
      async () =>
        stat(exited).then(
          () => true,
          () => false,
        ),
      'the program to end',
    );
    const second = await place.serve();
    const run = await until(async () => {
      const now = await second.call('getRun', { params: { id } });
      return now.endedAt === undefined ? undefined : now;
    }, 'its end to be told');
    assert.deepEqual([run.status, run.exitCode], ['failed', 5]);
    await second.stop();
  });
});
