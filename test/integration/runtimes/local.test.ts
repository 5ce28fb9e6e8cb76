import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { tryLock, type Workload } from '../../../server/runtimes/index.ts';
import { writeRecord } from '../../../server/runtimes/local/folder.ts';
import { readStartToken } from '../../../server/runtimes/local/processes.ts';
import { readStarted, readWorkload } from '../../../server/runtimes/local/records.ts';
import { readLog, runtimeConformance, shell, until } from './conformance.ts';
import { type LocalPlace, launcherPath, makeLocalPlace } from './local-place.ts';

runtimeConformance('local', makeLocalPlace);

describe('local runtime, processes', function () {
  this.timeout(120_000);
  let place: LocalPlace;
  before(async () => {
    place = await makeLocalPlace();
  });
  after(() => place?.close());

  /** Whether a file is there already; waits until it is. */
  async function appears(path: string): Promise<void> {
    while (
      !(await access(path).then(
        () => true,
        () => false,
      ))
    )
      await delay(2);
  }

  /** A second control plane, in a process of its own. */
  function controlPlane(workload: Workload): ChildProcess {
    const script = resolve('test/integration/runtimes/control-plane.ts');
    const args = [script, place.root, launcherPath, JSON.stringify(workload)];
    return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  async function killNow(child: ChildProcess): Promise<void> {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async function run(workload: Workload) {
    const runtime = await place.runtime();
    await runtime.start(workload);
    return until(runtime, workload.id, 'ended');
  }

  describe('at the end of the work', () => {
    it('a signal that is not ours is told', async () => {
      const ended = await run(shell('kill -KILL $$'));
      assert.deepEqual([ended.reason, ended.signal, ended.exitCode], ['signalled', 'SIGKILL', null]);
    });

    it('background processes are ended and named, even in another session and deaf to SIGTERM', async () => {
      const deaf = `trap "" TERM; echo $$ >&2; while :; do sleep 0.1; done`;
      const workload = shell(`setsid sh -c '${deaf}' & sleep 600 & sleep 0.5; exit 3`, { graceMs: 100 });
      const ended = await run(workload);
      assert.deepEqual([ended.reason, ended.exitCode], ['exited', 3]);
      const pid = Number(await readLog(await place.runtime(), workload.id));
      assert.ok(pid > 0);
      assert.equal(await readStartToken(pid), undefined);
      assert.match(ended.detail, new RegExp(`in the background were ended: .*sh \\(pid ${pid}\\)`));
      assert.deepEqual(await place.members(workload.id), []);
    });

    it('processes without our mark are ended when they are in the session of the work', async () => {
      const workload = shell('env -i sleep 601 & sleep 0.3; exit 0', { graceMs: 100 });
      assert.match((await run(workload)).detail, /sleep/);
    });
  });

  describe('stop', () => {
    it('gives the grace time to the children too, after the main process has gone', async () => {
      const child = `trap "sleep 0.5; echo saved; exit 0" TERM; echo ready; while :; do sleep 0.05; done`;
      const workload = shell(`sh -c '${child}' & wait`, { graceMs: 20_000 });
      const runtime = await place.runtime();
      await runtime.start(workload);
      await readLog(runtime, workload.id, 'ready');
      await runtime.stop(workload.id, 'enough', 20_000);
      await until(runtime, workload.id, 'ended');
      assert.match((await readLog(runtime, workload.id)).toString(), /saved/);
    });

    it('can be repeated with less patience', async () => {
      const workload = shell(`trap '' TERM; echo ready; while :; do sleep 0.1; done`);
      const runtime = await place.runtime();
      await runtime.start(workload);
      await readLog(runtime, workload.id, 'ready');
      await runtime.stop(workload.id, 'please', 3_600_000);
      await runtime.stop(workload.id, 'now', 0);
      assert.equal((await until(runtime, workload.id, 'ended')).reason, 'stopped');
      assert.deepEqual(await place.members(workload.id), []);
    });

    it('that was recorded by a control plane which then died is carried out by the next', async () => {
      const workload = shell('sleep 600');
      await (await place.runtime()).start(workload);
      const next = await place.runtime();
      await next.observe(workload.id);
      await until(next, workload.id, 'started');
      await writeRecord(join(place.root, workload.id), 'stop.json', {
        at: Date.now(),
        reason: 'enough',
        graceMs: 5000,
      });
      const third = await place.runtime();
      await third.observe(workload.id);
      assert.equal((await until(third, workload.id, 'ended')).reason, 'stopped');
    });

    it('before the start keeps the work from beginning', async () => {
      const workload = shell('echo begun');
      const runtime = await place.runtime();
      await runtime.stop(workload.id, 'never mind', 0);
      const ended = await run(workload);
      assert.equal(ended.reason, 'stopped');
      assert.match(ended.detail, /never mind/);
      assert.equal((await readLog(runtime, workload.id)).length, 0);
    });
  });

  describe('when the control plane is killed', () => {
    it('the work goes on, its timeout holds, and the next one learns how it ended', async () => {
      const workload = shell('sleep 600', { timeoutMs: 1500 });
      const child = controlPlane(workload);
      await once(child.stdout!, 'data');
      await killNow(child);
      const next = await place.runtime();
      await next.observe(workload.id);
      assert.deepEqual((await until(next, workload.id, 'ended')).reason, 'timeout');
    });

    for (const file of ['workload.json', 'launcher.log', 'lock.db', 'started.json', 'log']) {
      it(`as soon as ${file} is there, a repeated start runs the work exactly once`, async () => {
        const workload = shell('echo begun; sleep 0.3; exit 5');
        const child = controlPlane(workload);
        await appears(join(place.root, workload.id, file));
        await killNow(child);
        const ended = await run(workload);
        assert.deepEqual([ended.reason, ended.exitCode], ['exited', 5]);
        assert.equal((await readLog(await place.runtime(), workload.id)).toString(), 'begun\n');
      });
    }

    it('before any launcher began, observing ends the work for good, and a late launcher does nothing', async () => {
      const workload = shell('echo begun');
      const folder = join(place.root, workload.id);
      await mkdir(folder, { recursive: true });
      await writeRecord(folder, 'workload.json', { ...workload, mark: `${workload.id}/test` });
      const runtime = await place.runtime({ launchGraceMs: 0 });
      await runtime.observe(workload.id);
      const ended = await until(runtime, workload.id, 'ended');
      assert.equal(ended.reason, 'lost');
      assert.match(ended.detail, /never began/);
      const [exitCode] = await once(spawn(process.execPath, [launcherPath, folder]), 'exit');
      assert.equal(exitCode, 0);
      await assert.rejects(access(join(folder, 'log')));
    });
  });

  describe('when the launcher is killed', () => {
    it('the work is ended with its grace time, lost, and never begun again', async () => {
      const child = `trap "echo saved; exit 0" TERM; echo ready; while :; do sleep 0.05; done`;
      const workload = shell(`setsid sh -c '${child}' & wait`);
      const runtime = await place.runtime();
      await runtime.start(workload);
      await readLog(runtime, workload.id, 'ready');
      const { launcher } = (await readStarted(join(place.root, workload.id)))!;
      process.kill(launcher.pid, 'SIGKILL');
      const ended = await until(runtime, workload.id, 'ended');
      assert.equal(ended.reason, 'lost');
      assert.match(ended.detail, /launcher \(pid \d+\) was killed.*ended: sh \(pid/);
      assert.deepEqual(await place.members(workload.id), []);
      assert.equal((await run(workload)).reason, 'lost');
      assert.equal(
        (await readLog(runtime, workload.id))
          .toString()
          .match(/ready|saved/g)
          ?.join(),
        'ready,saved',
      );
    });

    it('a control plane that is not its parent notices too', async () => {
      const workload = shell('sleep 600');
      const child = controlPlane(workload);
      const next = await place.runtime();
      await once(child.stdout!, 'data');
      await killNow(child);
      await next.observe(workload.id);
      await until(next, workload.id, 'started');
      process.kill((await readStarted(join(place.root, workload.id)))!.launcher.pid, 'SIGKILL');
      assert.equal((await until(next, workload.id, 'ended')).reason, 'lost');
      assert.deepEqual(await place.members(workload.id), []);
    });
  });

  it('a launcher does nothing while another one holds the lock', async () => {
    const workload = shell('echo begun');
    const folder = join(place.root, workload.id);
    await mkdir(folder, { recursive: true });
    await writeRecord(folder, 'workload.json', { ...workload, mark: `${workload.id}/test` });
    const lock = tryLock(join(folder, 'lock.db'))!;
    const [exitCode] = await once(spawn(process.execPath, [launcherPath, folder]), 'exit');
    assert.equal(exitCode, 0);
    await assert.rejects(access(join(folder, 'started.json')));
    lock.release();
  });

  it('work whose folder was deleted is lost', async () => {
    const workload = shell('true');
    const folder = join(place.root, workload.id);
    await mkdir(folder, { recursive: true });
    await writeRecord(folder, 'workload.json', { ...workload, mark: `${workload.id}/test` });
    const runtime = await place.runtime();
    await runtime.observe(workload.id);
    await rm(folder, { recursive: true });
    assert.match((await until(runtime, workload.id, 'ended')).detail, /deleted/);
  });

  it('work of an earlier boot is lost', async () => {
    const workload = shell('true');
    const folder = join(place.root, workload.id);
    await mkdir(folder, { recursive: true });
    await writeRecord(folder, 'workload.json', { ...workload, mark: `${workload.id}/test` });
    const itself = { pid: process.pid, startToken: '1' };
    await writeRecord(folder, 'started.json', {
      at: 1,
      host: 'here',
      bootId: 'before',
      launcher: itself,
      work: itself,
    });
    const runtime = await place.runtime();
    await runtime.observe(workload.id);
    const ended = await until(runtime, workload.id, 'ended');
    assert.equal(ended.reason, 'lost');
    assert.match(ended.detail, /restarted/);
  });

  it('a process that took over the pid of lost work is left alone', async () => {
    const stranger = spawn('sleep', ['600'], { detached: true });
    const workload = shell('true', { graceMs: 0 });
    const running = shell('sleep 600', { graceMs: 0 });
    const runtime = await place.runtime();
    await runtime.start(running);
    const { bootId } = await until(runtime, running.id, 'started');
    await runtime.stop(running.id, 'done', 0);
    const folder = join(place.root, workload.id);
    await mkdir(folder, { recursive: true });
    await writeRecord(folder, 'workload.json', { ...workload, mark: `${workload.id}/test` });
    const pid = { pid: stranger.pid!, startToken: '1' };
    await writeRecord(folder, 'started.json', { at: 1, host: 'here', bootId, launcher: pid, work: pid });
    await runtime.observe(workload.id);
    assert.equal((await until(runtime, workload.id, 'ended')).reason, 'lost');
    assert.equal(stranger.exitCode ?? stranger.signalCode, null);
    stranger.kill('SIGKILL');
  });

  it('a damaged record of the end is lost, not a hang', async () => {
    const workload = shell('true');
    await run(workload);
    await writeFile(join(place.root, workload.id, 'exited.json'), '{"at":');
    const next = await place.runtime();
    await next.observe(workload.id);
    const ended = await until(next, workload.id, 'ended');
    assert.equal(ended.reason, 'lost');
    assert.match(ended.detail, /exited\.json is damaged/);
  });

  it('a launcher that cannot run is told with its complaint', async () => {
    const workload = shell('true');
    const runtime = await place.runtime({ launcherPath: '/no/such/launcher.js' });
    await runtime.start(workload);
    const ended = await until(runtime, workload.id, 'ended');
    assert.equal(ended.reason, 'notStarted');
    assert.match(ended.detail, /Its launcher failed: Error: Cannot find module/);
    await assert.rejects((await place.runtime({ nodePath: '/no/such/node' })).start(shell('true')), {
      code: 'runtime.launchFailed',
    });
  });

  it('a missing working folder is told', async () => {
    const ended = await run(shell('true', { cwd: '/no/such/folder' }));
    assert.equal(ended.reason, 'notStarted');
    assert.match(ended.detail, /\/no\/such\/folder/);
  });

  it('only allow-listed variables of the control plane reach the work, which sees none of the launcher', async () => {
    process.env['SLIPWAY_TEST_SECRET'] = 'hush';
    try {
      const workload = shell('env');
      const runtime = await place.runtime({ launcherEnv: { ELECTRON_RUN_AS_NODE: '1' } });
      await runtime.start(workload);
      await until(runtime, workload.id, 'ended');
      const env = (await readLog(runtime, workload.id)).toString();
      assert.match(env, /^PATH=/m);
      assert.doesNotMatch(env, /hush|ELECTRON_RUN_AS_NODE|NODE_NO_WARNINGS/);
    } finally {
      delete process.env['SLIPWAY_TEST_SECRET'];
    }
  });

  it('nobody else can read the folders, the log and the variables', async () => {
    const workload = shell('echo secret');
    await run(workload);
    const mode = async (...names: string[]) => (await stat(join(place.root, ...names))).mode & 0o777;
    assert.equal(await mode(), 0o700);
    assert.equal(await mode(workload.id), 0o700);
    assert.equal(await mode(workload.id, 'workload.json'), 0o600);
    assert.equal(await mode(workload.id, 'log'), 0o600);
  });

  it('a port of the work is reached through loopback', async () => {
    const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const workload = shell('sleep 600', { graceMs: 0 });
    const runtime = await place.runtime();
    await runtime.start(workload);
    const stream = await runtime.open(workload.id, { port });
    assert.equal(String(await once(stream, 'data')), 'hello');
    server.close();
    await runtime.stop(workload.id, 'done', 0);
    await until(runtime, workload.id, 'ended');
  });

  it('destroying the stream of a command ends the command', async () => {
    const workload = shell('sleep 600', { graceMs: 0 });
    const runtime = await place.runtime();
    await runtime.start(workload);
    await until(runtime, workload.id, 'started');
    const stream = await runtime.open(workload.id, { command: ['/bin/sh', '-c', 'echo $$; sleep 602'] });
    const pid = Number(await once(stream, 'data'));
    stream.destroy();
    while ((await place.members(workload.id)).some((member) => member.pid === pid)) await delay(10);
    await runtime.stop(workload.id, 'done', 0);
    await until(runtime, workload.id, 'ended');
  });

  it('a log is followed while it is written, until its reader has enough', async () => {
    const workload = shell('echo one; read x < $FIFO; echo two; sleep 600', { graceMs: 0 });
    workload.env['FIFO'] = join(place.root, '..', 'fifo');
    await once(spawn('mkfifo', [workload.env['FIFO']]), 'exit');
    const runtime = await place.runtime();
    await runtime.start(workload);
    const done = new AbortController();
    let log = '';
    for await (const { bytes } of runtime.logs(workload.id, { offset: 0, follow: true, signal: done.signal })) {
      log += Buffer.from(bytes);
      if (log === 'one\n') await writeFile(workload.env['FIFO'], 'go\n');
      if (log === 'one\ntwo\n') done.abort();
    }
    assert.equal(log, 'one\ntwo\n');
    await runtime.stop(workload.id, 'done', 0);
    await until(runtime, workload.id, 'ended');
  });

  it('the mark names the workload', async () => {
    const workload = shell('echo $SLIPWAY_WORKLOAD');
    await run(workload);
    const { mark } = (await readWorkload(join(place.root, workload.id)))!;
    assert.equal(await readFile(join(place.root, workload.id, 'log'), 'utf8'), `${mark}\n`);
    assert.ok(mark.startsWith(`${workload.id}/`));
  });
});
