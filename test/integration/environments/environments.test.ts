import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  buildEnvironment,
  type EnvironmentContext,
  type EnvironmentLock,
  findUv,
  lockEnvironment,
} from '../../../server/runtimes/environments/index.ts';
import { makeSlowPackage } from './slow-package.ts';

const run = promisify(execFile);

describe('Python environments', function () {
  this.timeout(120_000);
  let scratch: string;
  let context: EnvironmentContext;

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'slipway-environments-'));
    const root = join(scratch, 'environments');
    const env = { ...process.env, UV_CACHE_DIR: join(scratch, 'cache') };
    context = { root, folder: scratch, uv: await findUv({ root, env }) };
  });

  after(() => rm(scratch, { recursive: true, force: true, maxRetries: 5 }));

  it('are locked to exact versions with hashes, the same way each time', async () => {
    const spec = { requirements: 'six>=1.16,<1.18' };
    const lock = await lockEnvironment(spec, context);
    assert.match(lock.packages['six']!, /^1\.1[67]\./);
    assert.match(lock.lock, /--hash=sha256:/);
    assert.match(lock.python, /^3\.\d+\.\d+/);
    assert.deepEqual(
      await lockEnvironment({ packages: ['six<1.18,>=1.16'] }, context).then((l) => l.packages),
      lock.packages,
    );
    assert.deepEqual(await lockEnvironment(spec, context), lock);
  });

  it('are built once and found again', async () => {
    const lock = await lockEnvironment({ requirements: 'six' }, context);
    const lines: string[] = [];
    const built = await buildEnvironment(lock, { ...context, onProgress: (line) => lines.push(line) });
    assert.equal(built.cached, false);
    assert.ok(
      lines.some((line) => line.includes('six==')),
      lines.join('\n'),
    );
    const { stdout } = await run(join(built.bin, 'python'), ['-c', 'import six; print(six.__version__)']);
    assert.equal(stdout.trim(), lock.packages['six']);
    assert.deepEqual(await buildEnvironment(lock, context), { ...built, cached: true });
  });

  it('can be empty', async () => {
    const built = await buildEnvironment(await lockEnvironment({}, context), context);
    await run(built.python, ['-c', 'pass']);
  });

  it('are built again when their interpreter has gone', async () => {
    const lock = await lockEnvironment({ packages: ['six==1.16.0'] }, context);
    const built = await buildEnvironment(lock, context);
    await rm(built.python);
    const again = await buildEnvironment(lock, context);
    assert.equal(again.cached, false);
    await run(again.python, ['-c', 'import six']);
  });

  it('say in one sentence why requirements do not fit together', async () => {
    await assert.rejects(lockEnvironment({ requirements: 'six==1.16\nsix==1.15' }, context), {
      code: 'environment.unresolvable',
      message: /do not resolve for Python 3\.\d+\.\d+: Because you require six==1\.1/,
    });
  });

  it('say which line cannot be read', async () => {
    await assert.rejects(lockEnvironment({ requirements: 'six=1' }, context), {
      code: 'environment.invalidRequirements',
      message: /six=1/,
    });
  });

  it('say that a Python is not there', async () => {
    const offline = { ...context, uv: { ...context.uv, env: { ...context.uv.env, UV_PYTHON_DOWNLOADS: 'never' } } };
    await assert.rejects(lockEnvironment({ python: '3.5' }, offline), {
      code: 'environment.noPython',
      message: /Python 3\.5 is not installed here/,
    });
    await assert.rejects(lockEnvironment({ python: './no/venv' }, context), { code: 'environment.noPython' });
  });

  it('that exist already are used as they are', async () => {
    const built = await buildEnvironment(await lockEnvironment({ packages: ['six==1.15.0'] }, context), context);
    const venv = join(built.bin, '..');
    const lock = await lockEnvironment({ python: venv }, context);
    assert.equal(lock.packages['six'], '1.15.0');
    assert.equal((await buildEnvironment(lock, context)).bin, built.bin);
  });

  it('give an interpreter that is only called python3 the name python', async () => {
    const { stdout } = await run('python3', ['-c', 'import sys; print(sys.executable)']);
    const bin = await mkdtemp(join(scratch, "it's here-"));
    await writeFile(join(bin, 'python3'), `#!/bin/sh\nexec '${stdout.trim()}' "$@"\n`, { mode: 0o755 });
    const found = await buildEnvironment(await lockEnvironment({ python: join(bin, 'python3') }, context), context);
    assert.equal((await run(join(found.bin, 'python'), ['-c', 'print(6 * 7)'])).stdout, '42\n');
  });

  describe('of a package that builds as long as the test wants', () => {
    let house: string;
    let lock: EnvironmentLock;
    const children: ChildProcess[] = [];

    beforeEach(async () => {
      house = await mkdtemp(join(scratch, 'house-'));
      await makeSlowPackage(house);
      // A folder of its own is an option of its own, and so a digest of its own for each test.
      lock = await lockEnvironment({ requirements: `--no-index\n--find-links ${house}\nslow` }, context);
    });

    afterEach(async () => {
      await writeFile(join(house, 'gate'), '');
      for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
    });

    it('are built anew after a kill in the middle, beside the installer that outlived it', async () => {
      const killed = startBuild(lock, context, children);
      await exists(join(house, 'building'));
      killed.child.kill('SIGKILL');
      await assert.rejects(killed.built);
      assert.equal((await readdir(join(context.root, lock.digest))).includes('complete.json'), false);

      const again = buildEnvironment(lock, context);
      await writeFile(join(house, 'gate'), '');
      const { python, cached } = await again;
      assert.equal(cached, false);
      await run(python, ['-c', 'import slow']);
    });

    it('are built by one of two processes that want them at the same time', async () => {
      const first = startBuild(lock, context, children);
      await exists(join(house, 'building'));
      const waiting: string[] = [];
      const second = buildEnvironment(lock, { ...context, onProgress: (line) => waiting.push(line) });
      await until(() => waiting.some((line) => line.startsWith('Waiting for another process')));
      await writeFile(join(house, 'gate'), '');
      assert.equal((await first.built).cached, false);
      assert.deepEqual(await second, { ...(await first.built), cached: true });
    });

    it('keep the versions they were first locked to, whatever is published since', async () => {
      await makeSlowPackage(house, '2.0');
      const spec = { requirements: `--no-index\n--find-links ${house}\nslow` };
      assert.equal((await lockEnvironment(spec, context)).packages['slow'], '1.0');
      assert.equal((await lockEnvironment({ ...spec, packages: ['slow>1'] }, context)).packages['slow'], '2.0');
    });

    it('can be cancelled, with every process of theirs, and leave no part of an environment', async () => {
      const cancel = new AbortController();
      const built = buildEnvironment(lock, { ...context, signal: cancel.signal });
      await exists(join(house, 'building'));
      cancel.abort();
      await assert.rejects(built, { code: 'environment.cancelled' });
      const backend = await readFile(join(house, 'building'), 'utf8');
      await until(() => hasEnded(backend));
      assert.deepEqual(
        (await readdir(join(context.root, lock.digest))).filter((name) => name.startsWith('venv-')),
        [],
      );
      await writeFile(join(house, 'gate'), '');
      assert.equal((await buildEnvironment(lock, context)).cached, false);
    });
  });
});

function startBuild(lock: EnvironmentLock, context: EnvironmentContext, children: ChildProcess[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'build-child.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  child.stdin.end(JSON.stringify({ lock, context }));
  const built = text(child.stdout).then((json) => JSON.parse(json) as Awaited<ReturnType<typeof buildEnvironment>>);
  built.catch(() => {});
  return { child, built };
}

function exists(path: string): Promise<void> {
  return until(() =>
    access(path).then(
      () => true,
      () => false,
    ),
  );
}

/** Whether a process is gone, or dead and only not yet waited for by the system's first process. */
async function hasEnded(pid: string): Promise<boolean> {
  const { stdout } = await run('ps', ['-o', 'stat=', '-p', pid]).catch((error: { stdout: string }) => error);
  return stdout.trim() === '' || stdout.startsWith('Z');
}

/** Waits until a condition holds; mocha's timeout ends it. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(20);
}
